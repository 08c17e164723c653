#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/pairwise.t - check that the rows of tests/matrix.tsv cover its axes
# pairwise, and that scripts/pairwise notices a missing row.  Prints TAP.

. "$(dirname "$0")/../scripts/common"
cd "$(dirname "$0")/.." || exit 2
short=$(mktemp) || exit 2
trap 'rm -f "$short"' EXIT

echo 1..2
not=
out=$(sh scripts/pairwise) || not='not '
echo "${not}ok 1 - all pairs are covered"
printf '%s\n' "$out" | sed 's/^/# /'

# Removes the first row that runs all tests.
tab=$(printf '\t')
not='not '
sed "1,/${tab}test=all/{/${tab}test=all/d;}" tests/matrix.tsv >"$short"
out=$(sh scripts/pairwise "$short") || not=
case $out in
*" 0 missing "*) not='not ' ;;
esac
echo "${not}ok 2 - a missing row is noticed"
