#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/bench/published.t - whether docs/performance/README.md is what
# scripts/bench-report makes of the data beside it, and not written by hand;
# and whether every plot in it is there.  Speaks TAP.

set -u
cd "$(dirname "$0")/../.." || exit 2
kept=docs/performance
made=build/bench/published.md
mkdir -p build/bench
sh scripts/bench-report "$kept" >"$made"
if cmp -s "$made" "$kept/README.md"; then
	echo 'ok 1 - the tables are what the data says'
else
	echo 'not ok 1 - the tables are what the data says'
	echo "# make performance BENCH=report makes $kept/README.md anew"
	diff "$made" "$kept/README.md" | head -n 20 | sed 's/^/# /'
fi
missing=
for f in $(sed -n 's/.*](\([^)]*\.svg\)).*/\1/p' "$kept/README.md"); do
	[ -s "$kept/$f" ] || missing="$missing $f"
done
if [ -z "$missing" ] && grep -q '\.svg' "$kept/README.md"; then
	echo 'ok 2 - every plot is there'
else
	echo "not ok 2 - every plot is there: not$missing"
fi
echo 1..2
