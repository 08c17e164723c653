#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/bench/user_budget.t [-u] - count the instructions of what a program asks
# of the system (tests/user/bench.c), in the release image, and compare them with
# the ceilings in tests/bench/user_budget.tsv.  Prints TAP.  With -u, instead
# write the counts plus 5% into that file as new ceilings.
#
# Under QEMU's -icount the guest's TSC counts instructions, the same in every
# run.  Skipped where the program cannot be built (make user-tests).

set -u
. "$(dirname "$0")/../../scripts/common"
unset_variables
cd "$(dirname "$0")/../.." || exit 2
table=tests/bench/user_budget.tsv
program=build/tests/user/bench
out=build/bench
mkdir -p "$out"
log=$out/user-budget.log

if [ ! -x "$program" ]; then
	echo "1..0 # SKIP no $program: make user-tests"
	exit 0
fi
timeout -k 5 600 sh scripts/run-prog PROG=$program STATS=1 SMP=1 MEM=512M \
    KERNEL=build/release/mayfly.elf LOG="$out/user-budget.run" \
    ACCEL_THREAD=single -icount shift=0,sleep=off </dev/null >"$log" 2>&1
sed -n 's/^bench: \([a-z-]*\) \([0-9]*\)$/\1	\2/p
s/^mayfly: \([0-9]*\) us from .*/start-us	\1/p' "$log" >"$out/user-budget.costs"

if [ "${1:-}" = -u ]; then
	awk -F '\t' -v OFS='\t' '
	FILENAME == ARGV[1] { cost[$1] = $2; next }
	!/^#/ && $1 in cost { $3 = int(cost[$1] * 1.05) + 1 }
	{ print }' "$out/user-budget.costs" "$table" >"$out/user-budget.tsv" &&
	    mv "$out/user-budget.tsv" "$table"
	exit
fi

# The ceilings hold for code compiled by gcc.
case $(cut -d' ' -f1 build/flags) in
*clang*)	skip=" # SKIP the ceilings are for gcc" ;;
*)		skip= ;;
esac
awk -F '\t' -v skip="$skip" -v table="$table" -v log_name="$log" '
FILENAME != table { cost[$1] = $2; next }
/^#/ { next }
{
	c = cost[$1]
	why = !($1 in cost) ? "was not measured: see " log_name : \
	    sprintf("%7d  ceiling %6d  goal %6d%s", c, $3, $2, \
	    c + 0 > $2 + 0 ? "  (not reached)" : "")
	good = $1 in cost && (c + 0 <= $3 + 0 || skip != "")
	print (good ? "ok " : "not ok ") ++n " - " \
	    sprintf("%-16s", $1) " " why skip
}
END {
	if (n == 0)
		print "not ok " ++n " - there are ceilings"
	print "1.." n
}' "$out/user-budget.costs" "$table"
