#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/run-file.t - test scripts/run-file with good and bad files.  Prints
# TAP.  Each run boots a small machine, or none.  A run that must fail has to
# fail with the expected status and the expected message, because the status
# alone could have another cause.

. "$(dirname "$0")/../scripts/common"
cd "$(dirname "$0")/.." || exit 2
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

unset_variables
export MAYFLY_SMP=2 MAYFLY_MEM=64M MAYFLY_LOG="$dir/log"
n=0

# check NAME STATUS PATTERN COMMAND...: one test, which passes if COMMAND exits
# with STATUS and a line of its output matches PATTERN.
check()
{
	name=$1 want=$2 pattern=$3
	shift 3
	n=$((n + 1))
	timeout -k 5 300 "$@" </dev/null >"$dir/out" 2>&1
	got=$?
	if [ "$got" -eq "$want" ] && grep -E -e "$pattern" "$dir/out" >/dev/null
	then
		echo "ok $n - $name"
		return
	fi
	echo "not ok $n - $name"
	echo "# status $got, wanted $want and a line like: $pattern"
	LC_ALL=C tr -cd '\n\t\040-\176' <"$dir/out" | tail -n 12 | sed 's/^/# /'
}

# good NAME FILE VARIABLE=VALUE...: passes if all digests of FILE agree.
good()
{
	name=$1 file=$2
	shift 2
	check "$name" 0 '^run: all digests agree with sha256sum$' \
	    sh scripts/run-file FILE="$file" "$@"
}

# bad NAME STATUS PATTERN FILE VARIABLE=VALUE...: passes if the run exits with
# STATUS and prints a line like PATTERN.
bad()
{
	name=$1 want=$2 pattern=$3 file=$4
	shift 4
	check "$name" "$want" "$pattern" \
	    sh scripts/run-file FILE="$file" "$@"
}

printf 'eighteen and a half' >"$dir/small"
head -c 1000003 /dev/urandom >"$dir/partial"
cp "$dir/small" "$dir/two words, a comma"
: >"$dir/empty"
truncate -s 40M "$dir/40m"
truncate -s 40000000 "$dir/40mb"
truncate -s 63M "$dir/63m"
truncate -s 100M "$dir/100m"
truncate -s 800M "$dir/800m"
truncate -s 1023M "$dir/1023m"
truncate -s 1G "$dir/1g"

good 'a partial last page' "$dir/partial"
good 'less than a page' "$dir/small"
good 'an empty file' "$dir/empty"
good 'spaces and commas in the name' "$dir/two words, a comma"
good 'an ISO image' "$dir/two words, a comma" BOOT=iso
good 'an empty file in an ISO image' "$dir/empty" BOOT=iso

# QEMU runs one CPU at a time here, so copying 12 MB and reading it several
# times takes over a second on any host, and progress is printed.
truncate -s 12M "$dir/12m"
check 'the progress of a large file is printed' 0 \
    '^digest: [0-9]+ of 13 MB (copied|read)' \
    sh scripts/run-file FILE="$dir/12m" SMP=4 MEM=128M ACCEL_THREAD=single

check 'the default run evicts, and maps for one CPU' 0 \
    '^    of them CPU-private +[1-9]' sh scripts/run-file
check 'a count of 0 is explained' 0 \
    '^digest: forced flushes, IPIs 0: flushed slots never ran out' \
    sh scripts/run-file FILE="$dir/small"

# A run is judged by what it was asked to do.
asked()
{
	check "$1" 0 "$2" sh scripts/run-file FILE="$dir/small" APPEND="$3"
}
asked 'tests that pass' '^run: all tests passed: [1-9][0-9]*$' 'test=sf_buf.maps*'
asked 'the list of tests' '^run: all names are listed$' test=list
asked 'the list of benchmarks' '^run: all names are listed$' bench=list
asked 'the stress test' '^run: all tests passed: 1$' stress=1
asked 'a benchmark' '^run: all benchmarks ended well$' 'bench=exact.hit-shared'
bad 'a test that fails' 1 '^run: not ok 1 runner.fails .status 35' \
    "$dir/small" APPEND=test=runner.fails
