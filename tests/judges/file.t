#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/judges/file.t - test how scripts/run-file judges a run, with a QEMU that
# only pretends to boot.  Prints TAP.

. "$(dirname "$0")/lib.sh"
fake_qemu
printf 'some file' >file
sum=$(sha256sum <file | cut -d' ' -f1)
wrong=$(sha256sum </dev/null | cut -d' ' -f1)

# file NAME STATUS PATTERN [VARIABLE=VALUE...]: run-file exits with STATUS and
# prints PATTERN.
file()
{
	name=$1 status=$2 pattern=$3
	shift 3
	check "$name" "$status" "$pattern" sh scripts/run-file FILE=file "$@"
}

# start: what every log begins with.
start()
{
	printf '%s\n' 'SeaBIOS' 'Booting from ROM..mayfly: 64 sf_bufs' \
	    'mayfly: pages free: low 1 direct 100; 2 CPUs; no NX' >log
	echo 'exit 33' >end
}

# digests SUM...: the log has these digests: CPU 0 shared, private, CPU 1 ...
digests()
{
	start
	i=0
	for s; do
		case $((i % 2)) in
		0)	echo "digest: cpu $((i / 2)) shared  $s" ;;
		1)	echo "digest: cpu $((i / 2)) private $s" ;;
		esac
		i=$((i + 1))
	done >>log
	printf '%s\n' 'sf_buf: all CPUs together:' '  hits   1' >>log
}

all='^run: all digests agree with sha256sum$'
digests "$sum" "$sum" "$sum" "$sum"
file 'all digests agree' 0 "$all"
for status in 0 1 3 65; do
	echo "exit $status" >end
	file "all digests agree, but exit status $status" 1 \
	    "^run: QEMU ended with status $status"
done
echo 'exec sleep 30' >end
file 'all digests agree, but it does not end' 1 \
    '^run: not done after 1 sec' LIMIT=1
echo 'kill -KILL $$; sleep 9' >end
file 'all digests agree, but QEMU is killed' 1 '^run: not done after|status 137'
echo 'exit 2' >end
file 'QEMU was not started' 2 .

digests "$sum" "$sum" "$sum"
file 'a digest is missing' 1 'not hold two digests of each CPU'
digests "$sum" "$sum"
file 'a CPU is missing' 1 'not hold two digests of each CPU'
digests "$sum" "$sum" "$sum" "$sum"
sed 's/^digest: cpu 1/digest: cpu 0/' log >twice && mv twice log
file 'the digests of one CPU, twice' 1 'not hold two digests of each CPU'
digests "$sum" "$sum" "$sum" "$sum"
echo "digest: cpu 1 private $wrong" >>log
file 'a second digest of a CPU differs' 1 "^run: sha256sum prints $sum, the"
digests "$sum" "$sum" "$sum" "$sum"
echo "digest: cpu 1 private $sum" >>log
file 'a second digest of a CPU is the same' 0 "$all"
digests "$sum" "$sum" "$sum" "$sum"
sed '/pages free/d' log >cut && mv cut log
file 'the number of CPUs is missing' 1 'not hold two digests of each CPU'
start
file 'no digest' 1 "^run: sha256sum prints $sum, the kernel nothing"
digests "$sum" "$sum" "$wrong" "$sum"
file 'one digest differs' 1 "^run: sha256sum prints $sum, the kernel"
digests "$wrong" "$wrong" "$wrong" "$wrong"
file 'all digests are of another file' 1 '^run: sha256sum prints'
digests "$sum" "$sum" "$sum" "$wrong"
echo 'digest: a digest differs from the module' >>log
echo 'exit 35' >end
file 'the kernel says that one differs' 1 \
    '^run: digest: a digest differs .*status 35'

# The kernel's own line says why.
start
printf '%s\n' 'mayfly: Option nonsense is not known' 'mayfly: halted' >>log
echo 'exit 39' >end
file 'the kernel refuses an option' 1 \
    '^run: the kernel refuses this run: mayfly: Option nonsense is not known'
start
printf '%s\n' 'panic: CPU 0: planted' '  at 0x1 somewhere' >>log
echo 'exit 37' >end
file 'the kernel panics' 1 '^run: panic: CPU 0: planted .status 37'

# A run is judged by what it was asked to do.
tests()
{
	start
	printf '%s\n' 'KTAP version 1' 1..2 'ok 1 a' 'ok 2 b' >>log
}
tests
file 'tests that pass' 0 '^run: all tests passed: 2$' APPEND='test=sf_buf.*'
file 'stress that passes' 0 '^run: all tests passed: 2$' APPEND=stress=1
file 'tests were asked for last' 0 '^run: all tests passed: 2$' \
    APPEND='test= stress=0 test=all'
