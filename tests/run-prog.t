#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/run-prog.t - test that scripts/run-prog refuses what is no program,
# passes names, arguments and input on as docs/user-mode.md says, parts the
# program's output from the kernel's, and takes nothing but one clear line of
# the kernel for the program's status.  Prints TAP.  No machine is booted: in
# front of the PATH is a QEMU that sends what the test puts into $dir/serial.

. "$(dirname "$0")/check.sh"
make_ready

mkdir "$dir/bin"
cat >"$dir/bin/qemu-system-i386" <<'END'
#!/bin/sh
here=$(dirname "$0")/..
for argument; do
	echo "<$argument>"
done >"$here/arguments"
cat "$here/serial"
if [ -e "$here/want-input" ]; then
	# Up to the ^D that is not quoted.
	head -c "$(cat "$here/want-input")" | od -An -c
fi
cat "$here/serial2" 2>/dev/null
exit "$(cat "$here/status")"
END
chmod +x "$dir/bin/qemu-system-i386"
ln -s qemu-system-i386 "$dir/bin/qemu-system-x86_64"
PATH=$dir/bin:$PATH
export MAYFLY_KERNEL="$dir/kernel" MAYFLY_LOG="$dir/log" MAYFLY_MEM=64M
echo kernel >"$dir/kernel"

# elf FILE FIELD=BYTES...: writes an ELF program of one segment, with bytes at
# these offsets replaced.
elf()
{
	perl -e '
	my ($file, @changes) = @ARGV;
	my $image = "\x7fELF" . pack("C5 x7 v v V5 v6", 1, 1, 1, 0, 0,
	    2, 3, 1, 0x8048060, 52, 0, 0, 52, 32, 1, 0, 0, 0) .
	    pack("V8", 1, 0, 0x8048000, 0, 0x100, 0x100, 5, 4096);
	$image .= "\x90" x (0x100 - length $image);
	for (@changes) {
		my ($offset, $bytes) = split /=/;
		$bytes = pack("H*", $bytes);
		substr($image, $offset, length $bytes) = $bytes;
	}
	open(my $out, ">:raw", $file) or die;
	print $out $image;
	' "$@"
}
elf "$dir/hello"

run_prog="sh scripts/run-prog PROG=$dir/hello"

# sends STATUS FORMAT [FORMAT2]: the machine will print this, and end with the
# status.
sends()
{
	echo "$1" >"$dir/status"
	# The formats have escapes.
	# shellcheck disable=SC2059
	{
		printf "SeaBIOS\r\nBooting from ROM..\033[m\r\nmayfly: boot\r\n"
		printf "$2"
	} >"$dir/serial"
	rm -f "$dir/serial2" "$dir/want-input"
}
begin='mayfly: hello starts\r\n'

# What is no program.
refused()
{
	name=$1 want=$2 pattern=$3
	shift 3
	check "$name" "$want" "$pattern" sh scripts/run-prog "$@"
}
sends 33 "${begin}mayfly: hello ended: exit status 0\r\n"
refused 'no name' 127 '^run: PROG is empty' PROG=
refused 'no file' 127 'no such file' PROG="$dir/none"
refused 'a directory' 126 'is a directory' PROG="$dir"
refused 'a device' 126 'not a file' PROG=/dev/null
: >"$dir/empty"
refused 'an empty file' 126 'is empty' PROG="$dir/empty"
refused 'a script' 126 'is no ELF file' PROG=scripts/run-prog
# bad NAME PATTERN CHANGE...: an ELF file that is refused.
bad()
{
	name=$1 pattern=$2
	shift 2
	elf "$dir/bad" "$@"
	refused "$name" 126 "$pattern" PROG="$dir/bad"
}
bad 'a 64-bit program' 'is a 64-bit program' 4=02
bad 'the other byte order' 'not for this machine' 5=02
bad 'another machine' 'not for i386' 18=2800
bad 'a shared object' 'position-independent' 16=0300
bad 'an object file' 'link it' 16=0100
bad 'no program headers' 'no program headers' 44=0000
bad 'program headers behind the end' 'truncated' 28=f0000000
bad 'an interpreter' 'is dynamic' 52=03000000
bad 'an executable stack' 'executable stack' 44=0200 84=51e57464 108=07000000
bad 'a segment behind the end' 'truncated' 68=00100000 72=00100000
bad 'more in the file than in memory' 'malformed' 72=10000000
bad 'an address of the kernel' 'wants the address 0x80100000' 60=00001080
bad 'an address that wraps' 'wants the address 0xfffff000' 60=00f0ffff
bad 'the address 0' 'wants the address 0x0' 60=00000000
bad 'a writable and executable segment' 'writable and executable' 76=07000000
bad 'an entry outside of the code' 'starts outside' 24=00000000
bad 'nothing to load' 'nothing to load' 52=00000000
head -c 40 "$dir/hello" >"$dir/bad"
refused 'half a header' 126 'truncated' PROG="$dir/bad"
for n_file in 1 2; do
	mkdir "$dir/d$n_file"
	echo "$n_file" >"$dir/d$n_file/same"
