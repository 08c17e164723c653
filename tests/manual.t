#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/manual.t - check the manual pages and documents.  Prints TAP.
# man/mayfly.7 describes exactly the boot options and the monitor's commands
# that the sources declare; mandoc finds no fault in any page; make help lists
# every target; and the files, functions and cases that the documents name
# exist.

. "$(dirname "$0")/../scripts/common"
unset_variables
cd "$(dirname "$0")/.." || exit 2
n=0

# result STATUS NAME DETAILS: prints a test's result; a STATUS of 0 is ok.
result()
{
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
	fi
	[ -z "$3" ] || printf '%s\n' "$3" | sed 's/^/# /'
}

# declared PREFIX: prints the names in declarations PREFIX(identifier, "name",
# ...
declared()
{
	find boot arch kern vm sf_buf ipc task tests/*.c tests/digest tests/bench \
	    -name '*.c' -exec cat {} + |
	    tr '\n' ' ' | grep -oE "$1\\([a-z0-9_]+,[ 	]*\"[^\"]+\"" |
	    sed 's/.*"\(.*\)"/\1/' | sort
}

# described MACRO: prints the names in the lists of man/mayfly.7 that are marked
# up with the macro: Cm for options, Ic for commands.
described()
{
	sed -n "s/^\\.It $1 \\([a-z0-9._]*\\).*/\\1/p" man/mayfly.7 | sort
}

# compare NAME LEAST DECLARED DESCRIBED: one test, which passes if the two lists
# have the same names and at least LEAST of them.
compare()
{
	missing=$(printf '%s\n' "$3" | grep -vxF -e "$4")
	extra=$(printf '%s\n' "$4" | grep -vxF -e "$3")
	[ -z "$missing$extra" ] &&
	    [ "$(printf '%s\n' "$3" | wc -l)" -ge "$2" ]
	result $? "$1" "${missing:+not described: }$missing${extra:+
not declared: }$extra"
}

compare 'boot options' 12 "$(declared 'TUNABLE_(UINT|BOOL|STR|ENUM)')" \
    "$(described Cm)"
compare 'commands of the monitor' 12 \
    "$(declared '(SAFE_|)COMMAND')" "$(described Ic)"

# What a value of an option may hold, and an example that shows what it says.
size=$(sed -n 's/^#define	TUNABLE_STRSIZE	\([0-9]*\).*/\1/p' sys/tunable.h)
tr '\n' ' ' <man/mayfly.7 | grep -q "at most $((size - 1)) characters together"
result $? 'how long a list of tests may be' ''
example=$(sed -n 's/^\.Dl \(.* APPEND=.test=sf_buf.*\)/\1/p' man/mayfly.7)
skipped=$(timeout -k 5 60 sh -c "$example" </dev/null | grep -c '^ok .*# SKIP')
[ -n "$example" ] && [ "$skipped" -le 4 ]
result $? 'the example that runs the sf_buf tests skips few of them' \
    "skipped: $skipped"

# The targets left out are only prerequisites of others.
compare 'targets that make help lists' 15 \
    "$(sed -n 's/^\.PHONY: //p' Makefile tests/*/*.mk | tr ' ' '\n' |
	grep -vxE 'force|images|need-test|objects|programs|try-user-tests' | sort)" \
    "$(make -s help | sed -n '1,/^Var/s/^    \([a-z-]*\) .*/\1/p' | sort)"

# Of a name that ends in a * only the directory must exist.  /boot is that of a
# program, and build/ may not be there yet.
documents='README.md docs/*.md man/*.[0-9]'
sources=$(find arch boot kern sf_buf vm ipc task user sys tests linker.ld -type f \
    ! -path '*/corpus/*')
gone=$(cat $documents | sed 's,\(/boot\|\bbuild\)/[^ ]*,,g' | grep -ohE \
    '\b(arch|boot|docs|ipc|kern|man|scripts|sf_buf|sys|task|tests|user|vm)/[A-Za-z0-9_./-]*\w' |
    sort -u | while read -r path; do [ -e "$path" ] || echo "$path"; done)
[ -z "$gone" ]
result $? 'files that the documents name' "$gone"
gone=$(grep -ohE \
    '`[a-z_0-9]+\(\)`|\b(sf_buf|smp|kva|pmap|leak|panic)\.[a-z_]{8,}' \
    $documents | tr -d '`()' | sort -u | while read -r name; do
	grep -qw -e "$name" $sources || echo "$name"
    done)
[ -z "$gone" ]
result $? 'functions and cases that the documents name' "$gone"

# A script reads SMP= from its arguments, and MAYFLY_SMP from the environment.
wrong=$(grep -nE '\b[A-Z]{2,}=[^ ]* .*sh (scripts|tests)/' $documents)
[ -z "$wrong" ]
result $? 'variables that the documents give to scripts' "$wrong"

failed=$(sh tests/bench/stairs/run -n 2>&1)
[ -z "$failed" ]
result $? 'patches that docs/stairs.md measures' "$failed"

gone=$(grep -oE '^\| 0x[0-9a-f]+ \| 0x[0-9a-f]+' docs/address-space.md |
    grep -oE '0x[0-9a-f]+' | grep -vx 0x00000000 | sort -u |
    while read -r address; do
	grep -q "$address" arch/i386/include/vmparam.h || echo "$address"
    done)
[ -z "$gone" ]
result $? 'addresses of docs/address-space.md' "$gone"

# mandoc looks for the pages that these refer to among the installed ones; those
# of this tree are not installed.
for page in man/*.[0-9]; do
	faults=$(mandoc -T lint "$page" 2>&1 |
	    grep -vE 'referenced manual not found|outdated mandoc.db')
	[ -z "$faults" ]
	result $? "mandoc on $page" "$faults"
done
echo "1..$n"
