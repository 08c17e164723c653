#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/judges/host.t - test that programs for the host, as the Makefile compiles
# them, end at what the sanitizers see; and tests/fuzz/replay.c, which judges the
# inputs of a corpus.  Prints TAP.

. "$(dirname "$0")/lib.sh"
compile=$(make -s -C "$top" --eval='show:; @echo $(CC) $(HOSTCFLAGS)' show)

# compiled STATEMENT: compiles a program that executes the statement with
# x == 33.
compiled()
{
	cat >program.c <<-END
	#include <stdio.h>
	#include <stdlib.h>
	volatile int x = 33;
	int main(void)
	{
		char *p = malloc((size_t)x);
		if (p == NULL)
			return (1);
		$1
		printf("ok 1 - went on\n");
		return (0);
	}
	END
	$compile -w -o program program.c
}
ends()
{
	compiled "$2"
	check "$1" 1 "$3" ./program
}
compiled 'free(p);'
check 'a sound program' 0 '^ok 1' ./program
ends 'a shift that is too far' 'x = 1 << x;' 'runtime error: shift'
ends 'a sum that is too large' 'x += 0x7fffffff;' 'runtime error: signed'
ends 'an index out of bounds' 'int a[9]; a[x] = 1; x = a[x];' \
    'runtime error: index'
ends 'a store behind a block' 'p[x] = 1;' 'heap-buffer-overflow'
ends 'a use after free' 'free(p); p[0] = 1;' 'heap-use-after-free'

# The replay of a corpus, for a parser that fails on an input with a Z.
mkdir corpus
cat >parser.c <<'END'
#include "tests/fuzz/fuzz.h"
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len > 0 && data[0] == 'Z')
		abort();
	return (0);
}
END
$compile -w -I"$top" -I"$top/tests/host/include" -DCORPUS='"corpus"' \
    -o replay parser.c "$top/tests/fuzz/replay.c"
check 'an empty corpus' 1 '^not ok 1 - 0 inputs' ./replay
echo A >corpus/a
check 'a corpus of one input' 0 '^ok 1 - 1 inputs' ./replay
echo Z >corpus/z
check 'an input on which the parser fails' 134 '^# corpus/z$' ./replay
check 'it, by name' 134 '^# corpus/z$' ./replay corpus/z
check 'an input that is not there' 1 'none: No such file' ./replay none
rm -r corpus
check 'no corpus' 1 '^not ok 1 - 0 inputs' ./replay
echo "1..$n"