bad 'no module' 1 '^digest: no file' ''
bad 'no module in an ISO image' 1 '^digest: no file' '' BOOT=iso
bad 'no such file' 2 'no such file' "$dir/none"
bad 'a directory' 2 'is a directory' "$dir"
bad 'a device' 2 'not a file that can be read' /dev/zero
bad 'the memory holds the file but not its copy' 1 \
    'fits in memory only once' "$dir/40m"
bad 'the memory holds the file of an ISO image but not its copy' 1 \
    'fits in memory only once' "$dir/40m" BOOT=iso
bad 'the memory holds no whole copy beside the file' 1 \
    'fits in memory only once: there is room for one of at most [0-9]+ bytes' \
    "$dir/40mb" MEM=80M
bad 'the end of the file is behind that of the memory' 1 \
    'is not all in RAM; there is room for one of at most [0-9]+ bytes' \
    "$dir/40mb" MEM=40M
bad 'a file where the page tables would have to be' 1 \
    'leaves too little memory; there is room for one of at most [0-9]+ bytes' \
    "$dir/800m" MEM=5G
bad 'a file of almost 1 GiB' 1 \
    'leaves too little memory; there is room for one of at most [0-9]+ bytes' \
    "$dir/1023m" MEM=5G

# The largest file that a refusal allows is digested, and no larger one.
most=$(sh scripts/run-file FILE="$dir/40mb" MEM=40M </dev/null 2>&1 |
    sed -n 's/.* at most \([0-9]*\) bytes and its copy.*/\1/p' | head -n 1)
truncate -s "${most:-0}" "$dir/most"
truncate -s "$((${most:-0} + 2000000))" "$dir/more"
good 'the largest file of a small machine' "$dir/most" MEM=40M
bad 'a larger file on a small machine' 1 "at most [0-9]+ bytes and its copy" \
    "$dir/more" MEM=40M

bad 'the memory does not hold the file' 2 'does not fit in MEM=64M' \
    "$dir/100m"
bad 'GRUB finds no room for the file' 1 'could not load' "$dir/63m" BOOT=iso
bad 'a file of 1 GiB' 2 '1 GiB or more' "$dir/1g"
bad 'an option that the kernel does not know' 1 \
    '^run: the kernel refuses this run: mayfly: .*nonsense' \
    "$dir/small" APPEND=nonsense=1
bad 'a panic without a terminal for the monitor' 1 \
    '^run: panic: CPU 0: planted in an interrupt' "$dir/small" \
    APPEND='panic=monitor test=panic.in_an_interrupt'
bad 'no CPU' 2 'SMP=0: not 1 to 255' "$dir/small" SMP=0
bad 'more memory than a number holds' 2 'not a size' "$dir/small" \
    MEM=99999999999999999999G
bad 'a log that cannot be written' 2 'cannot be written' "$dir/small" \
    LOG="$dir/none/log"
bad 'a kernel that is not there' 2 'no such kernel' "$dir/small" \
    KERNEL="$dir/none"

# The image has the default module, which is the kernel itself.
small_iso()
{
	sh scripts/iso "$dir/iso" && size=$(wc -c <"$dir/iso") &&
	    echo "$size bytes" && [ "$size" -lt 4000000 ]
}
n=$((n + 1))
if out=$(small_iso 2>&1); then
	echo "ok $n - an ISO image of the kernel twice is under 4 MB"
else
	echo "not ok $n - an ISO image of the kernel twice is under 4 MB"
	printf '%s\n' "$out" | tail -n 5 | sed 's/^/# /'
fi

# The superuser may read every file, so the run becomes the user nobody (65534),
# if that user may read this tree.
chmod 755 "$dir"
chmod 000 "$dir/small"
n=$((n + 1))
if [ "$(id -u)" -ne 0 ]; then
	n=$((n - 1))
	bad 'a file that may not be read' 2 'can be read' "$dir/small"
elif setpriv --reuid=65534 --regid=65534 --clear-groups \
    test -r scripts/run-file 2>/dev/null; then
	n=$((n - 1))
	check 'a file that may not be read' 2 'can be read' \
	    setpriv --reuid=65534 --regid=65534 --clear-groups \
	    sh scripts/run-file FILE="$dir/small"
else
	echo "ok $n - a file that may not be read # SKIP the superuser may"
fi

echo "1..$n"
