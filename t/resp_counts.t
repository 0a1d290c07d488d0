#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# resp_counts.t - what is counted of calls: how often each was made, refused
# and failed, and what was found. Each figure is that of known traffic.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Cairn;
use Cairn::Resp;

for my $shards (1, 4) {
	my $server = Cairn->start(flags => ['-o', "shards=$shards"]);

	calls_are_counted($server);
	times_are($server);
	long_values_are($server);
	what_is_found_is_counted($server);
	the_last_call_is_told($server);
	is($server->stop, 0, 'the server ends cleanly');
}
done_testing;

# Requests in words, sent together; the head of each reply.
sub
ask
{
	my ($client, @requests) = @_;

	$client->send(join '', map { Cairn::Resp::request(split / /) }
	    @requests);
	return map { head($client) } @requests;
}

sub
head
{
	my ($client) = @_;
	my $head = $client->line;

	$client->exactly($1 + 2) if $head =~ /^\$(\d+)/;
	if ($head =~ /^\*(\d+)/) {
		head($client) for 1 .. $1;
	}
	return $head;
}

# A section of INFO as a hash.
sub
info
{
	my ($client, $section) = @_;

	$client->send(Cairn::Resp::request('INFO', $section));
	$client->line =~ /^\$(\d+)/ or die 'no INFO';
	return $client->exactly($1 + 2) =~ /^(\w[^:\r]*):(.*)\r$/mg;
}

# Of calls: calls, rejected, failed.
sub
counted
{
	my ($client, @names) = @_;
	my %stats = info($client, 'commandstats');

	return map { ($stats{"cmdstat_$_"} // 'none') =~
	    s/usec=\d+,usec_per_call=[\d.]+,//r } @names;
}

sub
line
{
	my ($calls, $rejected, $failed) = (@_, 0, 0);

	return "calls=$calls,rejected_calls=$rejected,failed_calls=$failed";
}

sub
calls_are_counted
{
	my ($server) = @_;
	my $client = $server->connect;

	ask($client, ('SET a x') x 3, ('GET a') x 100, 'INCR a', 'INCR a',
	    'INCR n', 'MGET a b', 'GET', 'GET a b', 'CLIENT ID', 'PING',
	    'RENAME none b', 'CLIENT', 'SETEX a x y', 'NOSUCH');
	is_deeply([counted($client, qw(set get incr mget client|id client ping
	    rename setex ttl))], [line(3), line(100, 2), line(3, 0, 2),
	    line(1), line(1), line(0, 1), line(1), line(1, 0, 1),
	    line(1, 0, 1), 'none'], 'calls are counted');
	my %stats = info($client, 'stats');
	is($stats{total_error_replies}, 7, 'so are errors');
	my %default = info($client, 'default');
	ok(!exists $default{cmdstat_get}, 'they are not told unasked');
	my %all = info($client, 'everything');
	like($all{cmdstat_get}, qr/^calls=100,usec=\d/, 'unless for all');
	is((ask($client, 'CONFIG RESETSTAT'))[0], '+OK', 'reset');
	is_deeply([counted($client, 'incr', 'get')], ['none', 'none'],
	    'they begin at 0 again');
	ask($client, 'INCR a', 'GET a');
	is_deeply([counted($client, 'incr', 'get')], [line(1, 0, 1), line(1)],
	    'and count on');
}

# A histogram of each call, whose last figure is how often it was made.
sub
times_are
{
	my ($server) = @_;
	my $client = $server->connect;

	ask($client, 'CONFIG RESETSTAT', ('MGET a b') x 10, ('GET a') x 1000,
	    'CLIENT ID');
	$client->send(Cairn::Resp::request(qw(LATENCY HISTOGRAM mget client
	    nosuch hget)));
	my %some = pairs($client);
	is_deeply([sort keys %some], ['client|id', 'mget'],
	    'LATENCY HISTOGRAM tells what is asked for');
	my ($mget, $id) = @some{'mget', 'client|id'};
	my ($calls, $times) = @$mget[1, 3];
	is($calls, 10, 'how often');
	is($times->[-1], 10, 'all of them took some time');
	is_deeply([grep { $_ & $_ - 1 } @$times[grep { $_ % 2 == 0 }
	    0 .. $#$times]], [], 'powers of two');
	is($id->[1], 1, 'a part of a call');
	$client->send(Cairn::Resp::request(qw(LATENCY HISTOGRAM)));
	my %all = pairs($client);
	is($all{get}[1], 1000, 'single keys, which are timed now and then')
	    if $all{get};
	ok($all{mget}, 'all, if none is named');
}

# A reply as nested lists.
sub
pairs
{
	my ($client) = @_;
	my $reply = nested($client);

	return @$reply;
}

sub
nested
{
	my ($client) = @_;
	my $head = $client->line;

	return [map { nested($client) } 1 .. $1] if $head =~ /^\*(\d+)/;
	return substr($client->exactly($1 + 2), 0, -2)
	    if $head =~ /^\$(\d+)/;
	return $head =~ s/^://r;
}

sub
long_values_are
{
	my ($server) = @_;
	my $client = $server->connect;

	ask($client, 'CONFIG RESETSTAT');
	for my $length (10, 20_000, 500_000) {
		$client->send(Cairn::Resp::request('SET', 'l', 'x' x $length));
		is($client->line, '+OK', "SET $length bytes");
	}
	is_deeply([counted($client, 'set')], [line(3)], 'all are counted');
}

# By calls as by memcached's commands.
sub
what_is_found_is_counted
{
	my ($server) = @_;
	my $client = $server->connect;

	ask($client, 'FLUSHALL', 'MSET a 1 b 2', 'CONFIG RESETSTAT', 'GET a',
	    'GET x', 'MGET a b x a', 'EXISTS a x', 'STRLEN a', 'TTL x',
	    'TYPE a', 'GETRANGE a 0 -1', 'TOUCH a b', 'INCR a');
	is($server->connect->ask('get none'), 'END', 'a get');
	my %stats = info($client, 'stats');
	is($stats{keyspace_hits}, 10, 'hits');
	is($stats{keyspace_misses}, 5, 'misses');
	my $memcached = $server->stats;
	is($memcached->{get_hits}, 10, 'hits for memcached');
	is($memcached->{get_misses}, 5, 'misses for memcached');
	is($server->connect->ask('stats verify'), 'OK', 'all adds up')
	    if $ENV{debug_commands};
}

sub
the_last_call_is_told
{
	my ($server) = @_;
	my ($client, $other) = map { $server->connect } 1 .. 2;

	ask($client, 'CLIENT SETNAME me', 'GET a');
	$other->send(Cairn::Resp::request('CLIENT', 'LIST'));
	my ($length) = $other->line =~ /^\$(\d+)/;
	like($other->exactly($length), qr/name=me .*cmd=get /,
	    'CLIENT LIST tells a plain GET');
}
