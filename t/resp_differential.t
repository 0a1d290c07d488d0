#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# resp_differential.t - the same requests to redis-server 7.0 and to cairnd
# must bring the same replies, byte by byte. A seeded generator makes them up,
# valid ones and slightly broken ones on a few keys; they are sent as pipelines
# that are cut at random bytes. CAIRN_SEED sets the seed, CAIRN_ROUNDS the
# number of rounds of 50 requests.
#
# Some requests are put between MULTI and EXEC, after a WATCH and a change by
# the same client.
#
# What is not compared: times that are left, as the two are not asked at the
# same moment, may be a few seconds apart; KEYS may have any order. What is
# not asked for: an expiry after the year 10889, which our items do not have,
# and other databases.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Cairn;
use Cairn::Resp;

my $redis = Cairn::find_redis();
plan skip_all => 'redis-server 7.0 is not installed' if !$redis;

my $SEED = $ENV{CAIRN_SEED} // 20261120;
my $ROUNDS = $ENV{CAIRN_ROUNDS} // 40;
my $REQUESTS = 50;
my $NEAR = 5 * $Cairn::SLOWNESS;	# seconds

my @KEYS = (map({ "k$_" } 0 .. 5), 'Key with spaces', "\x00\xff\r\n");
my $NOW = time;

# What the generator makes: the commands and what their words are.
my @FORMS = (
	map({ [split] } (
	'GET key', 'GETDEL key', 'STRLEN key', 'TYPE key', 'TTL key',
	'PTTL key', 'EXPIRETIME key', 'PEXPIRETIME key', 'PERSIST key',
	'INCR counter', 'DECR counter', 'INCRBY counter integer',
	'DECRBY counter integer', 'INCRBYFLOAT counter float',
	'INCR key', 'INCRBYFLOAT key float', 'GET counter', 'TTL counter',
	'SET key value', 'SET key value sets', 'SET counter integer sets',
	'SET counter float', 'SETEX key seconds value',
	'PSETEX key milliseconds value', 'SETNX key value',
	'GETSET key value', 'GETEX key getexs', 'APPEND key value',
	'GETRANGE key place place', 'SUBSTR key place place',
	'SETRANGE key offset value', 'MGET keys', 'MSET pairs',
	'MSETNX pairs', 'DEL keys', 'UNLINK keys', 'EXISTS keys',
	'TOUCH keys', 'EXPIRE key seconds expires',
	'PEXPIRE key milliseconds expires', 'EXPIREAT key date expires',
	'PEXPIREAT key msdate expires', 'RENAME key key', 'RENAMENX key key',
	'HSET hash pairs', 'HSET hash fields', 'HSET hash fields',
	'HSET hash field integer', 'HMSET hash fields',
	'HSETNX hash field value', 'HGET hash field', 'HMGET hash names',
	'HGETALL hash', 'HKEYS hash', 'HVALS hash', 'HLEN hash',
	'HEXISTS hash field', 'HSTRLEN hash field', 'HDEL hash names',
	'HDEL hash names', 'HINCRBY hash field integer',
	'HINCRBYFLOAT hash field float', 'HSCAN hash whole', 'DEL hash',
	'COPY hash hash copies', 'RENAME hash hash', 'TYPE hash', 'GET hash',
	'SET hash value', 'HGET key field', 'HSET key fields',
	'COPY key key copies', 'KEYS pattern', 'DBSIZE', 'PING', 'ECHO value',
	'NOSUCH value value', 'FLUSHALL flushes')));
# What may come between WATCH and MULTI: not what creates and removes at once.
my @CHANGES = map({ [split] } ('GET key', 'SET key value', 'APPEND key value',
	'INCR counter', 'DEL keys', 'MSETNX pairs', 'PERSIST key',
	'SETNX key value', 'FLUSHALL flushes'));
my %TIMES = (TTL => $NEAR, EXPIRETIME => $NEAR, PTTL => 1000 * $NEAR,
    PEXPIRETIME => 1000 * $NEAR);

