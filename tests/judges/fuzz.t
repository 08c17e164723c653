#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/judges/fuzz.t - test scripts/fuzz, which judges what libFuzzer found,
# with programs that only pretend to be it.  Prints TAP.

. "$(dirname "$0")/lib.sh"
mkdir -p build/fuzz

# parser NAME LINE...: makes the fuzzer of a parser, a shell script.
parser()
{
	path=build/fuzz/$1
	shift
	printf '%s\n' '#!/bin/sh' "$@" >"$path"
	chmod +x "$path"
}

# fuzz NAME STATUS PATTERN: fuzz of two parsers exits with STATUS and prints
# PATTERN.
fuzz()
{
	check "$1" "$2" "$3" sh scripts/fuzz 1 one two
}
done='echo "Done 7 runs in 1 second(s)"'
parser one "$done"
parser two "$done"
fuzz 'two sound parsers' 0 '^2 passed, 0 failed$'
also 'what was run' '^ok 2 - two: 7 runs in 1 s'
parser one "$done" 'echo "BOOM" >"build/fuzz/one-crash-1"; exit 77'
fuzz 'an input that crashes' 1 '^1 passed, 1 failed$'
also 'is a test that is not ok' '^not ok 1 - one$'
also 'and can be repeated' \
    '^# to repeat: build/host/fuzz_one build/fuzz/one-crash-1$'
parser one "$done"
fuzz 'an input of an earlier run' 0 '^2 passed, 0 failed$'
parser two "$done" 'kill -KILL $$'
fuzz 'a fuzzer that is killed' 1 '^not ok 2 - two$'
parser two 'exit 0'
fuzz 'a fuzzer that tries nothing' 1 '^not ok 2 - two$'
parser two 'echo "Done 0 runs in 1 second(s)"'
fuzz 'a fuzzer of no runs' 1 '^not ok 2 - two$'
rm build/fuzz/two
fuzz 'a fuzzer that is not there' 1 '^not ok 2 - two$'
parser two "$done"
fuzz 'after it, all is well again' 0 '^2 passed, 0 failed$'
for seconds in '' 0 x 1x -1; do
	check "SECONDS=$seconds" 2 'not a number of seconds' \
	    sh scripts/fuzz "$seconds" one
done
echo "1..$n"