done
refused 'two files of one name' 125 'another file has the same name' \
    PROG="$dir/hello" FILE="$dir/d1/same $dir/d2/same"
refused 'a file that is not there' 125 'not a file that can be read' \
    PROG="$dir/hello" FILE="$dir/d1/same $dir/none"
long=$dir/$(printf '%060d' 0)
: >"$long"
refused 'a name that is too long' 125 'too long' PROG="$dir/hello" FILE="$long"
refused 'too long a command line' 125 'more than 1023' PROG="$dir/hello" \
    ARGS="$(printf '%0900d %0100d' 0 0)"
refused 'an open quotation mark' 125 'quotation mark' PROG="$dir/hello" ARGS="'a"
refused 'a variable that is none' 125 'not one of' PORG=x
refused 'STATS=2' 125 'neither 0 nor 1' PROG="$dir/hello" STATS=2
refused 'LIMIT=x' 125 'not a number' PROG="$dir/hello" LIMIT=x
refused 'a log that is the program' 125 'would overwrite' \
    PROG="$dir/hello" LOG="$dir/hello"
refused 'a log that is a directory' 125 'is a directory' \
    PROG="$dir/hello" LOG="$dir"
refused 'what scripts/qemu refuses' 125 'MEM=1: less than 8M' \
    PROG="$dir/hello" MEM=1

# Names, arguments and files.
cp "$dir/hello" "$dir/a b,c%"
printf x >"$dir/one,two"
# passes NAME PATTERN VARIABLE...: what QEMU gets.
passes()
{
	title=$1 pattern=$2
	shift 2
	sh scripts/run-prog "$@" >/dev/null 2>&1 </dev/null
	check "$title" 0 "$pattern" cat "$dir/arguments"
}
passes 'a name and no arguments' '^<prog=hello monitor=off' PROG="$dir/hello"
also 'a module with a name' '^</dev/fd/8 hello>$'
passes 'a strange name' '^<prog=a%20b%2Cc%25 ' PROG="$dir/a b,c%"
also 'as a module' '^</dev/fd/8 a%20b%2Cc%25>$'
passes 'arguments' '^<prog=hello args=-c,ls%20%7C%20wc,%,x%27%22y,%24%60 ' \
    PROG="$dir/hello" ARGS="-c 'ls | wc' \"\" x\\'\\\"y \$\`"
passes 'two files' \
    "^</dev/fd/8 hello,$dir/d1/same same,$dir/one,,two one%2Ctwo>\$" \
    PROG="$dir/hello" FILE="$dir/d1/same  $dir/one,two"
passes 'one file with a blank in its name' \
    '^</dev/fd/8 hello,/dev/fd/4 a%20b%2Cc%25>$' \
    PROG="$dir/hello" FILE="$dir/a b,c%"
passes 'an option, and the counters' ' nsfbufs=64 monitor=off .* stats=1' \
    PROG="$dir/hello" APPEND=nsfbufs=64 STATS=1
