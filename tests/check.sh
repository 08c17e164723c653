# SPDX-License-Identifier: BSD-2-Clause
#
# tests/check.sh - for tests that are shell scripts: reads scripts/common, goes to
# the top of the tree, makes the directory $dir, which is removed at the end, and
# defines the functions below, which print TAP.

case $0 in
tests/judges/*|*/tests/judges/*) top=$(dirname "$0")/../.. ;;
*)	top=$(dirname "$0")/.. ;;
esac
. "$top/scripts/common"
unset_variables
cd "$top" || exit 2
top=$(pwd)
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
n=0

# Tests that call make get nothing from the make that runs them, but use the
# compiler that built this tree, and build first what is not up to date.
make_ready()
{
	unset MFLAGS MAKELEVEL MAKEOVERRIDES
	cc=$(sed 's/ -m32 .*//' build/flags)
	export MAKEFLAGS="-- CC=$(echo "$cc" | sed 's/ /\\ /g')"
	make >/dev/null 2>&1 || echo 'Bail out! the kernel does not build'
}

# check NAME STATUS PATTERN COMMAND...: one test, which passes if COMMAND exits
# with STATUS and a line of its output matches PATTERN.  An empty PATTERN wants
# no output at all.
check()
{
	name=$1 want=$2 pattern=$3
	shift 3
	n=$((n + 1))
	timeout -k 5 600 "$@" </dev/null >"$dir/out" 2>&1
	got=$?
	if [ "$got" -eq "$want" ] && {
		if [ -z "$pattern" ]; then
			[ ! -s "$dir/out" ]
		else
			grep -E -e "$pattern" "$dir/out" >/dev/null
		fi
	}; then
		echo "ok $n - $name"
		return
	fi
	echo "not ok $n - $name"
	echo "# status $got, wanted $want and ${pattern:+a line like: }" \
	    "${pattern:-no output}"
	tr -cd '\n\t\040-\176' <"$dir/out" | tail -n 12 | sed 's/^/# /'
}

# also NAME PATTERN: one test, which passes if the output of the last check has a
# line that matches the pattern, too.
also()
{
	n=$((n + 1))
	if grep -E -e "$2" "$dir/out" >/dev/null; then
		echo "ok $n - $1"
		return
	fi
	echo "not ok $n - $1"
	echo "# wanted a line like: $2"
	tr -cd '\n\t\040-\176' <"$dir/out" | tail -n 12 | sed 's/^/# /'
}

# skip NAME REASON: one test that cannot be made here.
skip()
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}
