# SPDX-License-Identifier: BSD-2-Clause
#
# tests/judges/lib.sh - what the tests of the judges share.  A judge is a script
# that says whether something passed.  Each test copies the judge into a small
# tree, replaces what the judge runs by programs that print and exit as they are
# told, and checks that the judge says no where it must.
#
# A test includes this file at its start and calls `finish' at its end.  $tree is
# the small tree and the present directory; programs in $tree/bin are found
# before those of the host.

. "$(dirname "$0")/../../scripts/common"
unset_variables
cd "$(dirname "$0")/../.." || exit 2
top=$(pwd)
tree=$(mktemp -d) || exit 2
trap 'rm -rf "$tree"' EXIT
trap 'exit 1' HUP INT TERM
n=0

mkdir -p "$tree/bin" "$tree/build" "$tree/tests"
cp -r "$top/scripts" "$tree/scripts"
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

# check NAME STATUS PATTERN COMMAND...: one test, which passes if COMMAND exits
# with STATUS and a line of its output matches PATTERN.
check()
{
	name=$1 want=$2 pattern=$3
	shift 3
	n=$((n + 1))
	timeout -k 5 600 "$@" </dev/null >"$tree/out" 2>&1
	got=$?
	if [ "$got" -eq "$want" ] && grep -E -e "$pattern" "$tree/out" >/dev/null
	then
		echo "ok $n - $name"
		return
	fi
	echo "not ok $n - $name"
	echo "# status $got, wanted $want and a line like: $pattern"
	LC_ALL=C tr -cd '\n\t\040-\176' <"$tree/out" | tail -n 12 | sed 's/^/# /'
}

# also NAME PATTERN: one test, which passes if the output of the last check has a
# line that matches the pattern, too.
also()
{
	n=$((n + 1))
	if grep -E -e "$2" "$tree/out" >/dev/null; then
		echo "ok $n - $1"
		return
	fi
	echo "not ok $n - $1"
	echo "# wanted a line like: $2"
	sed 's/^/# /' "$tree/out"
}

# finish: prints the plan.
finish()
{
	echo "1..$n"
}

cd "$tree" || exit 2
