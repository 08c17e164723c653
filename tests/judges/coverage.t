#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/judges/coverage.t - test tests/coverage/report, which judges how much
# was executed, with a gcov that prints what it is told; and tests/coverage/run,
# with programs that do nothing.  Prints TAP.

. "$(dirname "$0")/lib.sh"
fake_qemu
mkdir -p tests/coverage build/gcov/sim
cp "$top/tests/coverage/report" "$top/tests/coverage/run" tests/coverage/
program gcov <<'END'
#!/bin/sh
cat gcov.out
exit "$(cat gcov.status)"
END
: >build/gcov/all.gcno
echo 0 >gcov.status
must=$(sed -n '/^my @must/,/;/p' tests/coverage/report | tr ' ();' '\n\n\n\n' |
    grep /)

# counts FILE ZEROS: each file that must be covered has 20 lines, all executed,
# but for the first ZEROS lines of FILE.
counts()
{
	for f in $must; do
		echo "        -:    0:Source:$f"
		for line in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20
		do
			if [ "$f" = "$1" ] && [ "$line" -le "$2" ]; then
				echo "    #####:   $line:text"
			else
				echo "        3:   $line:text"
			fi
		done
	done >gcov.out
}
report()
{
	check "$1" "$2" "$3" perl tests/coverage/report build/gcov one.log
}
printf 'gcov: file 1 2 3 %s/a.gcda\ngcov: end\n' "$tree" >one.log
counts none 0
report 'all lines are executed' 0 '^all .* 100\.0$'
also 'of a log with counters' '^coverage: 1 logs, 0 without counters'
counts vm/tlb.c 1
report 'a line in 20 is not' 0 '^not run: vm/tlb.c: 1$'
counts vm/tlb.c 2
report 'two lines in 20 are not' 1 '^vm/tlb.c .* 90.0 less than 95$'
for path in $must; do
	counts "$path" 2
	report "two lines in 20 of $path" 1 "^$path .* less than 95\$"
done
counts none 0
sed 's,Source:vm/tlb.c,Source:vm/other.c,' gcov.out >cut && mv cut gcov.out
report 'a file that is not compiled' 255 'no counters of vm/tlb.c'
counts none 0
echo 1 >gcov.status
report 'gcov fails' 1 'all.gcno: cannot be read'
echo 0 >gcov.status
sed '/end/d' one.log >cut && mv cut one.log
report 'a log that was cut' 0 '^coverage: 1 logs, 1 without counters'
printf 'gcov: file 1 2 3 a.gcda\ngcov: nonsense\ngcov: end\n' >one.log
report 'a log with other lines' 255 'not what kern/debug/gcov.c prints'
rm one.log
report 'a log that is not there' 2 'one.log: No such file'

# What is run: a program, the simulation, a row, the main job, the monitor.
printf '%s\t' here 1 64M - pc single test=all 33 - kernel debug >tests/matrix.tsv
echo test >>tests/matrix.tsv
cp build/mayfly.elf build/gcov/mayfly.elf
sum=$(sha256sum <build/mayfly.elf | cut -d' ' -f1)
for file in program build/gcov/sim/simulate; do
	printf '#!/bin/sh\nexit "$(cat "%s")"\n' "$tree/status" >$file
	chmod +x $file
done
echo 0 >status
counts none 0
cat >log <<END
mayfly: pages free: low 1; 1 CPUs
digest: cpu 0 shared  $sum
digest: cpu 0 private $sum
1..1
ok 1 a
gcov: file 1 2 3 a.gcda
gcov: end
END
# A log of its own name is written by the QEMU only.
echo 'print "ok 1\n1..1\n"' >tests/monitor.t
run()
{
	check "$1" "$2" "$3" sh tests/coverage/run ./program
}
run 'all pass' 0 '^coverage: .* failed: $'
echo 1 >status
run 'the programs fail' 1 'failed: program simulate-random simulate-small '
echo 0 >status
echo 'exit 1' >tests/monitor.t
run 'the monitor fails' 1 'failed: monitor '
echo 'exit 0' >tests/monitor.t
echo 'exit 35' >end
run 'the row and the job fail' 1 'failed: here job '
echo 'exit 33' >end
counts vm/tlb.c 2
run 'too little is executed' 1 'vm/tlb.c .* less than 95$'
echo "1..$n"
