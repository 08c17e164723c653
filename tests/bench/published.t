#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/bench/published.t - check that docs/performance/README.md is exactly
# what scripts/bench-report prints for the data beside it, and that every plot
# in it exists.  Prints TAP.

set -u
. "$(dirname "$0")/../../scripts/common"
cd "$(dirname "$0")/../.." || exit 2
kept=docs/performance
made=build/bench/published.md
mkdir -p build/bench
if sh scripts/bench-report "$kept" >"$made" && [ -s "$made" ] &&
    cmp -s "$made" "$kept/README.md"; then
	echo 'ok 1 - the published tables agree with the data'
else
	echo 'not ok 1 - the published tables agree with the data'
	echo "# make performance BENCH=report makes $kept/README.md again"
	diff "$made" "$kept/README.md" | head -n 20 | sed 's/^/# /'
fi
missing=
for f in $(sed -n 's/.*](\([^)]*\.svg\)).*/\1/p' "$kept/README.md"); do
	[ -s "$kept/$f" ] || missing="$missing $f"
done
if [ -z "$missing" ] && grep -q '\.svg' "$kept/README.md"; then
	echo 'ok 2 - every plot is there'
else
	echo "not ok 2 - every plot is there: missing$missing"
fi
echo 1..2
