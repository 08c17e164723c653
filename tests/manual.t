#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The manual pages, as TAP: man/mayfly.7 describes the boot options and the
# monitor's commands that the sources declare, no fewer and no more, and
# mandoc finds no fault in any page.  And make help lists every target.

cd "$(dirname "$0")/.." || exit 2
n=0

# result STATUS NAME DETAILS
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

# declared PREFIX - the names in declarations PREFIX(identifier, "name", ...
declared()
{
	cat boot/*.c kern/*.c vm/*.c arch/i386/*.c tests/*.c tests/bench/*.c |
	    tr '\n' ' ' | grep -oE "$1\\([a-z0-9_]+,[ 	]*\"[^\"]+\"" |
	    sed 's/.*"\(.*\)"/\1/' | sort
}

# described MACRO - the names in the lists of man/mayfly.7
described()
{
	sed -n "s/^\\.It $1 \\([a-z0-9._]*\\).*/\\1/p" man/mayfly.7 | sort
}

# compare NAME LEAST DECLARED DESCRIBED
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

# Targets that only others need.
compare 'targets that make help lists' 15 \
    "$(sed -n 's/^\.PHONY: //p' Makefile tests/*/*.mk | tr ' ' '\n' |
	grep -vxE 'force|images|need-test|objects' | sort)" \
    "$(make -s help | sed -n '1,/^Var/s/^    \([a-z-]*\) .*/\1/p' | sort)"

# It looks for the pages that ours refer to where they are not installed.
for page in man/*.[0-9]; do
	faults=$(mandoc -T lint -W style "$page" 2>&1 |
	    grep -v 'referenced manual not found')
	[ -z "$faults" ]
	result $? "mandoc on $page" "$faults"
done
echo "1..$n"
