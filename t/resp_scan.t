#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# resp_scan.t - SCAN gives every key that is there all the while exactly once,
# whatever becomes of the others; KEYS and RANDOMKEY.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Cairn;
use Cairn::Resp;

for my $shards (1, 4, 64) {
	my $server = Cairn->start(flags => ['-m', '256', '-o',
	    "shards=$shards"]);
	my $client = $server->connect;

	scans($client, "$shards shards");
	$client->close;
	is($server->stop, 0, "$shards shards: the server ends cleanly");
}
done_testing;

# Read one reply: a string, a number, or a reference to a list.
sub
reply
{
	my ($client) = @_;
	my $line = $client->line;

	return $1 if $line =~ /^[:+](.*)/;
	return [map { reply($client) } 1 .. $1] if $line =~ /^\*(\d+)$/;
	return undef if $line eq '$-1';
	die "odd reply: $line\n" if $line !~ /^\$(\d+)$/;
	my $bytes = $client->exactly($1);
	$client->exactly(2);
	return $bytes;
}

sub
call
{
	my ($client, @words) = @_;

	$client->send(Cairn::Resp::request(@words));
	return reply($client);
}

# Scan all of it, and call back after each step. Returns how often each key
# was met.
sub
scan
{
	my ($client, $between, @options) = @_;
	my ($cursor, %met) = (0);

	do {
		my $step = call($client, 'SCAN', $cursor, @options);
		$cursor = $step->[0];
		die "a cursor that is no number of a double: $cursor\n"
		    if $cursor >= 2 ** 53;
		$met{$_}++ for @{$step->[1]};
		$between->() if $between;
	} while ($cursor ne '0');
	return \%met;
}

sub
scans
{
	my ($client, $name) = @_;
	my %once = map { ("stays$_" => 1) } 1 .. 3000;

	is_deeply(scan($client), {}, "$name: nothing is there at first");
	is(call($client, 'RANDOMKEY'), undef, "$name: no key to choose from");
	call($client, 'SET', 'one', 1);
	is_deeply(scan($client), { one => 1 }, "$name: one key is met");
	is(call($client, 'RANDOMKEY'), 'one', "$name: and chosen");
	call($client, 'DEL', 'one');

	call($client, 'MSET', map { ($_ => 'v') } keys %once);
	is_deeply(scan($client), \%once, "$name: each key once");
	is_deeply(scan($client, undef, 'COUNT', 1), \%once,
	    "$name: in small steps, too");
	is_deeply(scan($client, undef, 'COUNT', 1000000), \%once,
	    "$name: and in large ones");
	is_deeply(scan($client, undef, 'MATCH', 'stays?'),
	    { map { ("stays$_" => 1) } 1 .. 9 }, "$name: those that match");
	is_deeply(scan($client, undef, 'TYPE', 'STRING', 'COUNT', 100), \%once,
	    "$name: those of a type");
	is_deeply(scan($client, undef, 'TYPE', 'list'), {},
	    "$name: none are of another");
	is_deeply(scan($client, undef, 'MATCH', 'x*', 'MATCH', 'stays3000'),
	    { stays3000 => 1 }, "$name: the last of two patterns counts");
	is_deeply([sort @{call($client, 'KEYS', '*')}], [sort keys %once],
	    "$name: KEYS has them all");
	is_deeply(call($client, 'KEYS', 'stays77'), ['stays77'],
	    "$name: KEYS has the one that matches");

	# The index grows to some times its size meanwhile, then shrinks.
	my $more = 0;
	my $met = scan($client, sub {
		call($client, 'MSET', map { ('more' . $more++ => 'v') }
		    1 .. 100) if $more < 30_000;
	}, 'COUNT', 20);
	is_deeply({ map { ($_ => $met->{$_}) } keys %once }, \%once,
	    "$name: each once while the index grows");
	ok(!(grep { $_ > 1 } values %$met), "$name: none is met twice");
	$met = scan($client, sub {
		call($client, 'DEL', map { 'more' . --$more } 1 .. 200)
		    if $more >= 200;
	}, 'COUNT', 20);
	is_deeply({ map { ($_ => $met->{$_}) } keys %once }, \%once,
	    "$name: each once while keys go");

	# Another database has as many keys.
	call($client, 'SELECT', 7);
	call($client, 'MSET', map { ("7$_" => 'v') } 1 .. 3000);
	is_deeply(scan($client, undef, 'COUNT', 100),
	    { map { ("7$_" => 1) } 1 .. 3000 }, "$name: of one database");
	call($client, 'FLUSHDB');
	is_deeply(scan($client), {}, "$name: which can be flushed");
	call($client, 'SELECT', 0);
	$met = scan($client, undef, 'COUNT', 100);
	is_deeply({ map { ($_ => $met->{$_}) } keys %once }, \%once,
	    "$name: the other has all of its own");

	my %chosen = map { (call($client, 'RANDOMKEY') => 1) } 1 .. 300;
	cmp_ok(scalar keys %chosen, '>', 100,
	    "$name: RANDOMKEY has a choice");
	is(call($client, 'SCAN', '18446744073709551615')->[0], '0',
	    "$name: a cursor from elsewhere leads to the end");
}