sh scripts/qemu FILE="$dir/one,two $dir/d1/same" >/dev/null 2>&1
check 'qemu with two files' 0 "^<$dir/one,,two one%2Ctwo,$dir/d1/same same>\$" \
    cat "$dir/arguments"

# How it ends.
ended='mayfly: hello ended:'
# ends NAME STATUS PATTERN MACHINE-STATUS OUTPUT
ends()
{
	sends "$4" "$5"
	check "$1" "$2" "$3" $run_prog
}
ends 'status 0, and nothing else is printed' 0 '' 33 \
    "$begin$ended exit status 0\r\n"
ends 'status 3' 3 '' 33 "$begin$ended exit status 3\r\n"
ends 'status 255' 255 '' 33 "$begin$ended exit status 255\r\n"
ends 'a note' 143 'ended: note 15$' 33 "$begin$ended note 15\r\n"
ends 'a page fault' 139 'fault 14 .page' 33 \
    "$begin$ended fault 14 (page fault) at 0x0\r\n"
ends 'an invalid instruction' 132 'fault 6' 33 "$begin$ended fault 6 (x)\r\n"
ends 'a division by 0' 136 'fault 0' 33 "$begin$ended fault 0 (x)\r\n"
ends 'a status that is too large' 125 'exit status 256' 33 \
    "$begin$ended exit status 256\r\n"
ends 'an end that is not known' 125 'ended: *in a way|the end of' 33 \
    "$begin$ended otherwise\r\n"
ends 'a panic' 125 'the kernel panicked' 37 \
    "${begin}panic: x\r\n$ended exit status 0\r\n"
ends 'the panic is shown' 125 '^    panic: x' 37 "panic: x\r\n"
ends 'nothing was started' 125 '^    mayfly: hello: no memory' 39 \
    'mayfly: hello: no memory\r\n'
ends 'a triple fault' 125 'status 0, not 33' 0 "$begin"
ends 'QEMU fails' 125 'status 1, not 33' 1 ''
ends 'no line that it ended' 125 'did not say how hello ended' 33 "$begin"
ends 'two such lines' 125 'tells 2 times' 33 \
    "$begin$ended exit status 0\r\n$ended exit status 0\r\n"
ends 'the line of another program' 125 'did not say' 33 \
    "${begin}mayfly: hello2 ended: exit status 0\r\n"
ends 'the line is not at the start of a line' 125 'did not say' 33 \
    "${begin}x$ended exit status 0\r\n"
ends 'the line without its end' 0 '' 33 "$begin$ended exit status 0"
ends 'an end that is cut' 125 'the kernel says of the end' 33 \
    "$begin$ended exit sta"
sends 33 "$begin"
mkfifo "$dir/never"
sed -i 's,^cat "$here/serial2".*,exec sleep 60,' "$dir/bin/qemu-system-i386"
check 'a time-out' 125 'not done after 1 seconds' $run_prog LIMIT=1
sed -i 's,^exec sleep 60,cat "$here/serial2" 2>/dev/null,' \
    "$dir/bin/qemu-system-i386"

# Whose output is whose: a program's on standard output, to the byte, and the
# kernel's on standard error, if it is wanted.
# says NAME FORMAT EXPECTED: the program's output is exactly this.
says()
{
	sends 33 "$2"
	# shellcheck disable=SC2059
	printf "$3" >"$dir/expected"
	$run_prog >"$dir/got" 2>/dev/null </dev/null
	check "$1" 0 '' cmp "$dir/expected" "$dir/got"
}
zero="$ended exit status 0\r\n"
says 'lines' "${begin}a\r\nb\r\n$zero" 'a\nb\n'
says 'an incomplete last line' "${begin}a\r\nb\r\r\n$zero" 'a\nb'
says 'CRs of the program' "${begin}a\rb\r\r\nc\r\r\r\nd\r\n$zero" \
    'a\rb\r\nc\r\r\nd\n'
says 'a CR as the last byte' "${begin}a\r\r\r\n$zero" 'a\r'
says 'what looks like the kernel' \
    "${begin}mayfly: boot\r\nmayfly: hello end\r\n$zero" \
    'mayfly: boot\nmayfly: hello end\n'
