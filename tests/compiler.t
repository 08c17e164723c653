#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/compiler.t - test that the defaults of a compiler and a linker do not
# matter: one that turns on all that distributions turn on makes the same code
# as the one that built this tree.  Prints TAP.
#
# In a copy of the tree some objects are compiled again, and the kernel is
# linked again, through wrappers that put options in front of those of the
# Makefile, as a specs file or the way it was configured does.

. "$(dirname "$0")/check.sh"
make_ready
real=${cc%% *}

tree=$dir/tree
mkdir -p "$tree/build"
# copy_objects FILE...: copies these files of build/, and what was built of the
# folders of the tree.
copy_objects()
{
	for part in "$@" */; do
		[ ! -e "build/${part%/}" ] || cp -a "build/${part%/}" "$tree/build"
	done
}
for part in *; do
	[ "$part" = build ] || cp -a "$part" "$tree"
done
copy_objects include flags objects ksyms.o ksyms.asm mayfly.elf

# The options that the compiler knows.
known()
{
	for option; do
		"$real" -Werror -m32 "$option" -fsyntax-only -x c /dev/null \
		    2>/dev/null && echo "$option"
	done
}
hard=$(known -fPIE -fcf-protection=full -fstack-protector-all \
    -fstack-clash-protection -flto -ftrivial-auto-var-init=zero \
    -fzero-call-used-regs=used-gpr -mindirect-branch=thunk \
    -mfunction-return=thunk -mretpoline -fasynchronous-unwind-tables \
    -funwind-tables -fcommon -D_FORTIFY_SOURCE=2 -O3 -march=x86-64-v2 |
    tr '\n' ' ')

# wrapper NAME COMMAND...: makes a command that puts arguments in front.
wrapper()
{
	printf '#!/bin/sh\nexec %s "$@"\n' "$2" >"$dir/$1"
	chmod +x "$dir/$1"
}
wrapper "hardened-${real##*/}" "$real $hard"
wrapper hardened-gcc-host "gcc -fPIE -pie -D_FORTIFY_SOURCE=2 -O2 -flto
    -fstack-protector-all -fcf-protection -Wl,--as-needed -Wl,-z,now"
wrapper hardened-ld 'ld -pie --build-id -z now -z relro --as-needed
    --gc-sections -z separate-code -z max-page-size=65536'
sed -i ':a; N; $!ba; s/\n    / /g' "$dir"/hardened-*

# code FILE: prints what is loaded of an object or image.
code()
{
	objcopy --strip-debug -R .comment -R '.note*' "$1" "$dir/code" &&
	    cat "$dir/code"
}
objects='build/boot/early.o build/kern/lib/vsnprintf.o build/vm/kmalloc.o
    build/sf_buf/alloc.o build/sf_buf/steal.o build/arch/i386/trap/idt.o
    build/arch/i386/smp/ipi.o build/kern/console/monitor.o build/kern/main.o
    build/ipc/transfer.o build/task/copy.o build/user/signal.o'
before=$(for object in $objects; do code "$object"; done | sha256sum)
# shellcheck disable=SC2086
check "$real ${hard}compiles" 0 '^CC ' \
    make -C "$tree" CC="$dir/hardened-${real##*/}" $objects
after=$(for object in $objects; do code "$tree/$object"; done | sha256sum)
check 'and the code is the same' 0 '' test "$before" = "$after"

copy_objects flags
touch "$tree/linker.ld"
check 'ld with -pie and more links' 0 '^LD ' \
    make -C "$tree" CC="$real" LD="$dir/hardened-ld" build/mayfly.elf
code build/mayfly.elf >"$dir/before"
code "$tree/build/mayfly.elf" >"$dir/after"
check 'and the image is the same' 0 '' cmp "$dir/before" "$dir/after"

# A test that includes kernel sources, and two that are not to be a PIE.
for test in libk_test ram_test ring_test; do
	check "$test is built by such a compiler" 0 '^HOSTCC ' make -C "$tree" \
	    CC="$dir/hardened-gcc-host" "build/host/$test"
	check 'and passes' 0 '^ok 1 ' "$tree/build/host/$test"
done
echo "1..$n"
