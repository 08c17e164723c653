#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/judges/totals.t - test scripts/run-tests, scripts/progress and
# scripts/test-all, which add up verdicts.  Prints TAP.

. "$(dirname "$0")/lib.sh"
fake_qemu

# script NAME STATUS LINE...: makes tests/NAME, which prints the lines.
script()
{
	path=tests/$1 status=$2
	shift 2
	{
		echo '#!/bin/sh'
		printf "echo '%s'\n" "$@"
		echo "exit $status"
	} >"$path"
	chmod +x "$path"
}

# run NAME STATUS PATTERN TEST...: run-tests exits with STATUS and prints
# PATTERN.
run()
{
	name=$1 status=$2 pattern=$3
	shift 3
	check "$name" "$status" "$pattern" sh scripts/run-tests "$@"
}
script good.t 0 1..1 'ok 1 - good'
script bad.t 0 1..2 'ok 1 - a' 'not ok 2 - b' '# because of c'
run 'a test that passes' 0 '^1 passed, 0 failed, 0 skipped$' tests/good.t
run 'a test that fails, with status 0' 1 '^1 passed, 1 failed, 0 skipped$' \
    tests/good.t tests/bad.t
for line in '^Failed: tests/bad.t$' '^    not ok 2 - b$' '^    # because of c$' \
    '^    output: build/logs/bad.t.tap$' '^    to repeat: tests/bad.t$' \
    '^CPU time [0-9]+ s'; do
	also "the terminal has a line like: $line" "$line"
done
# fails NAME LINE...: run-tests says no if a test prints these lines.
fails()
{
	name=$1
	shift
	script odd.t 0 "$@"
	run "$name" 1 '^1 passed, 1 failed, 0 skipped$' tests/odd.t tests/good.t
}
fails 'a test that prints nothing' ''
fails 'a test without a plan' 'ok 1 - a'
fails 'a test with two plans' 1..1 'ok 1 - a' 1..1
fails 'a test that ends early' 1..2 'ok 1 - a'
fails 'a test that goes on for too long' 1..1 'ok 1 - a' 'ok 2 - b'
fails 'a test with a number twice' 1..2 'ok 1 - a' 'ok 1 - a'
script odd.t 0 1..1 'Bail out! no'
run 'a test that gives up' 255 '1 failed, 0 skipped$' tests/odd.t tests/good.t
script odd.t 0 1..0
run 'a test with a plan of none' 0 '^1 passed, 0 failed, 1 skipped$' \
    tests/odd.t tests/good.t
also 'is skipped' '^Skipped: tests/odd.t$'
script odd.t 1 1..1 'ok 1 - a'
run 'a test that passes, with status 1' 1 '^1 passed, 1 failed, 0 skipped$' \
    tests/odd.t tests/good.t
printf '#!/bin/sh\necho 1..1; echo ok 1; kill -KILL $$\n' >tests/odd.t
run 'a test that is killed' 1 '^1 passed, 1 failed, 0 skipped$' \
    tests/odd.t tests/good.t
run 'a test that is not there' 1 '^1 passed, 1 failed, 0 skipped$' \
    tests/none.t tests/good.t

# Rows of the table of machines.
printf '%s\t' big 1 20G - pc single test=all 33 - kernel debug \
    >tests/matrix.tsv
echo test >>tests/matrix.tsv
printf '1..1\nnot ok 1 a\n' >log
run 'a row that fails' 1 '^0 passed, 1 failed, 0 skipped$' build/rows/big
also 'the command that repeats it is printed' \
    '^    to repeat: sh scripts/run-row big$'
: >log
echo 'Cannot allocate memory' >err
echo 'exit 1' >end
run 'a row that is skipped' 0 '^1 passed, 0 failed, 1 skipped$' \
    tests/good.t build/rows/big
exec 8>build/testing
flock 8
run 'a run beside another one' 1 'tests are running in this tree' tests/good.t
flock -u 8

# Progress.
mkdir doing
: >doing/something
check 'what runs is named when nothing is printed' 0 \
    '^# [0-9]+ s: something$' env MAYFLY_PROGRESS=0.2 perl scripts/progress doing \
    sh -c 'sleep 1; echo done'
also 'the output is passed on' '^done$'
check 'and the exit status' 7 . perl scripts/progress doing \
    sh -c 'echo a; exit 7'
check 'and the signal' 137 . perl scripts/progress doing \
    sh -c 'echo a; kill -KILL $$'

# make test-all.
program make <<'END'
#!/bin/sh
case $2 in
good)	echo '5 passed, 0 failed, 0 skipped' ;;
bad)	echo '4 passed, 1 failed, 0 skipped'; exit 2 ;;
dead)	echo 'ok 1 - a'; kill -KILL $$ ;;
esac
END
check 'targets that pass' 0 '^test-all: 2 targets, 0 failed' \
    sh scripts/test-all good good
check 'a target that fails, before one that passes' 1 \
    '^test-all: 2 targets, 1 failed' sh scripts/test-all bad good
check 'is said so' 0 '^bad .* FAILED +4 passed, 1 failed' \
    cat build/test-all/summary
check 'and the other is made' 0 '^good .* passed +5 passed, 0 failed' \
    cat build/test-all/summary
check 'a target that is killed' 1 '^test-all: 1 targets, 1 failed' \
    sh scripts/test-all dead
echo "1..$n"
