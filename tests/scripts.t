#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/scripts.t - test that scripts and Makefile rely on nothing that the host
# or the environment may change: variables, shells, awks, paths, closed
# descriptors; and that what a user gives them is either used or refused.  Prints
# TAP.  No machine is booted: in front of the PATH is a QEMU that prints its
# arguments and the digests that run-file expects.

. "$(dirname "$0")/check.sh"
make_ready

mkdir "$dir/bin"
cat >"$dir/bin/qemu-system-i386" <<'END'
#!/bin/sh
log=/dev/null
for argument; do
	echo "<$argument>"
	case $argument in
	*exact.*)	exit 35 ;;
	*logfile=*)	log=${argument##*logfile=} log=${log%,logappend*} ;;
	esac
done
digest=$(sha256sum 2>/dev/null <&4 | cut -d' ' -f1)
tee -a "$log" <<DIGESTS
mayfly: pages free: low 1; 1 CPUs
digest: cpu 0 shared  $digest
digest: cpu 0 private $digest
DIGESTS
echo 'bench: begin nsfbufs=1024'
exit 33
END
chmod +x "$dir/bin/qemu-system-i386"
ln -s qemu-system-i386 "$dir/bin/qemu-system-x86_64"
PATH=$dir/bin:$PATH
echo a module >"$dir/module"
cp "$dir/module" "$dir/module \$x #y"

# same NAME COMMAND...: one test, which passes if COMMAND prints the same with
# the variables of $foreign in the environment as without them.  There they have
# values that are meant for other programs.
mkdir -p "$dir/cd/scripts" "$dir/cd/tests" "$dir/cd/docs/performance"
foreign="CPU=ia64 MACHINE=host SMP=x MEM=x FILE=/none LOG=/none BOOT=grub
    APPEND=x SERIAL=x ACCEL_THREAD=x KERNEL=/none LOGS=/none LIMIT=x V=1 CC=none
    LD=none NASM=none CROSS=none- DEBUG=* VARIANT=x SECONDS=x BENCH=x SEED=x
    SEEDS=x GDBPORT=x NM=none CFLAGS=-x HOSTINC=-x LDFLAGS=-x MAKE=none JOBS=x
    CDPATH=$dir/cd GREP_OPTIONS=-c POSIXLY_CORRECT=1 PERL5LIB=/none
    PERL5OPT=-x LC_ALL=de_DE.UTF-8 LANG=tr_TR NASMENV=-x GZIP=-x IFS=/ CPATH=/
    takes=x name=x n=x why=x status=x file=x log=x smp=x mem=x image=x top=x
    set=x rest=x more=x packages=x missing=x goals=x iso=x mib=x number=x"
same()
{
	name=$1
	shift
	"$@" >"$dir/plain" 2>&1 </dev/null
	# The * of DEBUG is no pattern here.
	set -f
	# shellcheck disable=SC2086
	env $foreign "$@" >"$dir/foreign" 2>&1 </dev/null
	set +f
	check "$name" 0 '' diff "$dir/plain" "$dir/foreign"
}

# The environment.
same 'qemu in a foreign environment' sh scripts/qemu
same 'gdb in a foreign environment' sh scripts/gdb -ex quit
same 'make in a foreign environment' make -n images build/host/libk_test
same 'make debug in a foreign environment' make debug
same 'make help in a foreign environment' make help
same 'bench-report in a foreign environment' \
    sh scripts/bench-report docs/performance
same 'need in a foreign environment' sh scripts/need @test gcc nasm
same 'layers in a foreign environment' make layers
same 'a row that does not exist' sh scripts/run-row none
check 'qemu takes MAYFLY_SMP' 33 '^<3>$' env MAYFLY_SMP=3 sh scripts/qemu
check 'qemu takes an argument SMP=' 33 '^<3>$' sh scripts/qemu SMP=3
check 'qemu refuses a variable that is not its own' 2 'SPM=3: not one of' \
    sh scripts/qemu SPM=3
check 'make passes SMP= on' 2 '^<3>$' make debug SMP=3
check 'make passes FILE= on as it is' 0 'all digests agree' \
    make run FILE="$dir/module \$x #y" LOG="$dir/log"
check 'make refuses a variable that it does not know' 2 'SPM: no such' \
    make SPM=3 help
check 'make refuses a bad SECONDS before it builds' 2 \
    'SECONDS=1s: not a number' make SECONDS=1s fuzz
check 'make refuses a bad SEEDS before it builds' 2 \
    'SEEDS=0: not a number' make SEEDS=0 simulate
check 'make refuses a bad BENCH before it builds' 2 \
    'BENCH=zz: not full' make BENCH=zz performance
check 'make refuses BENCH for another target' 2 \
    'that is for make performance' make BENCH=full bench-budget
check 'make -e is refused' 2 'neither -e nor -i' env MAKEFLAGS=-e make help
check 'make -i is refused' 2 'neither -e nor -i' make -ki help
check 'make -kj2 is not' 0 '^Targets' make -kj2 --no-print-directory help

# What is given as a file to write to.
run_file="sh scripts/run-file FILE=$dir/module"
# is TYPE FILE: one test, which passes if the file still is one of that type.
is()
{
	check "which still is a $1" 0 "^$1\$" stat -c %F "$2"
}
echo before >"$dir/target"
ln -s target "$dir/link"
check 'a log that is a link' 0 'all digests agree' $run_file LOG="$dir/link"
is 'symbolic link' "$dir/link"
check 'to a file with the log' 0 '^digest: cpu' cat "$dir/target"
if mknod "$dir/null" c 1 3 2>/dev/null && : 2>/dev/null >"$dir/null"; then
	check 'a log that is a device' 0 'all digests agree' \
	    $run_file LOG="$dir/null"
	is 'character special file' "$dir/null"
	check 'an ISO image that is a device' 0 '' \
	    sh scripts/iso KERNEL="$dir/module" "$dir/null"
	is 'character special file' "$dir/null"
	check 'make run LOG= a device' 0 'all digests agree' \
	    make run FILE="$dir/module" LOG="$dir/null"
	is 'character special file' "$dir/null"
	mknod "$dir/disk" b 1 0
	check 'a log that is a disk' 2 'neither a regular file nor' \
	    $run_file LOG="$dir/disk"
else
	skip 'a log that is a device' 'no device can be made'
fi
mkfifo "$dir/pipe"
check 'a log that is a pipe' 2 'neither a regular file nor' \
    $run_file LOG="$dir/pipe"
check 'a log that is a directory' 2 'is a directory' $run_file LOG="$dir"
check 'a log that is the module' 2 'would overwrite' \
    $run_file LOG="$dir/module"
cp "$dir/module" "$dir/other"
check 'a log that is the kernel' 2 'would overwrite' \
    $run_file KERNEL="$dir/other" LOG="$dir/other"
check 'a log of QEMU that is the module, by GRUB' 2 'would overwrite' \
    sh scripts/qemu BOOT=iso FILE="$dir/other" LOG="$dir/other"
for input in KERNEL FILE; do
	check "an ISO image that is the $input" 2 'would overwrite' \
	    sh scripts/iso $input="$dir/other" "$dir/other"
done
check 'a kernel and a module that are still there' 0 '' \
    cmp "$dir/module" "$dir/other"
check 'a log of QEMU that is a directory' 2 'is a directory' \
    sh scripts/qemu LOG="$dir"
check 'a log of QEMU that is a pipe' 2 'neither a regular file nor' \
    sh scripts/qemu LOG="$dir/pipe"
check 'a log of QEMU that is the kernel' 2 'would overwrite' \
    sh scripts/qemu LOG=build/mayfly.elf
check 'an ISO image that is a directory' 2 'is a directory' \
    sh scripts/iso "$dir"
# Not the machine's own device: a fault in the script might replace it.
if mknod "$dir/full" c 1 7 2>/dev/null && : 2>/dev/null >"$dir/full"; then
	check 'a log that is full' 1 'No space' $run_file LOG="$dir/full"
else
	skip 'a log that is full' 'no device can be made'
fi
mkdir "$dir/plots"
: >"$dir/plots/mine.svg"
sh scripts/bench-plots "$dir/none" "$dir/plots" >/dev/null 2>&1
check 'a plot that is not ours' 0 'mine' ls "$dir/plots"
check 'a model of any name' 2 'not the number' sh tests/model/run ../../build

# What is out of range.
check 'MEM=1' 2 'less than 8M' sh scripts/qemu MEM=1
check 'SMP=1000' 2 'not 1 to 255 CPUs' sh scripts/qemu SMP=1000
check 'MACHINE=microvm' 2 'neither pc nor q35' sh scripts/qemu MACHINE=microvm
check 'MACHINE=q35, and an option' 33 '^<q35,hpet=off,memory' \
    sh scripts/qemu MACHINE=q35,hpet=off
for port in 99999 0 65536 1234567; do
	check "GDBPORT=$port of gdb" 2 'not 1 to 65535' \
	    sh scripts/gdb GDBPORT=$port
	check "GDBPORT=$port of make debug" 2 'not 1 to 65535' \
	    make debug GDBPORT=$port
done
check 'monitor=on without a terminal' 0 'without a terminal there is no' \
    $run_file LOG="$dir/log" APPEND='nsfbufs=64 monitor=on'

# Descriptors, and tools with fewer options.
closed()
{
	name=$1 want=$2 pattern=$3
	shift 3
	check "$name" "$want" "$pattern" sh -c "$*"
}
closed 'standard input is closed' 0 'all digests agree' \
    "$run_file LOG=$dir/log <&-"
closed 'standard error is closed' 0 'all digests agree' \
    "$run_file LOG=$dir/log 2>&-"
closed 'standard output is closed' 2 'standard output is closed' \
    "$run_file LOG=$dir/log >&-"
mkdir "$dir/old"
cat >"$dir/old/timeout" <<END
#!/bin/sh
case \$1 in
--*)	exit 1 ;;
esac
exec $(command -v timeout) "\$@"
END
chmod +x "$dir/old/timeout"
check 'a timeout that knows no --foreground' 0 'all digests agree' \
    env PATH="$dir/old:$PATH" $run_file LOG="$dir/log"
