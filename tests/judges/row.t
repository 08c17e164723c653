#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/judges/row.t - test scripts/run-row, which judges a boot, with a QEMU
# that only pretends to boot.  Prints TAP.

. "$(dirname "$0")/lib.sh"
fake_qemu

# table EXPECT PATTERN [MEM [BUILD]]: a table of one row.
table()
{
	printf '%s\t' here 1 "${3:-64M}" - pc single test=all "$1" "$2" kernel \
	    "${4:-debug}" >tests/matrix.tsv
	echo test >>tests/matrix.tsv
}

# row NAME STATUS PATTERN [VARIABLE=VALUE]: run-row exits with STATUS and prints
# PATTERN.
row()
{
	check "$1" "$2" "$3" env ${4:+"MAYFLY_$4"} sh scripts/run-row here
}

good()
{
	printf '%s\n' 'SeaBIOS' 'Booting from ROM..KTAP version 1' 1..2 \
	    'ok 1 a' 'ok 2 b' >log
	: >err
	echo 'exit 33' >end
	table 33 -
}

good
row 'a good run' 0 '^ok 1 - here$'
for status in 0 1 2 35 37 39 65; do
	echo "exit $status" >end
	row "a good log, but exit status $status" 1 \
	    "^# the exit status is $status, not 33"
done
echo 'exec sleep 30' >end
row 'a good log, but it does not end' 1 '^# .* 124, .*not done in 1 seconds' LIMIT=1
echo 'trap "" TERM; while :; do sleep 1; done' >end
row 'a good log, but it has to be killed' 1 \
    '^# the exit status is 137, not 33' LIMIT=1
for signal in ABRT SEGV KILL; do
	echo "kill -$signal \$\$; sleep 9" >end
	row "a good log, but QEMU dies by SIG$signal" 1 \
	    '^# the exit status is 1[0-9][0-9], not 33'
done

good
: >log
row 'status 33, and no output' 1 '^# the log holds 0 plans'
mkdir -p build/logs
printf '1..1\nok 1 a\n' >build/logs/here.log
row 'status 33, and the log of an earlier run' 1 '^# the log holds 0 plans'
good
sed '$d' log >cut && mv cut log
row 'status 33, and the end of the log is lost' 1 \
    '^# the plan is of 2 tests, 1 are ok'
printf 'not ok 2 b\n' >>log
row 'status 33, and a test failed' 1 '^# the log holds a "not ok"'
row 'the command that repeats it is printed' 1 '^# to repeat: .*scripts/qemu'
good
echo 'panic: CPU 0: x' >>log
row 'status 33, and a panic' 1 '^# the log holds a panic'

# A row that expects another status, and lines of the log.
good
echo 'panic: CPU 0: not wired' >log
echo 'exit 37' >end
table 37 'not wired & CPU [0-3]'
row 'an expected panic' 0 '^ok 1 - here$'
table 37 'not wired & CPU [4-7]'
row 'the second line is missing' 1 '^# the log has no line like: CPU .4-7.'
table 37 'wired now & CPU [0-3]'
row 'the first line is missing' 1 '^# the log has no line like: wired now'
for status in 0 33 35; do
	echo "exit $status" >end
	table 37 'not wired'
	row "the expected panic, but exit status $status" 1 \
	    "^# the exit status is $status, not 37"
done

# Only a large row may be skipped, and only if QEMU says why.
good
: >log
echo 'exit 1' >end
echo 'qemu: cannot set up guest memory: Cannot allocate memory' >err
table 33 - 20G
row 'a large row without memory' 0 '^1\.\.0 # SKIP QEMU cannot get 20G'
table 33 - 512M
row 'a small row without memory' 1 '^not ok 1 - here'
table 33 - 20G
echo 'qemu: cannot open the kernel' >err
row 'a large row that fails otherwise' 1 '^# qemu: cannot open the kernel'
good
table 33 - 20G
echo 'qemu: Cannot allocate memory' >err
echo 'exit 1' >end
row 'a large row that ends after it began' 1 '^# the exit status is 1, not 33'

good
check 'a row that is not there' 1 'must have one such row' \
    sh scripts/run-row nowhere
cat tests/matrix.tsv tests/matrix.tsv >twice && mv twice tests/matrix.tsv
row 'a row that is there twice' 1 'must have one such row'
good
sed 's/	test$//' tests/matrix.tsv >short && mv short tests/matrix.tsv
row 'a row without its last column' 1 'must have one such row, of 12 columns'
good
table 33 - 64M profile
row 'a build that is not known' 1 'column build says profile'
check 'no row' 2 '^usage: ' sh scripts/run-row
echo "1..$n"
