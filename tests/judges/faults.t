#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/judges/faults.t - test tests/faults/run, which judges whether a fault was
# caught, with checks that only pretend.  Prints TAP.

. "$(dirname "$0")/lib.sh"
fake_qemu
mkdir -p tests/faults build/host
cp "$top/tests/faults/run" tests/faults/
printf '%s\t' here 1 64M - pc single test=all 33 - kernel debug >tests/matrix.tsv
echo test >>tests/matrix.tsv
printf '1..1\nok 1 a\n' >log

# The source is a shell script that is copied to be built; so is the program
# `fake' itself, whose build stops at the text `no compiler takes this'.
cat >Makefile <<'END'
build/host/fake: source
	! grep 'no compiler' source
	cp source $@ && chmod +x $@
build/mayfly.elf build/sim/simulate: source
	mkdir -p build/sim
	cp source $@ && chmod +x $@
END
cat >source <<'END'
#!/bin/sh
rule=kept
echo 1..1
[ "$rule" = kept ] || { echo 'not ok 1 - the rule'; exit 1; }
echo 'ok 1 - the rule'
END
chmod +x source
ln -s ../source tests/check.t

# list CHECK OLD NEW [LINE]: a list of one fault.
list()
{
	cat >tests/faults/list <<-END
	Text.
	%%
	name: one
	breaks: something
	file: source
	check: $1
	${4:+$4}
	<<<<
	$2
	====
	$3
	>>>>
	END
}

# run NAME STATUS PATTERN: tests/faults/run exits with STATUS and prints PATTERN.
run()
{
	check "$1" "$2" "$3" perl tests/faults/run
}

for kind in 'host fake' 'script check.t' sim; do
	list "$kind" rule=kept rule=broken
	run "a fault that is caught by: $kind" 0 '^ok 1 - one.*not ok 1 - the ru'
	also 'the totals' '^1 passed, 0 failed, 0 skipped$'
	list "$kind" rule=kept 'rule=kept #'
	run "a fault that is not caught by: $kind" 1 \
	    '^not ok 1 - one.*NOT CAUGHT by'
	also 'the totals' '^0 passed, 1 failed, 0 skipped$'
	list "$kind" rule=kept 'exit 3'
	run "a check that only fails: $kind" 1 \
	    'NOT CAUGHT by .*, which fails but does not say why'
done
list 'host fake' rule=kept 'echo "x.c:3: panic"; kill -KILL $$'
run 'a check that is killed' 1 'NOT CAUGHT by host fake, only a time-out'
list 'host fake' rule=kept 'echo "x.c:3:1: runtime error: shift"; exit 1'
run "a sanitizer's report" 0 '^ok 1 .*runtime error: shift'
sed 's/my $limit = 900;/my $limit = 1;/; s/$limit + 10/1/' \
    tests/faults/run >cut &&
    cat cut >tests/faults/run
list 'host fake' rule=kept 'echo "not ok 1 - x"; sleep 99'
run 'a time-out, although something is not ok' 1 \
    'NOT CAUGHT by host fake, only a time-out'
cp "$top/tests/faults/run" tests/faults/

# Of three faults only the second is caught.
list 'host fake' rule=kept 'rule=kept #'
sed 's/^name: one/name: two/; s/^rule=kept #/rule=broken/; 1d' \
    tests/faults/list >cut
sed 's/^name: one/name: three/; 1d' tests/faults/list >cut3
cat cut cut3 >>tests/faults/list
check 'the second part of three' 0 '^1 passed, 0 failed' \
    perl tests/faults/run -p 2/3
check 'the first of two: one and three' 1 '^0 passed, 2 failed' \
    perl tests/faults/run -p 1/2
check 'no part' 2 'not K/N' perl tests/faults/run -p 3/2
check 'a part beyond the list' 2 'fewer faults' perl tests/faults/run -p 4/4
check 'without a commit all' 1 '^1 passed, 2 failed' \
    env GIT_DIR=/none perl tests/faults/run -p commit/3

list 'script user.t' rule=kept rule=broken
run 'a fault of user.t without its programs' 0 '^0 passed, 0 failed, 1 skipped$'
list 'host fake' rule=broken rule=kept
run 'a text that does not occur' 1 '^not ok 1 .*its text occurs 0 times'
list 'host fake' 'echo' 'echo'
run 'a text that is no whole line' 1 '^not ok 1 .*occurs 0 times'
exec 9>build/faults.lock
flock 9
run 'two runs at the same time' 2 'another run of it is at work'
exec 9>&-
echo 'rule=kept' >>source
list 'host fake' rule=kept rule=broken
run 'a text that occurs twice' 1 '^not ok 1 .*its text occurs 2 times'
sed '$d' source >cut && cat cut >source
list 'host fake' rule=kept 'no compiler takes this'
run 'a fault that does not compile' 1 '^not ok 1 .*it does not compile'
cp Makefile kept
sed 's/^	! grep.*/& || sleep 99/' kept >Makefile
sed 's/my $build_limit = 1800;/my $build_limit = 1;/' tests/faults/run >cut &&
    cat cut >tests/faults/run
