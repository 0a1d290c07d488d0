#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# resp_multi.t - transactions among several clients, over four shards: sums
# that are moved about, watched keys that memcached clients change, too, and
# transactions that are too large.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Cairn;
use Cairn::Resp;

my $ACCOUNTS = 16;
my $ROUNDS = 200;

my $server = Cairn->start(flags => ['-o', 'shards=4', '-t', '4', '-I', '4m',
    '-m', '256']);

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

# Send requests at once. Returns their replies.
sub
pipeline
{
	my ($client, @requests) = @_;

	$client->send(join '', map { Cairn::Resp::request(@$_) } @requests);
	return map { reply($client) } @requests;
}

sub
sum
{
	my $sum = 0;

	$sum += $_ for @_;
	return $sum;
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

# Move 1 from one account to another, with no condition.
sub
move_blindly
{
	my $client = $server->connect;

	for (1 .. $ROUNDS) {
		my @replies = pipeline($client, ['MULTI'],
		    ['DECR', $names[rand @names]],
		    ['INCR', $names[rand @names]], ['EXEC']);
		return 1 if ref $replies[3] ne 'ARRAY';
	}
	return 0;
}

# Move what the sum allows, if nobody has come between.
sub
move_carefully
{
	my $client = $server->connect;

	for (1 .. $ROUNDS) {
		my ($from, $to) = @names[rand @names, rand @names];
		my ($watched, $old) = pipeline($client, ['WATCH', $from, $to],
		    ['MGET', $from, $to]);

		return 1 if $watched ne 'OK';
		next if $from eq $to;
		pipeline($client, ['MULTI'], ['SET', $from, $old->[0] - 5],
		    ['SET', $to, $old->[1] + 5], ['EXEC']);
	}
	return 0;
}

# Whoever looks sees the whole sum.
sub
look
{
	my $client = $server->connect;

	for (1 .. $ROUNDS) {
		my @replies = pipeline($client, ['MULTI'],
		    map({ ['GET', $_] } @names), ['EXEC']);
		return 1 if sum($replies[-1]->@*) != 100 * $ACCOUNTS;
		return 2 if sum(call($client, 'MGET', @names)->@*) !=
		    100 * $ACCOUNTS;
	}
	return 0;
}

my $client = $server->connect;

call($client, 'MSET', map { ($_ => 100) } @names);
my %children = (
	(map { (in_child(\&move_blindly) => 'moves') } 1 .. 2),
	(map { (in_child(\&move_carefully) => 'moves what is watched') }
	    1 .. 2),
	(map { (in_child(\&look) => 'sees the whole sum') } 1 .. 2),
);
for my $pid (keys %children) {
	waitpid $pid, 0;
	is($?, 0, "one of several clients $children{$pid}");
}
is(sum(call($client, 'MGET', @names)->@*), 100 * $ACCOUNTS,
    'what was moved about is all there');

# What memcached clients change is seen.
my ($other, $memcached) = map { $server->connect } 1 .. 2;

for my $change (
    ['set', "set w 0 0 1\r\n1"], ['append', "append w 0 0 1\r\n0"],
    ['incr', 'incr w 1'], ['touch', 'touch w 1000'],
    ['delete', 'delete w']) {
	call($client, 'SET', 'w', '5');
	call($client, 'WATCH', 'w');
	$memcached->ask($change->[1]);
	my @replies = pipeline($client, ['MULTI'], ['SET', 'w', 'mine'],
	    ['EXEC']);
	is($replies[-1], undef, "memcached's $change->[0] is a change");
}
call($client, 'SET', 'w', '5');
call($client, 'WATCH', 'w', 'x');
like($memcached->ask('mg w v c'), qr/^VA 1 c\d+$/, 'reading is none');
$memcached->exactly(3);
is((pipeline($client, ['MULTI'], ['GET', 'w'], ['EXEC']))[-1][0], '5',
    'reading does not keep a transaction from being carried out');

# Evicted items have changed.
call($client, 'SET', 'victim', 'x' x 1_000_000);
call($client, 'WATCH', 'victim');
my $n = 0;
call($other, 'SET', 'filler:' . $n++, 'y' x 1_000_000)
    while $n < 2000 && call($other, 'EXISTS', 'victim');
is((pipeline($client, ['MULTI'], ['EXEC']))[-1], undef,
    'a watched item that was evicted has changed');
call($other, 'FLUSHALL');

# Bounds
call($client, 'MULTI');
my ($refused, $queued) = (undef, 0);
while (!defined $refused && $queued < 100) {
	my $reply = call($client, 'SET', "k$queued", 'x' x 1_000_000);

	if ($reply eq 'QUEUED') { $queued++ } else { $refused = $reply }
}
is($refused, '-ERR the transaction is too large',
    'a transaction has a bound');
cmp_ok($queued, '>', 60, 'of more than 60 MB');
is(call($client, 'SET', 'k', '1'), 'QUEUED', 'the rest is taken');
is(call($client, 'EXEC'), '-EXECABORT Transaction discarded because of ' .
    'previous errors.', 'but nothing of it is done');
is(call($client, 'DBSIZE'), 0, 'not even the first');

my $watched = 0;
while ($watched < 10_000_000) {
	last if call($client, 'WATCH', map { "key:$watched:$_" } 1 .. 1000)
	    ne 'OK';
	$watched += 1000;
}
cmp_ok($watched, '>', 10_000, 'many keys can be watched');
cmp_ok($watched, '<', 100_000, 'but not any number');
is((pipeline($client, ['MULTI'], ['SET', 'k', 1], ['EXEC']))[-1][0], 'OK',
    'those before are watched still, and have not changed');

is_deeply([pipeline($client, ['MULTI'], (['INCR', 'n']) x 20_000,
    ['EXEC'])]->[-1], [1 .. 20_000], 'a transaction of 20,000 calls');
call($client, 'MULTI');
call($client, 'EXEC', 'x');
like(call($client, 'CLIENT', 'LIST'), qr/ multi=-1 /,
    'CLIENT LIST knows of no transaction');
call($other, 'MULTI');
call($other, 'PING');
like(call($client, 'CLIENT', 'LIST'), qr/ multi=1 /,
    'CLIENT LIST knows how many calls wait');

# Connections that go in the middle take what waits with them.
for (1 .. 20) {
	my $gone = $server->connect;

	pipeline($gone, ['WATCH', 'a'], ['MULTI'], ['SET', 'gone',
	    'x' x 100_000]);
	$gone->close;
}
is(call($client, 'EXISTS', 'gone'), 0,
    'what a lost client did not EXEC is not done');
$_->close for $client, $other, $memcached;
is($server->stop, 0, 'the server ends cleanly');
done_testing;
