#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/gdb.t - test the gdb commands of scripts/gdbinit, at a kernel in QEMU
# that is stopped in a case of tests/debugger_test.c.  Prints TAP.

. "$(dirname "$0")/../scripts/common"
unset_variables
cd "$(dirname "$0")/.." || exit 2
dir=$(mktemp -d) || exit 2
qemu=
finish()
{
	[ -z "$qemu" ] || kill "$qemu" 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

timeout 600 sh scripts/qemu SMP=2 MEM=64M FILE= KERNEL=build/mayfly.elf \
    APPEND='test=debugger.something_to_look_at sf_buf.dmap=off nsfbufs=64' \
    -S -gdb "unix:$dir/gdb,server=on,wait=off" \
    </dev/null >"$dir/qemu" 2>&1 &
qemu=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
	[ -S "$dir/gdb" ] && break
	sleep 1
done
timeout 600 sh scripts/gdb GDBPORT="$dir/gdb" KERNEL=build/mayfly.elf -batch \
    -ex 'hbreak debugger_look' -ex continue -ex threads -ex cpus \
    -ex 'backtrace 2' -ex sf_bufs -ex 'page m' -ex 'page 0' \
    -ex 'page 0xfffff' -ex 'whatis-at debugger_look' -ex controls \
    -ex btall -ex continue >"$dir/out" 2>&1 </dev/null
wait "$qemu"
status=$?
qemu=

n=0
check()
{
	n=$((n + 1))
	if grep -E -e "$2" "$dir/out" >/dev/null; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "# the output has no line like: $2"
	fi
}
check 'threads: a running one' '^ +1  main +TDS_RUNNING  [01]$'
check 'threads: a sleeping one' \
    '^ +[0-9]+  sleeper +TDS_SLEEPING  [01]  the debugger \(0x'
check 'cpus' '^cpu [01]  APIC [01]  runs main'
check 'an idle CPU' '^cpu [01]  APIC [01]  runs idle [01]$'
check 'symbols and lines' '^#0 +debugger_look \(.*tests/debugger_test.c:[0-9]+'
check 'their callers' '^#1 .* in look \(.*tests/debugger_test.c:[0-9]+'
check 'sf_bufs' '^sf_buf [0-9]+  page 0x[0-9a-f]+  references 2  mapped$'
check 'sf_bufs: the number in use' '^1 of 64 in use$'
check 'page, by its address' '^frame 0x[0-9a-f]+ at 0x[0-9a-f]+: VM_ZONE_[A-Z]+, allocated, wired 1, direct references 0, last by .*<look[+]'
check 'page, by its frame' '^frame 0x0 at 0x0: VM_ZONE_LOW, reserved, wired 0, direct references 0,'
check 'page, of a frame that is not there' '^there is no frame 0xfffff$'
check 'whatis-at' '^debugger_look in section [.]text$'
check 'controls' '^cr0 8[0-9a-f]{7} cr2 '
n=$((n + 1))
if [ "$status" -eq 33 ]; then
	echo "ok $n - the kernel goes on, and ends well"
else
	echo "not ok $n - the kernel goes on, and ends well"
	echo "# status $status"
	tail -n 5 "$dir/qemu" | sed 's/^/# /'
fi
mkdir -p build/logs
cp "$dir/out" build/logs/gdb.log
echo "1..$n"