mkdir "$dir/few"
for tool in sh dirname cat grep; do
	ln -s "$(command -v $tool)" "$dir/few/$tool"
done
check 'need names the argument that installs spin' 1 \
    'spin is missing: sh scripts/bootstrap model, or apt-get install spin' \
    env PATH="$dir/few" sh scripts/need spin
cat >"$dir/few/apt-get" <<'END'
#!/bin/sh
case "$*" in
*--assume-no*)	echo 'Need to get 96.0 MB of archives.' ;;
esac
END
printf '#!/bin/sh\necho 0\n' >"$dir/few/id"
printf '#!/bin/sh\necho make "$@"\n' >"$dir/few/make"
chmod +x "$dir/few/apt-get" "$dir/few/id" "$dir/few/make"
check 'bootstrap says how much is coming' 0 '^Need to get 96.0 MB' \
    env PATH="$dir/few" sh scripts/bootstrap run SMP=2
check 'and passes its arguments on' 0 '^make run SMP=2$' \
    env PATH="$dir/few" sh scripts/bootstrap run SMP=2

# Names.  make cannot name a target with a blank, but needs none in a tree.
tree="$dir/it's a \"tree\", #1 of 100% \$x; b=c"
mkdir -p "$tree/build" "$dir/a tmp, b=c"
for part in *; do
	[ "$part" = build ] || cp -R "$part" "$tree"
