#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/pairwise.t - check that the rows of tests/matrix.tsv cover its axes
# pairwise, and that scripts/pairwise notices what is missing.  Prints TAP.

. "$(dirname "$0")/../scripts/common"
cd "$(dirname "$0")/.." || exit 2
table=$(mktemp) || exit 2
trap 'rm -f "$table"' EXIT
n=0

# check NAME STATUS PATTERN [TABLE]: scripts/pairwise exits with STATUS, and a
# line of its output matches PATTERN.
check()
{
	n=$((n + 1))
	out=$(sh scripts/pairwise ${4:+"$4"} 2>&1)
	if [ $? -eq "$2" ] && printf '%s\n' "$out" | grep -E -e "$3" >/dev/null
	then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf '%s\n' "$out" | sed 's/^/# /'
	fi
}

# without EXPRESSION: the table changed by a sed expression.
without()
{
	sed "$1" tests/matrix.tsv >"$table"
}

check 'all pairs are covered' 0 '^[1-9][0-9]* pairs .* 0 missing from [1-9]'
tab=$(printf '\t')
without "1,/${tab}test=all/{/${tab}test=all/d;}"
check 'a missing row is noticed' 1 ' [1-9][0-9]* missing from ' "$table"
# A row counts only if it runs all tests, in make test, and expects that they
# pass.
for change in 's/test=all/test=sf_buf.*/' 's/test=all/test=all skip=a/' \
    "s/${tab}33${tab}/${tab}37${tab}/" "s/${tab}kernel${tab}/${tab}iso${tab}/" \
    "s/${tab}test\$/${tab}all/"; do
	without "1,/${tab}test=all/{/${tab}test=all/$change;}"
	check "a row with $change" 1 ' [1-9][0-9]* missing from ' "$table"
done
without "s/^\\(#axis${tab}smp${tab}.*\\)/\\1 5/"
check 'a value that no row has' 1 '^smp=5 with mem=64M$' "$table"
without ''
echo "#axis${tab}nsfbufs.x${tab}4 5" >>"$table"
check 'an option that no row sets' 1 '^smp=1 with nsfbufs.x=5$' "$table"
without '/^#axis/d'
check 'a table without axes' 1 '^0 pairs of 0 axes' "$table"
without '/^[^#]/d'
check 'a table without rows' 1 ' missing from 0 rows' "$table"
check 'a table that is not there' 2 '' "$table.none"
echo "1..$n"
