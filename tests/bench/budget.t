#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/bench/budget.t [-u] - count the exact number of instructions of one
# operation, in the debug and the release image, and the number for which the
# release image keeps interrupts off, and compare them with the ceilings in
# tests/bench/budget.tsv.  Then check that every scheme maps the right pages.
# Prints TAP.  With -u, instead write the counts of operations plus 5% into that
# file as new ceilings.
#
# Under QEMU's -icount the guest's TSC counts instructions, the same in every
# run.  With shift=2, start-up's waits take a quarter of the instructions.

set -u
. "$(dirname "$0")/../../scripts/common"
unset_variables
cd "$(dirname "$0")/../.." || exit 2
table=tests/bench/budget.tsv
out=build/bench
mkdir -p "$out"

# boot BUILD SMP: boots an image on SMP CPUs, with the benchmarks for that many.
boot()
{
	case $1 in
	debug)		kernel=build/mayfly.elf ;;
	release)	kernel=build/release/mayfly.elf ;;
	esac
	pattern='exact.*'
	[ "$2" -eq 1 ] || pattern=exact.miss-read-shared,exact.miss-all-cpus,\
exact.miss-read-private-busy
	log=$out/budget-$1-$2.log
	timeout -k 5 600 sh scripts/qemu SMP="$2" MEM=1G FILE= \
	    KERNEL=$kernel ACCEL_THREAD=single \
	    APPEND="bench=$pattern nsfbufs=1024" \
	    -icount shift=2,sleep=off </dev/null >"$log" 2>&1
	echo "status=$?" >>"$log"
}

# boot_off NSFBUFS SMP: boots the release image with that many slots, with the
# benchmark of how long interrupts are off.
boot_off()
{
	log=$out/budget-off-$1-$2.log
	timeout -k 5 600 sh scripts/qemu SMP="$2" MEM=2G FILE= \
	    KERNEL=build/release/mayfly.elf ACCEL_THREAD=single \
	    APPEND="bench=intr-off nsfbufs=$1" \
	    -icount shift=2,sleep=off </dev/null >"$log" 2>&1
	echo "status=$?" >>"$log"
}

boot_off 65536 1 &
boot_off 1024 1
boot_off 1024 2
wait
for smp in 1 2 4; do
	boot debug "$smp" &
	boot release "$smp"
	wait
done

# costs_of LOG BUILD SUFFIX prints case, cpus, build, cost, hits and misses of
# each measurement in the log of a boot that ended well; SUFFIX is added to the
# name of each case.
costs_of()
{
	grep -q '^status=33$' "$1" || return 0
	grep -q '^bench: begin .* exact=yes' "$1" || return 0
	tr -d '\r' <"$1" |
	    sed -n "s/^bench: case=\\([^ ]*\\) .* cpus=\\([0-9]*\\) .* cost=\\([0-9.]*\\) hits=\\([0-9]*\\) misses=\\([0-9]*\\) .*/\\1$3	\\2	$2	\\3	\\4	\\5/p"
}

# Prints the measurements of all logs.
costs()
{
	for build in debug release; do
		for smp in 1 2 4; do
			costs_of "$out/budget-$build-$smp.log" "$build" ''
		done
	done
	costs_of "$out/budget-off-1024-1.log" release @1024
	costs_of "$out/budget-off-1024-2.log" release @1024
	costs_of "$out/budget-off-65536-1.log" release @65536
}
costs >"$out/budget.costs"

# The ceilings hold for code compiled by gcc.
compiler=$(cut -d' ' -f1 build/flags)
case $compiler in
*clang*)	skip=" # SKIP the ceilings are for gcc" ;;
*)		skip= ;;
esac

if [ "${1:-}" = -u ]; then
	awk -F '\t' -v OFS='\t' '
	FILENAME == ARGV[1] { cost[$1, $2, $3] = $4; next }
	!/^#/ && !/^off-/ && ($1, $2, $3) in cost {
		c = cost[$1, $2, $3] * 1.05
		$5 = c == int(c) ? c : int(c) + 1
		$5 = $5 > $4 ? $4 : $5
	}
	{ print }' "$out/budget.costs" "$table" >"$out/budget.tsv" &&
	    mv "$out/budget.tsv" "$table"
	exit
fi

# A case of misses must have few hits and a case of hits no misses, else it
# measured something else.
awk -F '\t' -v skip="$skip" -v table="$table" -v counted="$out/budget.n" '
FILENAME != table {
	cost[$1, $2, $3] = $4; hits[$1, $2, $3] = $5; misses[$1, $2, $3] = $6
	next
}
/^#/ { next }
{
	what = sprintf("%-28s %s CPU%s  %-7s", $1, $2, $2 > 1 ? "s" : " ", $3)
	n++
	if (!(($1, $2, $3) in cost)) {
		verdict = "not ok"
		log_name = $3 "-" $2
		if (split($1, part, "@") == 2)
			log_name = "off-" part[2] "-" $2
		why = "was not measured: see build/bench/budget-" log_name ".log"
	} else {
		c = cost[$1, $2, $3]
		h = hits[$1, $2, $3]; m = misses[$1, $2, $3]
		why = sprintf("%7.2f  ceiling %4d  aim %3d%s", c, $5, $4,
		    c + 0 > $4 + 0 ? "  (not reached)" : "")
		verdict = c + 0 <= $5 + 0 || skip != "" ? "ok" : "not ok"
		if ($1 ~ /^miss/ ? h > m / 20 : m > 0) {
			verdict = "not ok"
			why = why sprintf("  with %d hits, %d misses", h, m)
		}
	}
	print verdict " " n " - " what " " why skip
}
END {
	if (n == 0)
		print "not ok " ++n " - there are ceilings"
	print n >counted
}' "$out/budget.costs" "$table"
n=$(cat "$out/budget.n")

timeout -k 5 600 sh scripts/qemu SMP=4 MEM=1G FILE= KERNEL=build/mayfly.elf \
    ACCEL_THREAD=single APPEND='bench=check pmap.pages=4k' </dev/null >"$out/check.log" 2>&1
status=$?
if [ "$status" -eq 33 ]; then
	echo "ok $((n + 1)) - every scheme maps the right pages"
else
	echo "not ok $((n + 1)) - every scheme maps the right pages"
	echo "# exit status $status: see $out/check.log"
fi
echo "1..$((n + 1))"