done
cp build/mayfly.elf "$tree/build"
mkdir "$tree/build/release"
cp build/mayfly.elf "$tree/build/release"
check 'a strange tree: qemu' 33 '^</dev/fd/5>$' sh "$tree/scripts/qemu"
check 'a strange tree: run-file' 0 'all digests agree' \
    sh "$tree/scripts/run-file"
check 'a strange tree: run-row' 1 'the exit status is 33, not 39' \
    sh "$tree/scripts/run-row" ram-16m
check 'a strange tree: pairwise' 0 ' 0 missing' sh "$tree/scripts/pairwise"
check 'a strange tree: ksyms' 0 'dd	0x80' \
    sh "$tree/scripts/ksyms" "$tree/build/mayfly.elf"
check 'a strange tree: iso, and TMPDIR' 0 '' \
    env -u HOME TMPDIR="$dir/a tmp, b=c" sh "$tree/scripts/iso" "$dir/iso"
check 'a strange tree: make' 0 'build/kern/lib/ksym.o' make -C "$tree" \
    build/kern/lib/ksym.o compile_commands.json
check 'which names itself in compile_commands.json' 0 "^$dir/it's.*b=c\$" \
    perl -MJSON::PP -0ne 'print decode_json($_)->[0]{directory}, "\n"' \
    "$tree/compile_commands.json"
