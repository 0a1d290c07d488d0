#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# resp_script.t - scripts of several clients at once, over four shards: sums
# that they move about, with other clients between; scripts within transactions;
# and a script that is killed.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Cairn;
use Cairn::Resp;

my $ACCOUNTS = 16;
my $ROUNDS = 200;

my $server = Cairn->start(flags => ['-o', 'shards=4', '-t', '4',
    '-o', 'script_steps=2000000000']);
if ($server->connect->ask('EVAL "return 1" 0') ne ':1') {
	plan skip_all => 'built without Lua';
}

# Read one reply: a string, a number, or a reference to a list.
sub
reply
{
	my ($client) = @_;
	my $line = $client->line;

	return $1 if $line =~ /^[:+](.*)/;
	return $line if $line =~ /^-/;
	return [map { reply($client) } 1 .. $1] if $line =~ /^\*(\d+)$/;
	return undef if $line =~ /^[\$*]-1$/;
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

# In another process; what it returns is its exit status.
sub
in_child
{
	my ($code) = @_;
	my $pid = fork // die "fork: $!";

	return $pid if $pid;
	my $status = eval { $code->() } // do { diag($@); 99 };
	require POSIX;
	POSIX::_exit($status);
}

my @names = map { "account:$_" } 1 .. $ACCOUNTS;

# The script names its keys, names one of them, or none.
my $transfer = <<'LUA';
local from, to = ARGV[1], ARGV[2]
local left = tonumber(redis.call('get', from))
if left < 3 then return 0 end
redis.call('set', from, left - 3)
redis.call('incrby', to, 3)
return 1
LUA

sub
move
{
	my $client = $server->connect;

	for my $round (1 .. $ROUNDS) {
		my @pair = map { $names[rand @names] } 1 .. 2;
		my @keys = @pair[0 .. $round % 3 - 1];
		my $reply = call($client, 'EVAL', $transfer, scalar @keys,
		    @keys, @pair);
		return 1 if $reply !~ /^[01]$/;
	}
	return 0;
}

# By itself, and in the middle of others.
sub
move_in_transactions
{
	my $client = $server->connect;

	for (1 .. $ROUNDS) {
		my @pair = map { $names[rand @names] } 1 .. 2;

		$client->send(join '', map { Cairn::Resp::request(@$_) }
		    ['MULTI'], ['DECR', $pair[0]],
		    ['EVAL', $transfer, 0, @pair], ['INCR', $pair[0]],
		    ['EXEC']);
		reply($client) for 1 .. 4;
		return 1 if ref reply($client) ne 'ARRAY';
	}
	return 0;
}

my $sum = <<'LUA';
local sum = 0
for i = 1, tonumber(ARGV[1]) do
	sum = sum + redis.call('get', 'account:' .. i)
end
return sum
LUA

sub
look
{
	my $client = $server->connect;

	for (1 .. $ROUNDS) {
		my $got = 0;

		return 1 if call($client, 'EVAL', $sum, 0, $ACCOUNTS) !=
		    100 * $ACCOUNTS;
		$got += $_ for call($client, 'MGET', @names)->@*;
		return 2 if $got != 100 * $ACCOUNTS;
	}
	return 0;
}

# Calls with several keys, in any order of their shards.
sub
disturb
{
	my $client = $server->connect;

	for (1 .. $ROUNDS) {
		call($client, 'MSET', map { ('other:' . int rand 100, 1) }
		    1 .. 8);
		call($client, 'DBSIZE');
	}
	return 0;
}

my $client = $server->connect;

call($client, 'MSET', map { ($_ => 100) } @names);
my %children = (
	(map { (in_child(\&move) => 'moves') } 1 .. 2),
	(in_child(\&move_in_transactions) => 'moves in transactions'),
	(map { (in_child(\&look) => 'sees the whole sum') } 1 .. 2),
	(in_child(\&disturb) => 'does other things'),
);
for my $pid (keys %children) {
	waitpid $pid, 0;
	is($?, 0, "one of several clients $children{$pid}");
}
is(call($client, 'EVAL', $sum, 0, $ACCOUNTS), 100 * $ACCOUNTS,
    'what was moved about is all there');

# Connections are spread over the workers, so that some are not on the one that
# runs the script, and can end it.
my @others = map { $server->connect } 1 .. 7;
$client->send(Cairn::Resp::request('EVAL', 'while true do end', 0));
my $killed = '';
for my $tries (1 .. 200) {
	$_->send(Cairn::Resp::request('SCRIPT', 'KILL')) for @others;
	$killed = join '', map { $_->within(0.02) } @others;
	last if $killed =~ /^\+OK/m;
}
like($killed, qr/^\+OK/m, 'a script that runs is killed by another client');
like(reply($client), qr/^-ERR Script killed by user with SCRIPT KILL/,
    'and its own client is told');
$_->close for @others;
is(call($client, 'EVAL', 'return 1', 0), 1, 'others run then');

call($client, 'SCRIPT', 'FLUSH');
like(call($client, 'INFO', 'memory'), qr/^number_of_cached_scripts:0\r$/m,
    'INFO knows when no scripts are kept');
call($client, 'EVAL', "return $_", 0) for 1 .. 5, 1;
like(call($client, 'INFO', 'memory'), qr/^number_of_cached_scripts:5\r$/m,
    'and how many are');
like(call($client, 'EVAL', "return redis.call('info', 'memory')", 0),
    qr/^used_memory_lua:[1-9]\d{4,}\r$/m,
    'a script can ask what memory scripts take');
$client->close;
is($server->stop, 0, 'the server ends cleanly');

# The limit that an operator sets
$server = Cairn->start(flags => ['-o', 'script_steps=1000']);
$client = $server->connect;
is(call($client, 'EVAL', 'for i = 1, 10 do end return 1', 0), 1,
    'a short script runs with few steps');
like(call($client, 'EVAL', 'for i = 1, 1e6 do end return 1', 0),
    qr/^-ERR the script takes too long/, 'a longer one is ended');
$client->close;
is($server->stop, 0, 'the server ends cleanly');

# What scripts write to the log
$server = Cairn->start(flags => ['-v']);
$client = $server->connect;
call($client, 'EVAL', "redis.log(redis.LOG_NOTICE, 'a\\nb', 5)", 0);
call($client, 'EVAL', "redis.log(redis.LOG_DEBUG, 'quiet')", 0);
$client->close;
$server->stop;
like($server->stderr, qr/^cairnd: script: a\?b 5$/m,
    'a script writes a line to the log');
unlike($server->stderr, qr/quiet/, 'of the level that is wanted');
done_testing;
