#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# clients.t - programs that others wrote for memcached work with this server:
# pymemcache (t/clients/pymemcache_mixed.py) and the tools of libmemcached.
# What is not installed is skipped.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Cairn;

my @shards = Cairn::is_reference() ? (0) : (1, 4);

for my $shards (@shards) {
	my $server = Cairn->start(flags =>
	    [$shards ? ('-o', "shards=$shards") : ()]);
	my $name = $shards ? "$shards shards: " : '';

	pymemcache($server, $name);
	memccapable($server, $name);
	copy_a_file($server, $name);
	memcslap($server, $name);
	is($server->stop, 0, "${name}the server ends cleanly");
}
done_testing;

# Run a program, for a minute at most. Its exit status (or -1) and output.
sub
run
{
	my ($dir, @command) = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0) {
		alarm 60;
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$dir/output";
		open STDERR, '>&', \*STDOUT;
		$SIG{ALRM} = 'DEFAULT';
		exec { $command[0] } @command or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	my $status = $? & 127 ? -1 : $? >> 8;
	return ($status, Cairn::slurp("$dir/output"));
}

sub
python_with_pymemcache
{
	for my $python (Cairn::find_program('python3'), '/usr/bin/python3') {
		return $python if defined $python && -x $python &&
		    system("$python -c 'import pymemcache' 2>/dev/null") == 0;
	}
	return undef;
}

# Its lines of TAP become tests of ours.
sub
pymemcache
{
	my ($server, $name) = @_;
	my $python = python_with_pymemcache();
	my $dir = Cairn::scratch();

	SKIP: {
		skip 'no python3 with pymemcache', 1 if !$python;
		my ($status, $output) = run($dir, $python, Cairn::srcdir() .
		    '/t/clients/pymemcache_mixed.py', '127.0.0.1',
		    $server->{port});
		my $tests = 0;
		for my $line (split /\n/, $output) {
			if ($line =~ /^(not )?ok \d+ - (.*)/) {
				ok(!$1, "${name}pymemcache: $2");
				$tests++;
			} elsif ($line !~ /^1\.\.\d+$/) {
				diag($line);
			}
		}
		my ($plan) = $output =~ /^1\.\.(\d+)$/m;
		is($tests, $plan // 'a plan', "${name}pymemcache: all was run");
		is($status, 0, "${name}pymemcache: exit status");
	}
}

sub
memccapable
{
	my ($server, $name) = @_;
	my $program = Cairn::find_program('memccapable') ||
	    Cairn::find_program('memcapable');
	my $dir = Cairn::scratch();

	SKIP: {
		skip 'memccapable is not installed', 1 if !$program;
		my ($status, $output) = run($dir, $program, '-a', '-t', 10,
		    '-h', '127.0.0.1', '-p', $server->{port});
		my $tests = 0;
		for my $line (split /\n/, $output) {
			next if $line !~ /^(ascii .*?)\s+\[(\w+)\]$/;
			is($2, 'pass', "${name}memccapable: $1");
			$tests++;
		}
		cmp_ok($tests, '>=', 20, "${name}memccapable: tests were run")
		    or diag($output);
		is($status, 0, "${name}memccapable: exit status");
	}
}

sub
copy_a_file
{
	my ($server, $name) = @_;
	my ($copy, $cat, $remove) = map {
		Cairn::find_program("memc$_") || Cairn::find_program("mem$_")
	} qw(cp cat rm);
	my $where = "--servers=127.0.0.1:$server->{port}";
	my $dir = Cairn::scratch();

	SKIP: {
		skip 'memccp, memccat and memcrm are not installed', 4
		    if !$copy || !$cat || !$remove;
		my $text = join '', map { "line $_\r\n" } 1 .. 20_000;
		open my $file, '>:raw', "$dir/file.txt" or die $!;
		print $file $text;
		close $file;
		my ($status, $output) = run($dir, $copy, $where,
		    "$dir/file.txt");
		is($status, 0, "${name}memccp: a file goes in")
		    or diag($output);
		($status, $output) = run($dir, $cat, $where, 'file.txt');
		ok($status == 0 && $output eq "$text\n",
		    "${name}memccat: it comes out");
		($status) = run($dir, $remove, $where, 'file.txt');
		is($status, 0, "${name}memcrm: it is removed");
		is($server->connect->get('file.txt'), undef,
		    "${name}memcrm: it is gone");
	}
}

# Its exit status is 0 whatever happens; errors are in what it says.
sub
memcslap
{
	my ($server, $name) = @_;
	my $program = Cairn::find_program('memcslap') ||
	    Cairn::find_program('memslap');
	my $dir = Cairn::scratch();

	SKIP: {
		skip 'memcslap is not installed', 4 if !$program;
		for my $options (['set'], ['get'], ['mget'],
		    ['set', '--non-blocking', '--tcp-nodelay']) {
			my ($test, @more) = @$options;
			my ($status, $output) = run($dir, $program,
			    "--servers=127.0.0.1:$server->{port}",
			    "--test=$test", '--concurrency=4',
			    '--execute-number=2000', @more);
			ok($status == 0 && $output !~ /error|fail/i &&
			    $output =~ /^Time to $test +8000 keys by/m,
			    "${name}memcslap: $test @more") or diag($output);
		}
	}
}
