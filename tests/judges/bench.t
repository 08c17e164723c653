#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/judges/bench.t - test tests/bench/budget.t and tests/bench/published.t,
# which judge costs and the published tables, with a QEMU that prints costs
# without a boot.  Prints TAP.

. "$(dirname "$0")/lib.sh"
fake_qemu
mkdir -p tests/bench build/release
cp "$top/tests/bench/budget.t" "$top/tests/bench/published.t" tests/bench/
echo kernel >build/release/mayfly.elf
echo 'gcc -m32' >build/flags

# boots COST HITS MISSES: what every boot prints.
boots()
{
	cat >log <<-END
	bench: begin nsfbufs=1024 cpus=1 exact=yes
	bench: case=hit scheme=sf_buf cpus=1 ops=9 cost=10.00 hits=9 misses=0 x=1
	bench: case=miss scheme=sf_buf cpus=1 ops=9 cost=$1 hits=$2 misses=$3 x=1
	END
	echo 'exit 33' >end
}
# budget NAME STATUS PATTERN: budget.t prints PATTERN.
budget()
{
	check "$1" 0 "$2" sh tests/bench/budget.t
}
ceilings()
{
	printf '%s\t%s\t%s\t%s\t%s\n' "$@" >tests/bench/budget.tsv
}
ceilings hit 1 release 10 10 miss 1 release 40 50
boots 50.00 0 9
budget 'a cost that is the ceiling' '^ok 2 - miss .* 50.00  ceiling   50'
also 'the cost of another case' '^ok 1 - hit '
also 'the schemes' '^ok 3 - every scheme maps the right pages$'
also 'the plan' '^1\.\.3$'
boots 50.01 0 9
budget 'a cost above the ceiling' '^not ok 2 - miss .* 50.01  ceiling   50'
boots 9.00 2 9
budget 'misses that are hits' '^not ok 2 - miss .*with 2 hits, 9 misses'
boots 9.00 0 9
sed 's/misses=0/misses=1/' log >cut && mv cut log
budget 'hits that are misses' '^not ok 1 - hit .*with 9 hits, 1 misses'
boots 9.00 0 9
sed '/case=miss/d' log >cut && mv cut log
budget 'a case that is not measured' '^not ok 2 - miss .*was not measured'
boots 9.00 0 9
sed 's/exact=yes/exact=no/' log >cut && mv cut log
budget 'costs that are not exact' '^not ok 2 - miss .*was not measured'
for status in 0 1 35 37 124; do
	boots 9.00 0 9
	echo "exit $status" >end
	budget "exit status $status" '^not ok 2 - miss .*was not measured'
	also 'nor are the schemes good' '^not ok 3 - every scheme maps'
done
boots 9.00 0 9
ceilings hit 1 release 10 10 miss 1 release 40 50 off 1 release 1 1
budget 'a row that no case has' '^not ok 3 - off .*was not measured'
ceilings miss 1 release 40 8
budget 'a ceiling that shrank' '^not ok 1 - miss '
: >tests/bench/budget.tsv
budget 'no ceilings' '^not ok 1 - there are ceilings'

# The published tables.
echo 'cat "$1/data"' >scripts/bench-report
published()
{
	check "$1" 0 "$2" sh tests/bench/published.t
}
docs=docs/performance
mkdir -p $docs
echo '![plot](one.svg)' | tee $docs/data >$docs/README.md
echo svg >$docs/one.svg
published 'tables that agree' '^ok 1 - '
also 'plots that are there' '^ok 2 - '
echo 'more' >>$docs/data
published 'a line that is missing' '^not ok 1 - '
echo '![plot](one.svg)' >$docs/data
echo 'exit 1' >>scripts/bench-report
published 'a report that fails' '^not ok 1 - '
echo 'cat "$1/data"' >scripts/bench-report
: >$docs/one.svg
published 'an empty plot' '^not ok 2 - .*one.svg'
rm $docs/one.svg
published 'a missing plot' '^not ok 2 - .*one.svg'
: >$docs/data
: >$docs/README.md
published 'empty tables' '^not ok 1 - '
also 'without plots' '^not ok 2 - '
echo "1..$n"
