#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/exit.t - check that the kernel prints nothing after it wrote its result
# to the exit port.  A newer QEMU ends some time after that write, so what is
# printed there may be seen or not.  Here a debug console is at the port: it
# takes the value, and the machine goes on.  Prints TAP.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Time::HiRes qw(sleep time);
use Test::More tests => 4;

my $limit = 120;		# seconds that a boot may take

chdir(dirname(abs_path($0)) . '/..') or die "chdir: $!\n";
# make coverage sets another kernel, and a folder for the machines' logs.
my $kernel = defined $ENV{MAYFLY_LOGS} && $ENV{MAYFLY_KERNEL} ||
    'build/mayfly.elf';
my $dir = tempdir(CLEANUP => 1);
my $pid;

sub slurp { local $/; open my $f, '<', $_[0] or return ''; <$f> // '' }

sub stop
{
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

# Boots with other devices at the exit port.  Returns what the serial port got
# until a second after a text that matches.
sub boot
{
	my ($last, @devices) = @_;
	my $until = time + $limit;

	$pid = fork // die "fork: $!\n";
	if ($pid == 0) {
		open(STDIN, '<', '/dev/null');
		exec('qemu-system-i386', '-accel', 'tcg', '-m', '64M',
		    '-display', 'none', '-no-reboot', '-nic', 'none',
		    '-monitor', 'none', '-serial', "file:$dir/serial",
		    '-kernel', $kernel, '-append', 'test=sf_buf.maps_the_page',
		    @devices);
	}
	sleep(0.05) while time < $until && slurp("$dir/serial") !~ $last;
	sleep(1);
	my $seen = slurp("$dir/serial") =~ s/\r//gr;
	stop();
	return $seen;
}

my $seen = boot(qr/^ok 1 .*\n/m, '-chardev',
    "file,id=port,path=$dir/port", '-device',
    'isa-debugcon,iobase=0xf4,chardev=port');
like($seen, qr/^ok 1 sf_buf.maps_the_page\n/m, 'the test passed');
is(slurp("$dir/port"), "\x10", 'its result is written to the port, once');
like($seen, qr/^ok 1 .*\n\z/m, 'and nothing is printed after it');

$seen = boot(qr/^mayfly: halted\r?\n/m);
like($seen, qr/^ok 1 .*\nmayfly: halted\n\z/m,
    'without a device there the kernel says that it has halted');
