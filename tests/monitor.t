#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# Tests the monitor through QEMU's serial port, as TAP.  Every wait ends after
# $limit seconds, and a machine that let one end so is killed: no later wait for
# it takes as long.  Output that ends with a prompt for $quiet seconds will not
# match any more.  A machine that is still running at the end is killed.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Select;
use IPC::Open2 qw(open2);
use Time::HiRes qw(sleep time);
use Test::More;

my ($limit, $quiet) = (600, 30);
my ($pid, $to, $from, $seen, $output);	# $output: all, of one command

chdir(dirname(abs_path($0)) . '/..') or die "chdir: $!\n";
$SIG{PIPE} = 'IGNORE';
# make coverage sets another kernel, and a folder for the machines' logs.
my ($logs, $kernel, $machines) = (@ENV{qw(MAYFLY_LOGS MAYFLY_KERNEL)}, 0);
delete @ENV{grep { /^MAYFLY_/ } keys %ENV};
$ENV{MAYFLY_KERNEL} = $kernel if defined $logs;

# Starts a command; its input and output are pipes of this program.
sub start {
	my (%set) = (SMP => 2, MEM => '64M', FILE => '', @{shift()});
	$set{LOG} //= "$logs/monitor-" . ++$machines . '.log'
	    if defined $logs;
	local @ENV{map { "MAYFLY_$_" } keys %set} = values %set;
	$pid = open2($from, $to, @_);
	$seen = $output = '';
}

# Reads until the output not yet taken matches, and takes it up to there.
# Carriage returns are left out.
sub expect {
	my ($re, $name) = @_;
	my $until = time + $limit;
	my $select = IO::Select->new($from);

	while ($seen !~ $re) {
		my $left = $until - time;
		my $idle = $seen =~ /^mayfly> \z/m && $left > $quiet;
		my $bytes;
		$left = $quiet if $idle;
		if ($left <= 0 || !$select->can_read($left) ||
		    !sysread($from, $bytes, 65536)) {
			fail($name);
			diag("wanted: $re\nsaw: ", substr($seen, -800));
			$seen = '';
			stop() unless $idle;
			return 0;
		}
		$bytes =~ s/\r//g;
		$seen .= $bytes;
		$output .= $bytes;
	}
	$seen =~ s/^.*?$re//s;
	return pass($name);
}

sub type {
	syswrite($to, shift);
}

