#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# That the kernel's link graph is as scripts/layers.tsv says, as TAP; and that
# scripts/layers would tell if it were not: in a tree of three folders each
# thing that it must refuse is done once.

. "$(dirname "$0")/../scripts/common"
unset_variables
cd "$(dirname "$0")/.." || exit 2
top=$(pwd)
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
n=0

# check NAME STATUS PATTERN [ARGUMENT...] - scripts/layers in the present
# directory ends with STATUS, and a line of what it says matches PATTERN.
check()
{
	name=$1 want=$2 pattern=$3
	shift 3
	n=$((n + 1))
	out=$(perl "$top/scripts/layers" "$@" 2>&1)
	got=$?
	if [ "$got" -eq "$want" ] &&
	    printf '%s\n' "$out" | grep -E -e "$pattern" >/dev/null; then
		echo "ok $n - $name"
		return
	fi
	echo "not ok $n - $name"
	echo "# status $got, wanted $want and a line like: $pattern"
	printf '%s\n' "$out" | sed 's/^/# /'
}

# of FILE TEXT - a source or a header of the small tree; a source is compiled.
of()
{
	mkdir -p "$(dirname "$1")" "build/$(dirname "$1")"
	printf '%s\n' "$2" >"$1"
	case $1 in
	*.c)	gcc -I. -c -o "build/${1%.c}.o" "$1" ;;
	esac || echo "Bail out! $1 does not compile"
}

# small - the small tree, in which all is right: a circle of two files that an
# upcall closes, a panic, a test.
small()
{
	rm -rf "${dir:?}/"*
	mkdir scripts
	printf '%s\t%s\t%s\t%s\n' \
	    folder low - '' \
	    folder middle low '' \
	    folder high 'low middle' '' \
	    anywhere high/panic.c why '' \
	    upcall low/a.c tick why \
	    circle 2 '' '' >scripts/layers.tsv
	of high/high.h 'void tick(void);'
	of tests/test.h 'void test(void);'
	of low/a.c '#include "high/high.h"
	    void panic(void); void a(void) { tick(); panic(); }'
	of low/b.c 'void b(void) {}'
	of middle/m.c 'void b(void); void m(void) { b(); }'
	of high/panic.c 'void a(void); void panic(void) { a(); }'
	of high/tick.c '#include "high/high.h"
	    void a(void); void m(void); void tick(void) { a(); m(); }'
	of tests/t.c 'void tick(void); void test(void) { tick(); }'
	for object in low/a low/b middle/m high/panic high/tick tests/t; do
		echo "build/$object.o"
	done >build/objects
}

check 'the kernel keeps its storeys' 0 '^layers: [0-9]+ files'
grep -v '^upcall	kern/sync/lock.c	' scripts/layers.tsv >"$dir/table"
check 'one of its upcalls, not named' 1 \
    'kern/sync/lock.c -> vm/tlb.c.*may not use vm: .*tlb_serve' "$dir/table"

cd "$dir" || exit 2
small
check 'a small tree' 0 '^layers: 5 files; the largest circle has 2:'

of low/b.c 'void tick(void); void b(void) { tick(); }'
check 'an arrow that goes up' 1 \
    'build/low/b.o: low/b.c -> high/tick.c: low may not use high: tick$'
check 'a larger circle' 1 'the circle may have 2 files'
small
of middle/m.c 'void tick(void); void m(void) { tick(); }'
check 'another file has the upcall' 1 'middle may not use high: tick$'
small
of low/b.c 'void a(void); void b(void) { a(); }'
check 'a larger circle of arrows that are allowed' 1 \
    'the circle may have 2 files'
small
of low/a.c 'void tick(void); void m(void); void a(void) { tick(); m(); }'
check 'an upcall of another symbol' 1 'low may not use middle: m$'
small
of low/a.c 'void a(void) {}'
check 'an upcall that is none' 1 'low/a.c makes no upcall tick'
small
echo 'anywhere	low/none.c	why' >>scripts/layers.tsv
check 'a file of the table that is gone' 1 'there is no low/none.c'
small
of low/a.c 'void a(void) {}'
check 'a smaller circle' 1 'the circle has shrunk: lower 2 to 0'
small
of high/tick.c 'void test(void); void a(void); void tick(void) { a(); test(); }'
check 'a test that the kernel names' 1 \
    'high/tick.c -> tests/t.c: the kernel names a test: test$'
small
of high/tick.c '#include <tests/test.h>
    void a(void); void m(void); void tick(void) { a(); m(); }'
check "a test's header" 1 "high/tick.c: the kernel includes a test's"
small
of middle/m.c '# include "high/high.h"
    void b(void); void m(void) { b(); }'
check 'a header of a folder above' 1 'middle/m.c: .* includes high/high.h'
small
of middle/middle.h '#include <high/high.h>'
check 'one included by a header' 1 'middle/middle.h: .* includes high/high.h'

small
rm build/objects
check 'no list of objects' 2 'build/objects: No such file'
: >build/objects
check 'an empty list' 2 'no object of the kernel'
echo build/tests/t.o >build/objects
check 'a list of tests only' 2 'no object of the kernel'
small
rm build/low/b.o
check 'an object that is missing' 2 'nm build/low/b.o failed'
small
rm low/b.c
check 'an object without a source' 2 'no source of build/low/b.o'
small
of cellar/c.c 'void c(void) {}'
echo build/cellar/c.o >>build/objects
check 'a folder without a row' 2 'no row for the folder of cellar/c.c'
small
sed 's/^folder	low	-/folder	low	high/' scripts/layers.tsv >table
check 'a folder that may use one above' 2 'low: no row high above' table
echo 'folder	middle	high' >>scripts/layers.tsv
check 'a folder with two rows' 2 'not a row: folder	middle'
small
sed '/^circle/d' scripts/layers.tsv >table
check 'a table without a number' 2 'no row circle' table
check 'no table' 2 'none: No such file' none

echo "1..$n"
