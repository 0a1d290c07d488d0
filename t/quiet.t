#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# quiet.t - steady requests on a warm connection call the allocator never,
# neither the server's own code nor libevent's. t/cairnd-counted counts.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;

my $OPERATIONS = 1_000;
my $VALUE = 'v' x 100;
my $program = Cairn::builddir() . '/t/cairnd-counted';
plan skip_all => 'counts in cairnd only' if Cairn::is_reference();

# What is sent again and again, and how long its reply is.
my @quiet = (
	['a get', "get key\r\n", length "VALUE key 0 100\r\n$VALUE\r\nEND\r\n"],
	['a miss', "get none\r\n", length "END\r\n"],
	['16 gets in a pipeline', "get key\r\n" x 16,
	    16 * length "VALUE key 0 100\r\n$VALUE\r\nEND\r\n"],
	['a get of three keys', "get key key key\r\n",
	    length("VALUE key 0 100\r\n$VALUE\r\n") * 3 + length "END\r\n"],
	['a set', "set key 0 0 100\r\n$VALUE\r\n", length "STORED\r\n"],
	['16 sets in a pipeline', "set key 0 0 100\r\n$VALUE\r\n" x 16,
	    16 * length "STORED\r\n"],
	['a meta get', "mg key v\r\n", length "VA 100\r\n$VALUE\r\n"],
	['an incr', "incr number 1\r\n", length "1000000\r\n"],
	['a GET', call('GET', 'key'), length "\$100\r\n$VALUE\r\n"],
	['a SET', call('SET', 'key', $VALUE), length "+OK\r\n"],
	['a SET with an expiry', call('SET', 'lived', $VALUE, 'EX', 100),
	    length "+OK\r\n"],
	['an INCR', call('INCR', 'number'), length ":1000000\r\n"],
	['an MGET', call('MGET', 'key', 'key', 'key'),
	    length("*3\r\n") + 3 * length "\$100\r\n$VALUE\r\n"],
	['an HGET', call('HGET', 'hash', 'field'), length "\$5\r\nvalue\r\n"],
);
# That something is counted at all.
my @loud = (
	['an INFO', call('INFO', 'everything'), undef],
);

my $dir = Cairn::scratch();
my $out = "$dir/calls";
my $server = Cairn->start(program => $program, flags => ['-t', 1],
    env => { CAIRN_ALLOCATIONS => $out });
my $pid = $server->stats->{pid};

plan skip_all => 'a sanitizer has an allocator of its own'
    if !defined calls();
for my $case (@quiet) {
	my ($name, $request, $length) = @$case;

	is(calls_during($request, $length), 0,
	    "$name calls the allocator never");
}
for my $case (@loud) {
	my ($name, $request) = @$case;

	cmp_ok(calls_during($request), '>', $OPERATIONS,
	    "$name does, and that is counted");
}
is($server->stop, 0, 'the server ends cleanly');
done_testing;

sub
call
{
	return join '', '*' . @_ . "\r\n",
	    map { '$' . length($_) . "\r\n$_\r\n" } @_;
}

# A new connection, of which all but the first rounds are counted.
sub
calls_during
{
	my ($request, $length) = @_;
	my $client = $server->connect;
	my $setup = $server->connect;
	my $hash = $server->connect;

	$setup->ask("set key 0 0 100\r\n$VALUE");
	$setup->ask("set number 0 0 7\r\n1000000");
	$hash->send(call('HSET', 'hash', 'field', 'value'));
	$hash->until("\r\n");
	repeat($client, $request, $length, 20);
	my $before = calls();
	repeat($client, $request, $length, $OPERATIONS);
	return calls() - $before;
}

sub
repeat
{
	my ($client, $request, $length, $times) = @_;

	for (1 .. $times) {
		$client->send($request);
		if (defined $length) {
			$client->exactly($length);
		} else {
			$client->until("\r\n") =~ /^\$(\d+)/;
			$client->exactly($1 + 2);
		}
	}
}

# The calls so far; undef: this build does not count.
sub
calls
{
	my $size = -s $out // 0;
	my $give_up = time + $Cairn::TIMEOUT;

	kill WINCH => $pid;
	sleep 0.005 while (-s $out // 0) == $size && time < $give_up;
	my $last = (split /\n/, Cairn::slurp($out))[-1];
	return $last eq 'none' ? undef : $last;
}