cd "$dir" || exit 2
ln -s "$tree" b=c
check 'a relative name with a = in it' 0 ' 0 missing' sh b=c/scripts/pairwise
check 'a relative table with a = in it' 0 ' 0 missing' \
    sh b=c/scripts/pairwise b=c/tests/matrix.tsv
cd "$top" || exit 2

# A tree that may not be written, for a user that is not its owner.
chmod -R a+rX "$dir"
if [ "$(id -u)" -eq 0 ] && setpriv --reuid=65534 --regid=65534 --clear-groups \
    test -r "$tree/Makefile" 2>/dev/null; then
	check 'a tree that may not be written' 2 'build/ cannot be written' \
	    setpriv --reuid=65534 --regid=65534 --clear-groups \
	    make -C "$tree"
else
	skip 'a tree that may not be written' 'this needs the superuser'
fi

# Shells and awks.
awk_of()
{
	case $1 in
	busybox)	ln -sf "$(command -v busybox)" "$dir/tools/awk" ;;
	*)		ln -sf "$(command -v "$1")" "$dir/tools/awk" ;;
	esac
}
mkdir "$dir/tools"
shells=$(for file in scripts/* tests/*.t tests/*/run tests/*/*.t; do
	head -n 1 "$file" | grep -l '^#!/bin/sh' >/dev/null && echo "$file"
done)
for shell in dash bash busybox; do
	if ! command -v $shell >/dev/null; then
		skip "all scripts in $shell" "there is no $shell"
		continue
	fi
	ln -sf "$(command -v $shell)" "$dir/tools/sh"
	with="env PATH=$dir/tools:$PATH"
	check "$shell reads all scripts" 0 '' $with sh -c \
	    'for file; do sh -n "$file" || echo "$file"; done' sh $shells
	check "qemu in $shell" 33 '^<nsfbufs=64>$' \
	    $with sh scripts/qemu APPEND=nsfbufs=64
	check "run-file in $shell" 0 'all digests agree' \
	    $with $run_file LOG="$dir/log"
	check "a message with a backslash in $shell" 2 \
	    '/no\\ne: no such file' $with sh scripts/run-file FILE='/no\ne'
	check "need in $shell" 1 'foo is missing' $with sh scripts/need foo
	check "a closed input in $shell" 0 'all digests agree' \
	    $with sh -c "$run_file LOG=$dir/log <&-"
done
rm -f "$dir/tools/sh"
for awk in mawk gawk busybox; do
	if ! command -v $awk >/dev/null; then
		skip "all scripts with the awk of $awk" "there is no $awk"
		continue
	fi
	awk_of $awk
	with="env PATH=$dir/tools:$PATH"
	check "pairwise by $awk" 0 ' 0 missing' $with sh scripts/pairwise
	check "ktap by $awk" 1 '0 plans' $with sh scripts/ktap
	check "bench-report by $awk" 0 '' $with sh -c \
	    'sh scripts/bench-report docs/performance 2>&1 |
	    diff - docs/performance/README.md'
	check "ksyms by $awk" 0 '' $with sh -c \
	    'sh scripts/ksyms build/mayfly.elf 2>&1 | diff - build/ksyms.asm'
	check "a row by $awk" 1 'the exit status is 33, not 39' \
	    $with MAYFLY_LOGS="$dir/logs" sh scripts/run-row ram-16m
	check "the Makefile's rows by $awk" 0 '^(ram-[0-9]+m )*ram-16m' $with make -s \
	    --eval='show:; @echo $(filter ram-%,$(call rows,test))' show
	# It ends with the second boot, of which the QEMU above says no.
	check "bench by $awk" 0 '^check	release	2G	1024	' $with sh -c \
	    'sh "$0/scripts/bench" >/dev/null 2>&1
	    cat "$0/build/bench/rows/release-check.machine"' "$tree"
done
echo "1..$n"