list 'host fake' rule=kept 'no compiler takes this'
run 'a build that takes too long' 1 '^not ok 1 .*it is not built in 1 s'
cp kept Makefile
cp "$top/tests/faults/run" tests/faults/
list 'host fake' 'echo 1..1' rule=broken
run 'a fault elsewhere, which breaks the rule too' 0 '^ok 1'
sed 's/rule=kept/rule=broken/' source >cut && cat cut >source
list 'host fake' 'echo 1..1' 'echo 1..2'
run 'a check that fails without the fault' 1 \
    '^not ok 1 .*its check does not pass without the fault'
sed 's/rule=broken/rule=kept/' source >cut && cat cut >source

# A run that is ended leaves no process behind: here one timeout in another.
list 'host fake' rule=kept \
    "timeout 99 sh -c \"echo \\\$\\\$ >'$tree/pid'; exec sleep 99\""
for signal in INT TERM; do
	rm -f pid
	check "a run that gets a SIG$signal" 1 '' sh -c '
	    perl -e "\$SIG{INT} = q(DEFAULT); exec @ARGV" \
		perl tests/faults/run >/dev/null & run=$!
	    until [ -s pid ]; do sleep 0.1; done
	    kill -s "$0" "$run"
	    wait "$run"
	    status=$?
	    for i in 1 2 3 4 5 6 7 8 9 10; do
		    kill -0 "$(cat pid)" 2>/dev/null || exit "$status"
		    sleep 0.5
	    done
	    kill "$(cat pid)"; echo "its child is left"' "$signal"
done

list 'host fake' rule=kept rule=broken 'says: the rule'
run 'a check that must print a text, and does' 0 '^ok 1 .*not ok 1 - the rule'
list 'host fake' rule=kept rule=broken 'says: another rule'
run 'a check that must print a text, and does not' 1 \
    'which fails but does not say another rule'
list 'nothing here' rule=kept rule=broken
run 'a check that is not known' 2 'no check nothing'
sed '/^>>>>/d' tests/faults/list >cut && mv cut tests/faults/list
run 'a list that is cut' 2 'not a fault'
list 'host fake' rule=kept rule=broken
check 'a name that is not there' 2 'no fault is called two' \
    perl tests/faults/run two

# Tests in the kernel: QEMU prints the log that the planted source tells.
kernel()
{
	list 'kernel a.*' rule=kept "$1"
	echo ". '$tree/build/faults/1/source'" >end
	: >log
}
sed 's/exit 1/exit 35/; $s/$/; exit 33/' source >cut && cat cut >source
kernel 'rule=kept; echo "# tests/a.c:3: x is 1, y is 2"; rule=broken'
run 'a test in the kernel that fails' 0 '^ok 1 .*: tests/a.c:3: x is 1, y is 2'
kernel 'rule=kept #'
run 'a test in the kernel that passes' 1 'NOT CAUGHT by kernel a'
kernel 'echo "panic: CPU 0: the rule"; exit 37'
run 'a panic that says something' 0 '^ok 1 .*: panic: CPU 0: the rule'
kernel 'echo "panic: CPU 0: CPU 0 waits for CPU 1 to flush"; exit 37'
run 'a panic because a CPU did not answer' 1 'fails but does not say why'
list 'kernel a.*' rule=kept \
    'echo "panic: CPU 0: CPU 0 waits for CPU 1 to flush"; exit 37' \
    'says: waits for CPU 1 to flush'
run 'the same, where the list says so' 0 '^ok 1 .*waits for CPU 1'
# A row says which status QEMU ended with.
row()
{
	list 'row here' rule=kept "$1"
	[ -z "$2" ] || sed "s/^check:.*/&\\nsays: $2/" tests/faults/list >cut
	[ -z "$2" ] || cat cut >tests/faults/list
	echo 'KTAP version 1' >log
}
row 'exit 35' ''
run 'a row that fails' 0 '^ok 1 .*the exit status is 35, not 33'
for status in 0 1 2 127 134 139; do
	row "exit $status" ''
	run "a row with exit status $status" 1 'fails but does not say why'
done
row 'exit 0' 'the exit status is 0'
run 'a row that must end with status 0' 0 '^ok 1 .*the exit status is 0, not'
for status in 0 1 39; do
	kernel "exit $status"
	run "QEMU's exit status $status, and not a line" 1 \
	    'fails but does not say why'
done
echo "1..$n"