sub prompt {
	expect(qr/^mayfly> /m, shift // 'a prompt');
}

# Types a line; its output must match, and a new prompt follow.
sub command {
	my ($line, $re, $name) = @_;

	type("$line\r");
	expect(qr/$re.*?^mayfly> /ms, $name // "$line");
}

# Waits for the end of the command and checks its exit status.  Its output until
# then is read, unless $leave.
sub ended {
	my ($want, $name, $leave) = @_;
	my $until = time + $limit;
	my $select = IO::Select->new($from);

	return fail("$name: was killed") if !defined $pid;
	while (waitpid($pid, 1) == 0) {
		if (time > $until) {
			stop();
			return fail("$name: never ended");
		}
		sleep(0.05) unless !$leave && $select->can_read(0.05) &&
		    sysread($from, $seen, 65536);
	}
	my $status = $? >> 8;
	undef $pid;
	return is($status, $want, $name);
}

# What is left of the machine's output may still be read.
sub stop {
	return if !defined $pid;
	kill('KILL', $pid);
	waitpid($pid, 0);
	undef $pid;
}

END {
	my $status = $?;
	stop();
	$? = $status;
}

# Ticks of CPU time that QEMU took so far, 100 a second.
sub cpu_time {
	open(my $f, '<', "/proc/$pid/stat") or return;
	my @field = split(' ', <$f> =~ s/.*\)//r);
	return $field[11] + $field[12];
}

my @qemu = ('sh', 'scripts/qemu');

# The names of all commands that are declared.
sub declared {
	my @names;
	my $places = `sed 's,^build/,,; s,/[^/]*\$,,' build/objects | sort -u`;
	for my $file (map { glob("$_/*.c") } split(' ', $places)) {
		open(my $f, '<', $file) or die "$file: $!\n";
		local $/;
		push @names, <$f> =~ /^(?:SAFE_)?COMMAND\(\w+,\s*"([^"]+)"/mg;
	}
	return sort @names;
}

subtest 'typing' => sub {
	start([APPEND => 'monitor=on'], @qemu);
	expect(qr/^digest: no file/m, 'the job comes first');
	prompt();
	my @names = declared();
	cmp_ok(scalar(@names), '>=', 20, 'commands are declared');
	my $list = join('.*?', map { "^  \Q$_\E " } @names);
	command('help', $list, 'help lists them all, in order');
	command('nonsense', 'monitor: no command is called "nonsense"',
	    'an unknown command');
	my $several = join(', ', grep { /^p/ } @names);
	command('p', "monitor: \"p\" could be $several\$", 'an ambiguous one');
	command('sfs', 'hits +\d+', 'a prefix of one');
	command('ps now', 'monitor: ps takes no argument', 'an argument');
	command('test a b', 'monitor: test takes one argument',
	    'too many arguments');
	command('a b c d e f g h i', 'monitor: more than 8 words',
	    'too many words');
	command('x' x 300, 'monitor: no command is called "x{127}"',
	    'an over-long line');
	command('', '', 'an empty line');
	command("\e[A\e[5~\xff\x00\t\e[B", '', 'keys that mean nothing');

	# Each of these must become: audit.  QEMU takes the first ^A of two.
	my %keys = (
		'backspace' => "audif\x7ft",
		'left and right' => "adit\e[D\e[D\e[Du\e[C\e[C",
		'home and end' => "udi\e[Ha\e[Ft",
		'home and end by number' => "udi\e[1~a\e[4~t",
		'delete' => "aaudit\eOH\e[3~",
		'^A and ^E' => "udi\x01\x01a\x05t",
		'^U' => "nonsense\x15audit",
		'^K' => "audit nonsense\e[D\x01\x01\e[C\e[C\e[C\e[C\e[C\x0b",
		'^W' => "audit nonsense  \x17",
		'^C' => "nonsense\x03audit",
		'^L' => "aud\x0cit",
	);
	command($keys{$_}, '^audit: all \d+ entries are right$', $_)
	    for sort keys %keys;
	command('ps', 'idle 1', 'ps');
	command("\e[A\e[A", 'audit: all', 'history, up twice');
	command("nonse\e[A\e[A\e[B\e[B\x15audit", 'audit: all',
	    'history, up and down again');
	type("poweroff\r");
	ended(0, 'poweroff: status 0, which means nothing');
};

subtest 'commands' => sub {
	start([APPEND => 'monitor=on sf_buf.dmap=off nsfbufs=1024',
	    FILE => 'tests/monitor.t'], @qemu);
	expect(qr/^digest: cpu 1 private [0-9a-f]{64}$/m, 'the job');
	prompt();
	my $before = cpu_time();
	sleep(2);
	cmp_ok(cpu_time() - $before, '<', 50, 'the CPUs halt meanwhile');
	command('sfstat', 'hits +[1-9]\d*$.*misses +[1-9]\d*$' .
	    '.*PTE writes +[1-9]\d*$.*IPIs sent +\d+$.*in use +0$' .
	    '.*in the pool +1024$');
	command('pages', '^  zone +total +free +wired +mapped$' .
	    '.*^  direct +[1-9]\d* +[1-9]\d* +\d+ +\d+$' .
	    '.*^  mid +[1-9]\d* +[1-9]\d* +[1-9]\d* +[1-9]\d*$');
	command('map', '^  0x80000000 .*direct map.*text, R-X$' .
	    '.*read-only data, R--$.*data, RW-$.*page array' .
	    '.*^  0x\S+  0x\S+ +20 K  states.*^  0x\S+  0x\S+ +8 K  page t' .
	    '.*^  0xd4000000 .*sf_bufs, 1024 slots$');
	command('ps', '^ +\d+ main +running +\d+ .*idle 0 +.*idle 1 +');
	# On either CPU.
	command('cpus', '^  cpu apic +ticks(?=.*main$).*^    0 +0 +\d+ ' .
	    '.*^    1 +1 +\d+ .*IPIs taken$.*resched +test$');
	# A row for each CPU, and nothing between it and its ring, where a
	# recount that disagrees would be reported.
	my $row = '(?: +\d+){6}\n +\[[qrfbo]{64}\]\n';
	command('pools', '^  cpu +slots +queue +flushed +batch +open +in use$' .
	    "\n    0$row    1$row  q queue: mapped; ");
	command('audit', '^audit: all 1024 entries are right$');
	command('test sf_buf.maps*', '^1\.\.1$.*^ok 1 sf_buf.maps_the_page$' .
	    '.*^test: passed$');
	# Each is named once; cpus counts them.
	command('test intr.unexp*', '^intr: .* vector 0x27 of CPU 1: .*' .
	    '^intr: .* vector 0x80 of CPU 1: .*^test: passed$');
	command('test intr.unexp*', '^1\.\.1$\nok 1 .*^test: passed$',
	    'again, without a word');
	command('cpus', '^  unexpected interrupts$.*^    0x27 +4 +1 .*' .
	    '^    0x80 +2 +1 a vector without an owner$', 'cpus then');
	command('test nonsense', '^mayfly: no test is called nonsense');
	command('digest', '^digest: cpu 1 private [0-9a-f]{64}$' .
	    '.*^digest: all agree');
	type("reboot\r");
	ended(0, 'reboot ends QEMU, which has -no-reboot');
};

# In strict mode the first pool has all slots, and the other none.
subtest 'a pool without slots' => sub {
	start([APPEND => 'monitor=on sf_buf.strict=1 nsfbufs=64'], @qemu);
	prompt();
	command('pools', '^    0 +64 .*\n    1(?: +0){6}\n +\[\]\n');
	type("poweroff\r");
	ended(0, 'poweroff');
};

subtest 'after a panic' => sub {
	start([APPEND => 'monitor=on panic=monitor'], @qemu);
	prompt();
	type("panic\r");
	expect(qr/^panic: CPU \d+: requested by the monitor's command$/m, 'panic');
	expect(qr/ at 0x[0-9a-f]+ command_panic\+0x/, 'its backtrace');
	prompt();
	command('help', '^  digest .*not after a panic');
	command('ps', ' main +running .*idle 1');
	command('test', 'monitor: test does not run after a panic',
	    'no tests');
	command($_, '^  \S+', $_) for qw(sfstat pages pools map cpus pmap);
	command('audit', '^audit: all');
	type("panic\r");
	expect(qr/^panic: another panic, during the report/m, 'a panic in there');
	ended(37, 'ends the machine');

	start([APPEND => 'monitor=on panic=monitor'], @qemu);
	prompt();
	command('panic', '', 'the monitor after a panic');
	type("poweroff\r");
	ended(0, 'poweroff there');

	# A stack that is used up, and locks that are never released.
	for my $test (qw(stack_overflow sleep_under_a_spin_lock)) {
		start([APPEND => "panic=monitor test=panic.$test"], @qemu);
		expect(qr/^panic: CPU \d+: /m, $test);
		prompt();
		command($_, '^ +\S+', "$_ after $test")
		    for qw(help ps sfstat pages pools map cpus pmap);
		command('audit', '^audit: all', "audit after $test");
		type("reboot\r");
		ended(0, "reboot after $test");
	}

	# Before there are slots and other CPUs.
	start([BOOT => 'early_panic', SMP => 2, APPEND => 'panic=monitor'],
	    @qemu);
	expect(qr/^panic: CPU 0: page fault at .*: read of 0x1, not present/m,
	    'a panic before other CPUs are started');
	prompt();
	command('sfstat', 'sfstat: there is no pool yet');
	command('audit', 'audit: there is no pool yet');
	command('pools', 'pools: there is no pool yet');
	command($_, '^ +\S+', "$_ then") for qw(help ps pages map cpus pmap);
	type("reboot\r");
	ended(0, 'reboot then');

	start([APPEND => 'panic=monitor ipi.timeout=1500 ' .
	    'test=panic.an_ipi_that_is_never_answered'], @qemu);
	expect(qr/CPU 0 waits for CPU 1/, 'a panic with a deaf CPU');
	prompt();
	command('cpus', 'IPIs sent', 'cpus there');
	type("reboot\r");
	ended(0, 'reboot there');

	start([APPEND => 'monitor=on panic=halt'], @qemu);
	prompt();
	type("panic\r");
	expect(qr/^panic: halted, because of panic=halt$/m, 'panic=halt');
	my $before = cpu_time();
	sleep(1);
	cmp_ok(cpu_time() - $before, '<', 25, 'halts');
	is(waitpid($pid, 1), 0, 'for good');
	stop();
};

subtest 'other machines' => sub {
	start([APPEND => 'monitor=on', MACHINE => 'pc,acpi=off'], @qemu);
	expect(qr/MADT is unusable/, 'without an I/O APIC');
	prompt();
	command('audit', 'audit: all', 'input is polled');
	type("reboot\r");
	ended(0, 'reboot by the keyboard controller');

	start([APPEND => 'monitor=on', SERIAL => 'none'], @qemu);
	ended(39, 'without a serial port: ends as the job did');

	start([APPEND => 'panic=monitor ' .
	    'test=panic.sf_buf_alloc_of_no_page', SERIAL => 'none'], @qemu);
	ended(37, 'the same after a panic');

	start([APPEND => 'monitor=on', MACHINE => 'q35'], @qemu);
	prompt('q35');
	type("poweroff\r");
	ended(0, 'poweroff');
};

# A pipe that is full takes no byte until it is read, as a terminal that is
# stopped.  QEMU's port then sends nothing: older kernels gave it up after 3 s.
sub start_unread {
	my ($set, $free) = @_;
	pipe($from, my $out) or die "pipe: $!\n";
	fcntl($out, 1031, 4096) or diag("F_SETPIPE_SZ: $!");
	syswrite($out, 'x' x (4096 - $free));
	$pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		my %set = (SMP => 2, MEM => '64M', FILE => '', %$set);
		@ENV{map { "MAYFLY_$_" } keys %set} = values %set;
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>&', $out);
		exec(@qemu);
	}
	$seen = $output = '';
}

# Waits until the pipe is full, and the kernel has noticed.
sub pipe_full {
	my $until = time + $limit;
	my ($bytes, $n) = ('', 0);

	while ($n < 4096 && time < $until) {
		sleep(0.1);
		$bytes = pack('L', 0);
		ioctl($from, 0x541b, $bytes) or die "FIONREAD: $!\n";
		$n = unpack('L', $bytes);
	}
	sleep(3);
}

subtest 'a terminal that is not read' => sub {
	start_unread({ APPEND => 'test=lock.*,mutex.*' }, 0);
	sleep(4);
	is(waitpid($pid, 1), 0, 'its output is waited for');
	expect(qr/^1\.\.(\d+)\n(?:ok \d+ .*\n)+/m, 'and comes');
	ended(33, 'so the tests pass');

	# Output that nothing could wait for is lost, and the run has not passed.
	start_unread({ APPEND => 'test=console.prints_much_under_a_spin_lock' },
	    1000);
	pipe_full();
	expect(qr/^console: \d+ bytes were lost here$/m, 'a loss is told');
	ended(35, 'and the run has failed');
	start_unread({ APPEND => 'test=console.prints_much_under_a_spin_lock' },
	    4096);
	expect(qr/^# line 0 .*^# line 1999 /ms, 'a terminal that is read has all');
	ended(33, 'and the run passes');

	start_unread({ APPEND => 'test=panic.in_an_interrupt' }, 500);
	ended(37, 'a panic waits for it for a while only', 'leave');
};

subtest 'whole lines from many CPUs' => sub {
	my ($whole, $other) = (0, 0);
	start([SMP => 4, APPEND => 'test=console.many_cpus_print_at_once'],
	    @qemu);
	expect(qr/^ok 1 /m, 'are printed');
	for (split(/\n/, $output =~ s/.*?^1\.\.1\n//msr)) {
		if (/^# cpu \d line (\d+) (0+)\.$/ &&
		    length($2) == ($1 % 50 || 1)) {
			$whole++;
		} elsif (!/^(?:ok 1 .*|# console.*)?$/) {
			$other++;
			diag("not whole: $_");
		}
	}
	is("$whole, $other", '800, 0', 'and whole');
	ended(33, 'at the end');
};

# More than the port and the kernel hold, while a command runs.
subtest 'a paste' => sub {
	start([APPEND => 'monitor=on'], @qemu);
	prompt();
	for my $size (3600, 20000) {
		my ($paste, $n) = ("test sched.*\r", 0);
		$paste .= "line" . $n++ . 'y' x ($n % 50) . "\r"
		    while length($paste) < $size;
		my $writer = fork() // die "fork: $!\n";
		if ($writer == 0) {
			syswrite($to, $paste);
			require POSIX;
			POSIX::_exit(0);
		}
		my $all = join('.*?', map { "called \"line${_}y*\"" }
		    0 .. $n - 1);
		expect(qr/$all.*?^mayfly> $/ms, "$n lines, $size bytes");
		waitpid($writer, 0);
	}
	type("poweroff\r");
	ended(0, 'poweroff');
};

# The BIOS writes its name into the same memory.
subtest 'the screen' => sub {
	my $file = "build/screen.$$";
	start([APPEND => 'monitor=on'], @qemu);
	prompt();
	type("\x01c");
	expect(qr/\(qemu\) /, "QEMU's monitor");
	my $text = '';
	# The prompt is on the screen a moment after it left the port.
	for (my $i = 0; $i < 50 && $text !~ /mayfly> +$/; $i++) {
		sleep(0.1);
		type("pmemsave 0xb8000 4000 $file\r");
		expect(qr/\n\(qemu\) /, 'has saved the screen');
		open(my $f, '<:raw', $file) or diag("$file: $!");
		my $cells = do { local $/; <$f> } // '';
		unlink($file);
		$text = $cells =~ s/(.)./$1/gsr;
	}
	like($text, qr/^mayfly: 4096 sf_bufs/, 'starts with our first line');
	like($text, qr/mayfly> +$/, 'ends with the prompt');
	unlike($text, qr/BIOS|Booting/, 'and has no other text');
	type("q\r");
	ended(0, 'quit');
};

# On a terminal make run ends in the monitor.
subtest 'make run on a terminal' => sub {
	start([FILE => 'tests/monitor.t', LOG => "build/monitor.$$.log"],
	    'script', '-qec', 'sh scripts/run-file', '/dev/null');
	prompt();
	type("poweroff\r");
	expect(qr/^run: all digests agree with sha256sum$/m,
	    'the digests agree');
	ended(0, 'and that is its status');
	unlink("build/monitor.$$.log");
};

# However QEMU ends.  The commands stand for it, and leave the terminal as
# firmware and a raw console do.
subtest 'the terminal afterwards' => sub {
	my $spoil = q(stty raw -echo; printf "\\033[?7l\\033[?25l"; echo up;);
	my %ends = (
		'its exit' => 'exit 37',
		'SIGKILL' => 'kill -KILL $$',
		'SIGTERM to the script' => 'kill -TERM $PPID; sleep 60',
	);
	for my $name (sort keys %ends) {
		my $file = "build/terminal.$$";
		open(my $f, '>', $file) or die "$file: $!\n";
		print $f "$spoil $ends{$name}\n";
		close($f);
		start([], 'script', '-qec', "stty -g; sh scripts/terminal " .
		    "sh $file; echo status \$?; stty -g", '/dev/null');
		expect(qr/\A(\S+)\n.*up.*\e\[\?7h\e\[\?25h\nstatus \d+\n\1\n/s,
		    "after $name");
		ended(0, 'the shell goes on');
		unlink($file);
	}

	start([APPEND => 'monitor=on'], 'script', '-qec',
	    'stty -g; sh scripts/qemu; echo status $?; stty -g', '/dev/null');
	prompt();
	unlike($output, qr/\e\[\?7l|\e\[2J|\e\[H/, 'nothing clears it before');
	type("\x01x");
	expect(qr/\e\[\?7h\e\[\?25h\nstatus 0\n\S+\n/, 'after ^A x');
	ended(0, 'the shell goes on');
};

done_testing();
