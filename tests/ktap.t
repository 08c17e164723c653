#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/ktap.t - check that scripts/ktap accepts the log of a complete run and
# no other log.  Prints TAP.  The verdicts on all machines depend on
# scripts/ktap.

. "$(dirname "$0")/../scripts/common"
cd "$(dirname "$0")/.." || exit 2
n=0

# check NAME VERDICT LOG: one test, which passes if scripts/ktap prints VERDICT,
# nothing for a good log.  LOG is a format of printf.
check()
{
	n=$((n + 1))
	got=$(printf "$3" | sh scripts/ktap)
	status=$?
	want=1
	[ -n "$2" ] || want=0
	if [ "$got" = "$2" ] && [ "$status" -eq "$want" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "# status $status: $got"
	fi
}

check 'all passed' '' '1..2\nok 1 a\nok 2 b\n'
check 'as a serial port sends it' '' \
    'Booting from ROM..KTAP version 1\r\n1..1\r\n# x\r\nok 1 a\r\n'
check 'with a test that was skipped' '' '1..2\nok 1 a # SKIP x\nok 2 b\n'
check 'empty' 'the log holds 0 plans, not one' ''
check 'no plan' 'the log holds 0 plans, not one' 'ok 1 a\n'
check 'two plans' 'the log holds 2 plans, not one' '1..1\n1..1\nok 1 a\n'
check 'no tests' 'the plan is of no tests' '1..0\n'
check 'cut short' 'the plan is of 2 tests, 1 are ok' '1..2\nok 1 a\n'
check 'one too many' 'the plan is of 1 tests, 2 are ok' \
    '1..1\nok 1 a\nok 2 b\n'
check 'one twice' 'the numbers of the tests are not 1 to 2, in order' \
    '1..2\nok 1 a\nok 1 a\n'
check 'one out of range' 'the numbers of the tests are not 1 to 2, in order' \
    '1..2\nok 1 a\nok 3 c\n'
check 'two in the wrong order' \
    'the numbers of the tests are not 1 to 2, in order' \
    '1..2\nok 2 b\nok 1 a\n'
check 'one whose line was cut' 'the plan is of 2 tests, 1 are ok' \
    '1..2\nok 1 a\nok 2b\n'
check 'one before the plan' 'a test comes before the plan' \
    'ok 1 a\n1..1\n'
check 'a number above the plan' 'the plan is of 1 tests, 2 are ok' \
    '1..1\nok 1 a\nok 3 c\n'
check 'the plan of a skipped file' 'the log holds 0 plans, not one' \
    '1..0 # SKIP x\n'
check 'a panic after the last test' 'the log holds a panic' \
    '1..1\nok 1 a\npanic: CPU 0: x\n'
check 'one failed, although it is marked as skipped' \
    'the log holds a "not ok"' '1..2\nok 1 a\nnot ok 2 b # SKIP x\n'
check 'one failed' 'the log holds a "not ok"' '1..2\nok 1 a\nnot ok 2 b\n'
check 'one failed in a subtest' 'the log holds a "not ok"' \
    '1..1\n  not ok 1 a\nok 1 b\n'
check 'given up' 'the log holds a "Bail out!"' '1..1\nok 1 a\nBail out!\n'
check 'one failed behind the end of the plan' 'the log holds a "not ok"' \
    '1..1\nok 1 a\nnot ok 2 b\n'
check 'all skipped' 'every test was skipped' '1..1\nok 1 a # SKIP x\n'
echo "1..$n"
