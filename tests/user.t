#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/user.t - run the programs of tests/user in ring 3: all in one boot, by
# their driver, and the call fuzzer in another; then a program that is not ours,
# busybox.  Prints TAP.  Where the host runs programs for i386, the first run is
# also made on its Linux, and both must print the same cases.
#
# Skipped where what the programs are built from is not there (make user-tests).

sysroot=${MAYFLY_SYSROOT:-build/sysroot}
. "$(dirname "$0")/check.sh"

programs='libc process pipe file thread signal memory hostile race'
bin=build/tests/user
if [ ! -x "$bin/driver" ]; then
	why=$(tail -n 1 build/tests/no-user 2>/dev/null)
	echo "1..0 # SKIP ${why:-no programs: make user-tests}"
	exit 0
fi
export MAYFLY_MEM=512M MAYFLY_SMP=2 MAYFLY_LOG="$dir/log" MAYFLY_LIMIT=300

# cases FILE: the lines of the cases, without what differs between systems.
cases()
{
	sed -n 's/ # .*//; s/^ *\(\(not \)\{0,1\}ok \)/\1/p' "$1"
}

files=$bin/text
for program in $programs; do
	files="$files $bin/$program"
done
timeout -k 5 400 sh scripts/run-prog PROG=$bin/driver FILE="$files" \
    ARGS="-t 60 $programs" </dev/null >"$dir/here" 2>"$dir/err"
check 'the driver ends with status 0' 0 '^0$' echo $?
# Each program is a test here too, with the lines that it printed.
for program in $programs; do
	sed -n "/^# $program\$/,/^\\(not \\)*ok [0-9]* - $program\$/p" \
	    "$dir/here" >"$dir/part"
	n=$((n + 1))
	if grep -q "^ok [0-9]* - $program\$" "$dir/part" &&
	    ! grep -q 'not ok' "$dir/part"; then
		echo "ok $n - $program"
	else
		echo "not ok $n - $program"
		grep -B 2 'not ok' "$dir/part" | sed 's/^/# /'
	fi
done
sed 's/^/# /' "$dir/err"

if $bin/libc libc.format >/dev/null 2>&1; then
	KTAP_BOOT=$bin timeout -k 5 400 $bin/driver $programs </dev/null \
	    >"$dir/linux" 2>&1
	cases "$dir/linux" >"$dir/linux.cases"
	cases "$dir/here" >"$dir/here.cases"
	check 'the host prints the same' 0 '' \
	    diff "$dir/linux.cases" "$dir/here.cases"
else
	skip 'the host prints the same' 'the host runs no program for i386'
fi

# On the newest CPU, with NX, SMEP and SMAP.
timeout -k 5 400 sh scripts/run-prog PROG=$bin/driver FILE="$files" \
    CPU=max SMP=4 ARGS='-t 60 hostile race memory file' </dev/null \
    >"$dir/out" 2>"$dir/err"
check 'hostile programs with CPU=max' 0 '^0$' echo $?
grep 'not ok' "$dir/out" | sed 's/^/# /'

# The kernel audits all tasks meanwhile, and fails if anything is left.
check 'calls at random' 0 '^ok 1 - fuzz' sh scripts/run-prog SMP=4 V=1 \
    PROG=$bin/fuzz APPEND=prog.audit=20 \
    ARGS="seed=${SEED:-1} calls=${CALLS:-100000}"
also 'they change no file' '^ok 2 - the file is as it was'
also 'no entry is wrong, and nothing is left' \
    'audit: [1-9].* looks .* 0 wrong, 0 leaks'

check 'no more tasks than there may be' 1 'errno 12' sh scripts/run-prog \
    PROG=$bin/process ARGS=fork.hundred APPEND=kern.ntasks=50

# A program of Debian's.
busybox=$sysroot/root/bin/busybox
# in_busybox NAME STATUS PATTERN SCRIPT: a line of its shell's output.
in_busybox()
{
	check "$1" "$2" "$3" sh scripts/run-prog PROG="$busybox" \
	    FILE=README.md ARGS="sh -c '$4'"
}
if [ -f "$busybox" ]; then
	digest=$(sha256sum <README.md | cut -d' ' -f1)
	in_busybox 'a pipeline' 0 '^3$' 'printf "a\\nb\\nc\\n" | cat | wc -l'
	in_busybox 'the digest of a file' 0 "^$digest " \
	    'sha256sum /boot/README.md'
	in_busybox 'the digest of a pipe' 0 "^$digest " \
	    'cat /boot/README.md | dd bs=777 2>/dev/null | sha256sum'
	in_busybox 'the status of a shell' 7 '^out$' 'echo out; exit 7'
	in_busybox 'the status of a signal' 143 'note 15' 'kill -TERM $$'
	in_busybox 'a file that is not there' 1 'No such file' \
	    'cat /boot/none'
	echo 'echo read $((6 * 7))' | sh scripts/run-prog PROG="$busybox" \
	    ARGS=sh >"$dir/typed" 2>&1
	check 'a script that is typed' 0 'read 42' cat "$dir/typed"
else
	skip 'busybox' "there is no $busybox"
fi
check 'a program of this tree, and no file' 0 '^1\.\.2$' \
    sh scripts/run-prog PROG=$bin/libc ARGS='libc.f time.m'
echo "1..$n"
