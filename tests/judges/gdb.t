#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/judges/gdb.t - test tests/gdb.t, which judges gdb's commands, with a gdb
# and a QEMU that only pretend.  Prints TAP.

. "$(dirname "$0")/lib.sh"
cp "$top/tests/gdb.t" tests/gdb.t

# The QEMU makes the socket for which gdb.t waits.
cat >scripts/qemu <<'END'
for word; do
	case $word in
	unix:*)	socket=${word#unix:} ;;
	esac
done
perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => $ARGV[0],
    Listen => 1)' "${socket%%,*}"
. ./end
END
echo 'cat said' >scripts/gdb
cat >good <<'END'
   1  main       TDS_RUNNING  0
   3  sleeper    TDS_SLEEPING  1  the debugger (0x1)
cpu 0  APIC 0  runs main
cpu 1  APIC 1  runs idle 1
#0  debugger_look (m=0x1) at tests/debugger_test.c:30
#1  0x1 in look () at tests/debugger_test.c:40
sf_buf 3  page 0x123  references 2  mapped
1 of 64 in use
frame 0x123 at 0x1: VM_ZONE_MID, allocated, wired 1, direct references 0, last by 0x1 <look+3>
frame 0x0 at 0x0: VM_ZONE_LOW, reserved, wired 0, direct references 0, x
there is no frame 0xfffff
debugger_look in section .text
cr0 80000011 cr2 0
END
judge()
{
	check "$1" 0 "$2" sh tests/gdb.t
}
cp good said
echo 'exit 33' >end
judge 'all is there' '^ok 14 - the kernel goes on, and ends well'
check 'and nothing is not ok' 1 '^0$' sh -c 'sh tests/gdb.t | grep -c "^not ok"'
i=0
while IFS= read -r line; do
	i=$((i + 1))
	grep -vxF -e "$line" good >said
	judge "without: $line" '^not ok '
done <good
: >said
judge 'gdb prints nothing' '^not ok 13 - controls'
cp good said
for status in 0 1 35 37 124; do
	echo "exit $status" >end
	judge "the kernel ends with status $status" '^not ok 14 - the kernel'
done
echo 'kill -KILL $$; sleep 9' >end
judge 'QEMU is killed' '^not ok 14 - the kernel'
echo "1..$n"