my %WORD = (
	key => sub { any(@KEYS) },
	counter => sub { any(qw(c0 c1)) },
	hash => sub { any(qw(h0 h1 h2 h3), @KEYS[0, 1]) },
	field => sub { field() },
	names => sub { map { field() } 1 .. 1 + int rand 6 },
	fields => sub { map { (field(), value()) } 1 .. 1 + int rand 8 },
	whole => sub { (0, 'COUNT', 4000) },
	value => sub { value() },
	keys => sub { map { any(@KEYS, 'c0') } 1 .. 1 + int rand 5 },
	pairs => sub { map { (any(@KEYS), value()) } 1 .. 1 + int rand 4 },
	integer => sub { integer() },
	float => sub { any(qw(1.5 -0.25 3 1e3 0.1 1e-5 -1e10 0 123456.789012345
	    10.50 .5 5. 0x1p3 1e300 inf nan abc)) },
	seconds => sub { any(100, 1000, 5000, 100000, 0, -1, '1.5', 'x',
	    '9223372036854775807') },
	milliseconds => sub { any(100000, 500000, 10000000, 0, -1, '1.5', 'x',
	    '9223372036854775807') },
	date => sub { $NOW + any(100, 1000, 100000, -1000, -$NOW) },
	msdate => sub { 1000 * $NOW + any(100123, 1000456, -1000, 100000789) },
	place => sub { any(-300, -5 .. 10, 100, 1000, 70000, 'x') },
	offset => sub { any(0 .. 10, 100, 2000, 30000, -1) },
	pattern => sub { any('*', 'k*', 'k?', 'k[0-3]', 'k[^1]*', '*\\*',
	    '[k', '**', '') },
	sets => sub { options([qw(NX)], [qw(XX)], [qw(GET)], [qw(KEEPTTL)],
	    expiries()) },
	getexs => sub { options([qw(PERSIST)], expiries()) },
	expires => sub { options([qw(NX)], [qw(XX)], [qw(GT)], [qw(LT)]) },
	copies => sub { options([qw(REPLACE)], [qw(REPLACE)], [qw(DB 0)]) },
	flushes => sub { any([], [], ['ASYNC'], ['SYNC'])->@* },
);

note("seed $SEED");
srand $SEED;
for my $shards (1, 4) {
	for my $version (2, 3) {
		my $pair = {
			redis => Cairn->start(program => $redis),
			cairn => Cairn->start(flags => ['-o',
			    "shards=$shards"]),
		};

		agree($pair, $version, "$shards shards, RESP$version");
		is($pair->{cairn}->stop, 0, "$shards shards, RESP$version: " .
		    'cairnd ends cleanly');
	}
}
done_testing;

sub
any
{
	return $_[rand @_];
}

sub
value
{
	my $kind = rand 10;

	return integer() if $kind < 3;
	return '' if $kind < 3.3;
	return join '', map { chr rand 256 } 1 .. 1 + rand 30 if $kind < 9;
	return any('a' .. 'z') x rand 3000 if $kind < 9.8;
	return any('a' .. 'z') x rand 100_000;
}

sub
field
{
	return any('f' . int rand 60, map { "n$_" } 0 .. 3);
}

sub
integer
{
	return any(0, 1, 5, -1, 10, 99, -100, 1234567890, int rand 1000,
	    int rand 100000, '9223372036854775807', '-9223372036854775808',
	    '9223372036854775808', '-0', '007', '+3', ' 4', '5 ', '2.0');
}

sub
expiries
{
	return (['EX', $WORD{seconds}->()], ['PX', $WORD{milliseconds}->()],
	    ['EXAT', $WORD{date}->()], ['PXAT', $WORD{msdate}->()]);
}

# None of them mostly, or one or two.
sub
options
{
	my $count = any(0, 0, 1, 1, 1, 2, 3);

	return map { any(@_)->@* } 1 .. $count;
}

# One request, or the requests of a transaction.
sub
generate_some
{
	return generate() if rand() < 0.95;
	my @inside = grep { !$TIMES{uc $_->[0]} && uc $_->[0] ne 'KEYS' }
	    map { generate() } 1 .. rand 8;
	my @before = rand() < 0.5 ? () : (['WATCH', $WORD{keys}->()],
	    map({ generate(@CHANGES) } 1 .. rand 2));

	return (@before, ['MULTI'], @inside, [any(('EXEC') x 9, 'DISCARD')]);
}