says 'bytes' "${begin}\033[m\001\377\r\n$zero" '\033[m\001\377\n'
says 'nothing' "$begin$zero" ''
says 'nothing of what comes behind' "${begin}a\r\n${zero}mayfly: counters\r\n" \
    'a\n'
sends 33 "${begin}a\r\n${zero}mayfly: counters 5\r\n"
check 'the counters' 0 '^mayfly: counters 5$' $run_prog STATS=1
check 'the lines of the boot' 0 '^mayfly: boot$' $run_prog V=1
sends 33 "$begin"
printf 'b\r\n%b' "$zero" >"$dir/serial2"

# Input: after the line that it starts, quoted.
echo 5 >"$dir/want-input"
printf 'hi\001' | $run_prog >"$dir/got" 2>&1
check 'input, ^A and the end' 0 'h   i 001 001 004' \
    sh -c "sed 's/ \\\\n//' $dir/got | tr -s '\\n'" 
sends 33 "$begin"
printf '%b' "$zero" >"$dir/serial2"
echo 7 >"$dir/want-input"
printf '\004\026\n\r' | $run_prog >"$dir/got" 2>&1
check 'what the console would act on' 0 '026 004 026 026  .n  .r 004' cat "$dir/got"

# The exact status is scripts/run-prog's; make has one of its own.
sends 33 "${begin}hi\r\n$ended exit status 3\r\n"
check 'make run PROG=' 2 '^hi$' make run PROG="$dir/hello" LOG="$dir/log"
also 'which tells the status' 'Error 3$'
check 'make run with an empty PROG' 2 'PROG is empty' make run PROG=
if command -v script >/dev/null; then
	check 'on a terminal' 3 'hi' \
	    script -qec "$run_prog LOG=$dir/log" /dev/null
	check 'and input is lines, with echo' 0 '^<prog=hello .*panic=exit>$' \
	    cat "$dir/arguments"
else
	skip 'on a terminal' 'there is no script(1)'
fi
for shell in dash bash busybox; do
	if ! command -v $shell >/dev/null; then
		skip "in $shell" "there is no $shell"
		continue
	fi
	mkdir -p "$dir/tools"
	ln -sf "$(command -v $shell)" "$dir/tools/sh"
	check "in $shell" 3 '^hi$' env PATH="$dir/tools:$PATH" $run_prog \
	    ARGS="a 'b c'" FILE="$dir/one,two $dir/d1/same"
	check "in $shell, words" 0 ' args=a,b%20c ' cat "$dir/arguments"
done
rm -rf "$dir/tools"
check 'nothing reads the output' 0 '^$' \
    sh -c "{ $run_prog; echo \$? >$dir/got; } | true; echo"
check 'as SIGPIPE would end it' 0 '^(141|3)$' cat "$dir/got"

# What programs are built from.
mkdir "$dir/few"
for tool in sh dirname cat grep; do
	ln -s "$(command -v $tool)" "$dir/few/$tool"
done
check 'no apt' 2 'apt-get is missing' env PATH="$dir/few" \
    sh scripts/sysroot "$dir/sysroot"
check 'no directory' 2 'usage' sh scripts/sysroot
check 'a directory that cannot be made' 2 'cannot be made' \
    sh scripts/sysroot /dev/null/x
check 'a name that apt does not take' 2 'takes no such name' \
    sh scripts/sysroot "$dir/a b"
printf '#!/bin/sh\n' >"$dir/bin/apt-get"
cp "$dir/bin/apt-get" "$dir/bin/apt-cache"
chmod +x "$dir/bin/apt-get" "$dir/bin/apt-cache"
check 'apt that finds nothing' 2 'apt finds no gcc for i386' \
    sh scripts/sysroot "$dir/sysroot"
check 'Linux without a program' 2 'no such file' sh scripts/run-linux PROG=
check 'Linux that cannot be fetched' 2 'apt finds no linux-image-686-pae' \
    env MAYFLY_LINUX="$dir/linux" sh scripts/run-linux PROG="$dir/hello"
echo "1..$n"
