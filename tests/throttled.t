#!/usr/bin/perl
# SPDX-License-Identifier: BSD-2-Clause
#
# tests/throttled.t - boot the kernel in a QEMU that is stopped by a signal most
# of the time, as by a host with a quota, from its start on.  The TSC and the
# counters go on, so a measurement across a stop is wrong.  The kernel compares
# the frequency that it found with the clock of the RTC.
#
# One line of TAP for each pattern of running and stopping.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep);

my @patterns = ([10, 90], [3, 27]);	# ms that it runs, ms that it is stopped
my $limit = 900;		# seconds; only a hang takes as long

my $pid = 0;				# QEMU's, while it runs

chdir(dirname(abs_path($0)) . '/..') or die "chdir: $!\n";
# make coverage sets another kernel, and a folder for the logs.
my ($logs, $kernel) = @ENV{qw(MAYFLY_LOGS MAYFLY_KERNEL)};
$kernel = 'build/mayfly.elf' unless defined $logs;
$logs //= 'build/logs';
delete @ENV{grep { /^MAYFLY_/ } keys %ENV};
my @variables = ('SMP=1', 'MEM=64M', 'FILE=', "KERNEL=$kernel",
    'APPEND=test=clock.a_second_of_the_rtc_is_a_second');
system('mkdir', '-p', $logs);

sub end_it { kill KILL => $pid if $pid; $pid = 0 }
$SIG{$_} = sub { exit 1 } for qw(HUP INT TERM);
END { my $status = $?; end_it(); $? = $status }

# Boots once; returns the exit status, or undef if it took too long.
sub boot
{
	my ($run, $stop, $log) = @_;
	my $end = time + $limit;

	$pid = fork // die "fork: $!\n";
	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', $log;
		open STDERR, '>&', \*STDOUT;
		exec 'sh', 'scripts/qemu', @variables or POSIX::_exit(2);
	}
	while (time < $end) {
		sleep $run / 1000;
		if (waitpid($pid, WNOHANG) == $pid) {
			$pid = 0;
			return $? >> 8;
		}
		kill STOP => $pid;
		sleep $stop / 1000;
		kill CONT => $pid;
	}
	kill KILL => $pid;
	waitpid $pid, 0;
	$pid = 0;
	return undef;
}

print '1..' . @patterns . "\n";
my ($n, $bad) = (0, 0);
for (@patterns) {
	my ($run, $stop) = @$_;
	my $log = "$logs/throttled-$run.log";
	my $status = boot($run, $stop, $log) // 'none: it took too long';
	my $ok = $status eq '33';

	$bad++ unless $ok;
	printf "%sok %d - it runs for %u ms and is stopped for %u ms\n",
	    $ok ? '' : 'not ', ++$n, $run, $stop;
	next if $ok;
	print "# the exit status is $status, not 33; see $log\n";
}
exit($bad != 0);
