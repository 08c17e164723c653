#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/judges/bochs.t - test scripts/bochs, which judges a boot in Bochs, with a
# Bochs that only pretends to boot.  Prints TAP.

. "$(dirname "$0")/lib.sh"
cat >scripts/iso <<'END'
echo 'no image'
exit "$(cat iso)"
END
program bochs <<END
#!/bin/sh
cat "$tree/log" >"\$(sed -n 's/^com1:.*dev=//p' rc)"
. "$tree/end"
END
echo 0 >iso

# bochs NAME STATUS PATTERN [VARIABLE=VALUE]: scripts/bochs exits with STATUS and
# prints PATTERN.
bochs()
{
	check "$1" "$2" "$3" sh scripts/bochs ${4:+"$4"}
}
good()
{
	printf '%s\n' 1..2 'ok 1 a' 'ok 2 b' 'mayfly: halted' >log
	echo 'exec sleep 30' >end
}
good
bochs 'a good run' 0 '^bochs: .* all tests passed$'
echo 'exit 0' >end
bochs 'a good run after which Bochs ends' 0 '^bochs: .* all tests passed$'
sed '/^mayfly: halted/d' log >cut && mv cut log
bochs 'the kernel did not halt' 1 '^bochs: Bochs ended by itself$'
echo 'exec sleep 30' >end
bochs 'the kernel does not end' 1 '^bochs: not done after 1 seconds$' LIMIT=1
good
sed '/^ok 2/d' log >cut && mv cut log
bochs 'a test is missing' 1 '^bochs: the plan is of 2 tests, 1 are ok$'
printf '1..1\nnot ok 1 a\nmayfly: halted\n' >log
bochs 'a test failed' 1 '^bochs: the log holds a "not ok"$'
printf 'mayfly: Option x is not known\nmayfly: halted\n' >log
bochs 'the kernel refuses' 1 '^bochs: the log holds 0 plans'
printf '1..1\nok 1 a\npanic: CPU 0: x\nmayfly: halted\n' >log
bochs 'the kernel panics' 1 '^bochs: the log holds a panic$'
: >log
echo 'exit 1' >end
bochs 'Bochs does not start' 1 '^bochs: Bochs ended by itself$'
good
echo 1 >iso
bochs 'there is no image' 2 '^no image'
echo 0 >iso
bochs 'too many CPUs' 2 'SMP=16: Bochs has 1 to 15 CPUs' SMP=16
bochs 'no size' 2 'MEM=0x: not a size' MEM=0x
echo "1..$n"