file 'tests pass, but digests were asked for' 1 'the kernel nothing'
file 'tests pass, but an option takes them back' 1 'the kernel nothing' \
    APPEND='test=all test='
file 'tests pass, but no stress was asked for' 1 'the kernel nothing' \
    APPEND=stress=0
file 'tests pass, but benchmarks were asked for' 1 'did not end well' \
    APPEND='bench=exact.*'
sed '/^ok 2/d' log >cut && mv cut log
file 'the end of the tests is lost' 1 'the plan is of 2 tests, 1 are ok' \
    APPEND=test=all
echo 'not ok 2 b' >>log
file 'a test fails, and status 33' 1 'the log holds a "not ok"' \
    APPEND=test=all
echo 'exit 35' >end
file 'a test fails' 1 '^run: not ok 2 b .status 35' APPEND=test=all
digests "$sum" "$sum" "$sum" "$sum"
file 'digests agree, but tests were asked for' 1 'the log holds 0 plans' \
    APPEND=test=all
file 'digests agree, but stress was asked for' 1 'the log holds 0 plans' \
    APPEND='bench= stress=10'

start
printf '%s\n' sf_buf.one 'leak.two (hidden)' 'mayfly: 2 names' >>log
echo 'exit 39' >end
file 'a list of tests' 0 '^run: all names are listed' APPEND=test=list
file 'a list of benchmarks' 0 '^run: all names are listed' APPEND=bench=list
file 'a list, but tests were asked for' 1 'refuses this run: mayfly: 2 names' \
    APPEND='test=all bench=list'
sed '/^leak/d' log >cut && mv cut log
file 'a name of the list is lost' 1 'refuses this run' APPEND=test=list
start
echo 'mayfly: Option nonsense is not known' >>log
echo 'exit 39' >end
file 'a list that the kernel refuses' 1 'refuses this run: .*nonsense' \
    APPEND='test=list nonsense=1'

start
printf '%s\n' 'bench: begin' 'bench: case=a' 'bench: end ran=1 failed=0' >>log
echo 'exit 33' >end
file 'benchmarks' 0 '^run: all benchmarks ended well' APPEND='bench=exact.*'
sed 's/failed=0/failed=1/' log >cut && mv cut log
file 'a benchmark failed' 1 'did not end well' APPEND='bench=exact.*'
sed '/^bench: end/d' log >cut && mv cut log
file 'the end of the benchmarks is lost' 1 'did not end well' \
    APPEND='bench=exact.*'

# On a terminal the monitor ends the machine, with status 0.  What sets the
# terminal right is left out here.
terminal()
{
	check "$1" "$2" "$3" env MAYFLY_FILE=file ${4:+"MAYFLY_$4"} \
	    sh -c 'script -qec "sh scripts/run-file" raw >/dev/null
	    status=$?
	    sed "s/$(printf "\033")\\[[0-9;?]*[a-z]//g" raw
	    exit $status'
}
digests "$sum" "$sum" "$sum" "$sum"
echo 'exit 0' >end
terminal 'on a terminal, it ends with status 0 before the monitor' 1 \
    'run: QEMU ended with status 0, which means nothing'
digests "$sum" "$sum" "$sum" "$sum"
printf 'mayfly> digest\ndigest: cpu 0 shared  %s\n' "$wrong" >>log
echo 'exit 0' >end
terminal 'on a terminal, what is typed later does not count' 0 \
    'run: all digests agree with sha256sum'
tests
echo 'exit 0' >end
printf 'mayfly> test\nKTAP version 1\n1..1\nnot ok 1 a\n' >>log
terminal 'on a terminal, tests that are typed later do not count' 0 \
    'run: all tests passed: 2' APPEND=test=all
digests "$sum" "$sum" "$sum" "$wrong"
echo 'exit 0' >end
echo 'mayfly> ' >>log
terminal 'on a terminal, a digest differs' 1 'run: sha256sum prints'
start
echo 'mayfly> ' >>log
terminal 'on a terminal, no digest' 1 'the kernel nothing'
start
echo 'panic: CPU 0: x' >>log
echo 'exit 37' >end
terminal 'on a terminal, a panic' 1 'run: panic: CPU 0: x'
digests "$sum" "$sum" "$sum" "$sum"
for status in 1 35 39; do
	echo "exit $status" >end
	terminal "on a terminal, digests agree, but exit status $status" 1 \
	    "status $status"
done

echo "1..$n"
