#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# syscalls.t - how many system calls a GET costs: wait, read, write for one
# by one, next to none in pipelines. strace counts the calls of a server with
# one thread; those of a server that idles as long are subtracted.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;

my $GETS = 10_000;

my $strace = Cairn::find_program('strace');
plan skip_all => 'strace is not installed' if !$strace;
plan skip_all => 'a sanitizer makes calls of its own' if $ENV{sanitize};
plan skip_all => 'strace may not trace here'
    if system("$strace -f -c -o /dev/null true 2>/dev/null") != 0;

# memcached asks for more after each request, and writes each reply.
my @most = Cairn::is_reference() ? (4.1, 1.5) : (3.1, 0.3);

for my $case ([1, $most[0]], [16, $most[1]]) {
	my ($depth, $allowed) = @$case;
	my ($calls, $table, $seconds) = count_calls(sub { gets(@_, $depth) });
	my ($idle) = count_calls(sub { sleep $seconds });
	my $per_get = ($calls - $idle) / $GETS;

	cmp_ok($per_get, '<=', $allowed,
	    sprintf 'system calls per GET at depth %d: %.3f', $depth, $per_get)
	    or diag("$calls calls, $idle idle\n$table");
	cmp_ok($per_get, '>', 0, 'and they were counted');
}
done_testing;

sub
gets
{
	my ($client, $depth) = @_;
	my $request = "get key\r\n" x $depth;
	my $want = "VALUE key 0 5\r\nvalue\r\nEND\r\n" x $depth;
	my $wrong = 0;

	for (1 .. $GETS / $depth) {
		$client->send($request);
		$wrong++ if $client->exactly(length $want) ne $want;
	}
	is($wrong, 0, "replies at depth $depth");
}

# Run a traced server, work on one connection. Returns the number of its
# system calls, the table that strace made, and the time the work took.
sub
count_calls
{
	my ($work) = @_;
	my $dir = Cairn::scratch();
	my $server = Cairn->start(flags => ['-t', 1],
	    wrapper => [$strace, '-f', '-c', '-o', "$dir/calls"]);
	my $client = $server->connect;
	my $pid = $server->stats->{pid};

	$client->set('key', 'value');
	my $start = time;
	$work->($client);
	my $seconds = time - $start;
	kill 'TERM', $pid;
	defined $server->wait_for_exit(10) or die 'the traced server runs on';
	my $table = Cairn::slurp("$dir/calls");
	my $calls = 0;
	for (split /\n/, $table) {
		# % time, seconds, usecs/call, calls, perhaps errors, name
		$calls += $1 if !/total$/ &&
		    /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?\w+$/;
	}
	return ($calls, $table, $seconds);
}
