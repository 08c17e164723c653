# SPDX-License-Identifier: BSD-2-Clause
#
# tests/judges/lib.sh - what the tests of the judges share.  A judge is a script
# that says whether something passed.  Each test copies the judge into a small
# tree, replaces what the judge runs by programs that print and exit as they are
# told, and checks that the judge says no where it must.
#
# A test includes this file at its start, which includes tests/check.sh, and
# prints its plan at the end.  $tree is the small tree and the present directory;
# programs in $tree/bin are found before those of the host.

. "$(dirname "$0")/../check.sh"
tree=$dir/tree
mkdir -p "$tree/bin" "$tree/build" "$tree/tests"
cp -r scripts "$tree/scripts"
cd "$tree" || exit 2
PATH=$tree/bin:$PATH

# program NAME: makes bin/NAME of the script on standard input.
program()
{
	cat >"$tree/bin/$1"
	chmod +x "$tree/bin/$1"
}

# fake_qemu: a QEMU which prints the file log, with carriage returns, and also
# into the log file that it was given, prints the file err on standard error,
# and then ends as the file end says.
fake_qemu()
{
	: >"$tree/log"
	: >"$tree/err"
	echo 'exit 33' >"$tree/end"
	echo kernel >"$tree/build/mayfly.elf"
	program qemu-system-i386 <<-END
	#!/bin/sh
	log=/dev/null
	for word; do
		case \$word in
		*logfile=*)	log=\${word#*logfile=} log=\${log%,logappend*} ;;
		esac
	done
	sed 's/\$/\r/' "$tree/log" | tee "\$log"
	cat "$tree/err" >&2
	. "$tree/end"
	END
	cp bin/qemu-system-i386 bin/qemu-system-x86_64
}