# One of these forms.
sub
generate
{
	my ($name, @kinds) = any(@_ ? @_ : @FORMS)->@*;
	my @words = ($name, map { $WORD{$_}->() } @kinds);

	return \@words if rand() < 0.85 || $name =~ /^(FLUSHALL|COPY)$/;
	spoil(\@words);
	return length($words[1] // '') > 250 ? generate() : \@words;
}

# Most likely there is one thing wrong with it then.
sub
spoil
{
	my ($words) = @_;
	my $way = int rand 5;

	if ($way == 0) { splice @$words, 1 + int rand @$words, 1 }
	elsif ($way == 1) { push @$words, any('x', 'NX', '0', '', 'GET') }
	elsif ($way == 2) { $words->[0] = lcfirst lc $words->[0] }
	elsif ($way == 3) { $words->[rand @$words] = any(qw(0 -1 1.5 x 007
	    9223372036854775808)) }
	else { my $at = int rand @$words;
		splice @$words, $at, 0, $words->[$at] }
}

# One reply, with all that is in it, as it came.
sub
reply
{
	my ($client) = @_;
	my $line = $client->until("\n");

	return $line . $client->exactly($1 + 2) if $line =~ /^\$(\d+)\r\n/;
	return $line if $line !~ /^([*~>%])(\d+)\r\n/;
	return $line . join '', map { reply($client) }
	    1 .. ($1 eq '%' ? 2 * $2 : $2);
}

sub
agree
{
	my ($pair, $version, $name) = @_;
	my %client = map { ($_ => $pair->{$_}->connect) } keys %$pair;

	if ($version == 3) {
		Cairn::Resp::hello($_) for values %client;
	}
	for my $round (1 .. $ROUNDS) {
		my @requests = ((map { generate_some() } 1 .. $REQUESTS),
		    ['MGET', @KEYS, 'c0', 'c1'],
		    map { ['PEXPIRETIME', $_] } @KEYS, 'c0', 'c1');
		my $wrong = differs(\%client, @requests);

		next if !$wrong;
		fail("$name: round $round");
		diag($wrong);
		return;
	}
	pass("$name: $ROUNDS rounds");
}

# Send bytes in a few pieces.
sub
send_cut
{
	my ($client, $bytes) = @_;

	while (length $bytes > 0) {
		my $length = rand() < 0.5 ? length $bytes
		    : 1 + int rand length $bytes;
		$client->send(substr $bytes, 0, $length, '');
	}
}

# Words that say which request is answered in another way, if one is.
sub
differs
{
	my ($client, @requests) = @_;
	my $bytes = join '', map { Cairn::Resp::request(@$_) } @requests;

	send_cut($_, $bytes) for values %$client;
	for my $n (0 .. $#requests) {
		my $want = reply($client->{redis});
		my $got = eval { reply($client->{cairn}) } // $@;

		next if same($requests[$n], $want, $got);
		return join "\n", 'redis:  ' . show($want),
		    'cairnd: ' . show($got), 'the request, and those before:',
		    map({ '  ' . show(join ' ', @{$requests[$_]}) }
		    reverse(($n < 30 ? 0 : $n - 30) .. $n));
	}
	return undef;
}

sub
same
{
	my ($request, $want, $got) = @_;
	my $name = uc $request->[0];

	return 1 if $want eq $got;
	return near($TIMES{$name}, $want, $got) if $TIMES{$name};
	return sorted($want) eq sorted($got) if $name =~ /^(H?KEYS|HVALS)$/;
	return pairs($want) eq pairs($got) if $name eq 'HGETALL';
	return scanned($want) eq scanned($got) if $name eq 'HSCAN';
	return lines($want) eq lines($got) if $name eq 'EXEC';
	return 0;
}

sub
near
{
	my ($distance, @replies) = @_;
	my ($want, $got) = map { /^:(\d+)\r\n\z/ ? $1 : return 0 } @replies;

	return abs($want - $got) <= $distance;
}

# The head of a list, or of a map, and its parts.
sub
parts
{
	my ($reply) = @_;
	my ($head, $rest) = $reply =~ /\A([*%]\d+\r\n)(.*)\z/s
	    or return $reply;
	my @words;

	while ($rest =~ s/\A\$(\d+)\r\n//) {
		push @words, substr $rest, 0, $1 + 2, '';
	}
	return ($head, @words);
}

sub
sorted
{
	my ($head, @words) = parts($_[0]);

	return join "\n", $head, sort @words;
}

sub
pairs
{
	my ($head, @words) = parts($_[0]);
	my @pairs;

	push @pairs, join '', splice @words, 0, 2 while @words;
	return join "\n", $head, sort @pairs;
}

# Calls whose replies have no order may be among those of a transaction.
sub
lines
{
	return join "\n", sort split /\r\n/, $_[0];
}

# A scan that had to be told in one is compared as a whole.
sub
scanned
{
	my ($reply) = @_;

	return $reply !~ /\A\*2\r\n\$\d+\r\n(\d+)\r\n(.*)\z/s ? $reply
	    : $1 == 0 ? pairs($2) : 'more than one';
}

sub
show
{
	return Cairn::Connection::show($_[0]);
}
