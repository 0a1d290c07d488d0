#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# binary.t - the binary protocol over the wire. Seeded random packets go to
# memcached and to cairnd, and must bring the same packets; where the network
# cuts them must not matter. What each packet means is in t/packets.c.
#
# Known differences are taken out before replies are compared: uniques become
# ranks, and versions and the values of statistics nothing. The spaces behind a
# number that has lost digits differ, so keys c* are counted on and not
# appended to, keys k* the other way round, as in t/differential.t.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);

use Cairn;
use Cairn::Binary;

my $SEED = $ENV{CAIRN_SEED} // 20260716;
my $ROUNDS = $ENV{CAIRN_ROUNDS} // 60;
my $PACKETS = 40;
my @KEYS = map { "k$_" } 0 .. 5;
my @COUNTERS = map { "c$_" } 0 .. 2;
my $AT_A_TIME = 300;
my $PAUSE = 0.02;

my $reference = Cairn::find_program('memcached');

for my $shards (Cairn::is_reference() ? (0) : (1, 4)) {
	my @flags = $shards ? ('-o', "shards=$shards") : ();
	my $name = $shards ? "$shards shards: " : '';
	my $server = Cairn->start(flags => \@flags, debug => 1);

	text_and_binary_share_a_port($server, $name);
	large_values_arrive_in_pieces($server, $name);
	values_too_large_are_swallowed($server, $name);
	statistics_come_in_packets($server, $name);
	quiet_pipelines($server, $name);
	cut_in_two($server, $name);
	byte_by_byte($server, $name);
	finds_itself_in_order($server, $name);
	$server->stop;
	SKIP: {
		skip 'memcached is not installed', 1 if !$reference;
		random_packets_agree([@flags], $name);
		random_packets_agree(['-C', @flags], "${name}-C: ");
	}
}
bound_to_a_protocol();
flushing_may_be_forbidden();
done_testing;

sub
packet
{
	return Cairn::Binary::packet(@_);
}

sub
ask
{
	return Cairn::Binary::ask(@_);
}

sub
text_and_binary_share_a_port
{
	my ($server, $name) = @_;
	my ($text, $binary) = ($server->connect, $server->connect);

	is(ask($binary, op => 'set', key => 'shared', value => 'binary',
	    flags => 7)->{status}, 0, "${name}binary sets");
	is($text->get_with_flags('shared', 7), 'binary', "${name}text gets");
	$text->set('shared', 'text', 8);
	my $reply = ask($binary, op => 'get', key => 'shared');
	is($reply->{value}, 'text', "${name}binary gets what text has set");
	is(unpack('N', $reply->{extras}), 8, "${name}with its flags");
	$text->send("gets shared\r\n");
	like($text->until("END\r\n"), qr/^VALUE shared 8 4 $reply->{cas}\r$/m,
	    "${name}both see the same unique");
	$text->send("cas shared 0 0 1 $reply->{cas}\r\nx\r\n");
	is($text->line, 'STORED', "${name}which text may use");
	is(ask($binary, op => 'delete', key => 'shared',
	    cas => $reply->{cas})->{status}, 2, "${name}and then is no more");
	$_->close for $text, $binary;
}

sub
large_values_arrive_in_pieces
{
	my ($server, $name) = @_;
	my $client = $server->connect;

	for my $length (2048, 16383, 16384, 16385, 100000, 1000000) {
		my $value = substr '0123456789abcdefg' x ($length / 17 + 1),
		    0, $length;
		my $request = packet(op => 'set', key => 'big',
		    value => $value) . packet(op => 'getk', key => 'big');
		my @wrong;
		for my $cut (1, 23, 24, 30, 34, 35, 36, 1000, $length,
		    $length + 34, $length + 35, $length + 36, $length + 60) {
			$client->send(substr $request, 0, $cut);
			sleep 0.002;
			$client->send(substr $request, $cut);
			my ($set, $get) = Cairn::Binary::until_noop($client);
			push @wrong, $cut if $set->{status} != 0 ||
			    $get->{value} ne $value || $get->{key} ne 'big' ||
			    $get->{cas} != $set->{cas};
		}
		is("@wrong", '', "${name}a value of $length bytes in parts");
	}
	$client->close;
}

sub
values_too_large_are_swallowed
{
	my ($server, $name) = @_;
	my $client = $server->connect;
	my $large = 'x' x 1_100_000;

	ask($client, op => 'set', key => 'k', value => 'small');
	for my $op (qw(add setq append)) {
		$client->send(packet(op => $op, key => 'k', value => $large,
		    opaque => 9));
		my @replies = Cairn::Binary::until_noop($client);
		is_deeply([map { "$_->{status} $_->{value} $_->{opaque}" }
		    @replies], ['3 Too large. 9'],
		    "${name}$op of too large a value is refused");
		is(ask($client, op => 'get', key => 'k')->{status},
		    $op eq 'add' ? 0 : 1, "${name}only a set takes the old " .
		    'value away') if $op ne 'append';
	}
	$client->close;
}

sub
statistics_come_in_packets
{
	my ($server, $name) = @_;
	my ($text, $client) = ($server->connect, $server->connect);
	my $by_text = $server->stats;
	my $stats = Cairn::Binary::stats($client);

	is_deeply([sort keys %$stats], [sort keys %$by_text],
	    "${name}binary statistics are those of text");
	is($stats->{pid}, $by_text->{pid}, "${name}with their values");
	$stats = Cairn::Binary::stats($client, 'settings');
	is($stats->{maxconns}, 1024, "${name}a key names a group");
	is(ask($client, op => 'stat', key => 'nonsense')->{status}, 1,
	    "${name}an unknown group is not found");
	is(ask($client, op => 'noop')->{status}, 0,
	    "${name}and nothing else is sent");
	ask($client, op => 'stat', key => 'detail on');
	ask($client, op => 'get', key => 'few:1');
	is_deeply(Cairn::Binary::stats($client, 'detail dump'),
	    { few => 'get 1 hit 0 set 0 del 0' }, "${name}a group may take " .
	    'words, and prefixes come in packets');
	ask($client, op => 'stat', key => 'detail off');
	$_->close for $text, $client;
}

# Quiet gets and sets in one write; only what is out of the ordinary returns.
sub
quiet_pipelines
{
	my ($server, $name) = @_;
	my $client = $server->connect;
	my $request = join '', map {
		my $key = "q$_";
		packet(op => 'setq', key => $key, value => $_) .
		    packet(op => 'getkq', key => "none$_") .
		    packet(op => 'getkq', key => $key) .
		    packet(op => 'deleteq', key => $key)
	} 1 .. 1000;
	$client->send($request);
	my @replies = Cairn::Binary::until_noop($client);

	is(scalar @replies, 1000, "${name}a quiet pipeline says what it found");
	is(join(' ', map { "$_->{key}=$_->{value}" } @replies),
	    join(' ', map { "q$_=$_" } 1 .. 1000), "${name}in its order");
	$client->close;
}

# Every command there is, good and bad, on keys of its own; then a quit, and a
# packet that is not answered.
sub
script_of
{
	my ($n) = @_;
	my $key = sprintf 'k%05d', $n;

	return join '', map { packet(key => $key, @$_) } (
	    [op => 'set', value => "\x80\r\nget k\r\n", flags => 5],
	    [op => 'get'], [op => 'getk'], [op => 'getq'], [op => 'getkq'],
	    [op => 'add', value => 'x'], [op => 'addq', value => 'x'],
	    [op => 'replace', value => '', exptime => 1000],
	    [op => 'append', value => 'abc'], [op => 'prependq', value => '0'],
	    [op => 'getk'], [op => 'get', key => "${key}none"],
	    [op => 'getk', key => "${key}none"],
	    [op => 'getkq', key => "${key}none"],
	    [op => 'incr'], [op => 'setq', value => '12'],
	    [op => 'incr', delta => 30], [op => 'decrq', delta => 1],
	    [op => 'decr', delta => 100], [op => 'get'],
	    [op => 'incr', key => "${key}new", initial => 5],
	    [op => 'incr', key => "${key}none", exptime => 0xffffffff],
	    [op => 'set', value => 'x', cas => 12345],
	    [op => 'setq', value => 'x', cas => 12345],
	    [op => 'touch', exptime => 100],
	    [op => 'touch', key => "${key}none"], [op => 'gat'],
	    [op => 'gatkq', exptime => 1000],
	    [op => 'gatq', key => "${key}none"],
	    [op => 'deleteq', cas => 1], [op => 'delete'],
	    [op => 'deleteq'], [op => 'noop', key => ''],
	    [op => 'version', key => ''], [op => 85, key => ''],
	    [op => 85, value => 'skipped'], [op => 'stat', key => 'odd'],
	    [op => 'set', key => "${key}large", value => 'y' x 300],
	    [op => 'get', key => "${key}large"],
	    [op => 'quit', key => '', opaque => 0x0d0a0d0a],
	    [op => 'noop', key => '']);
}

# A reply with what varies from one connection to the next taken out.
sub
normal_bytes
{
	my ($bytes) = @_;
	my $out = '';

	$bytes =~ s/k\d{5}/kXXXXX/g;
	while (length $bytes >= 24) {
		my $length = unpack 'x8N', $bytes;
		my $packet = substr $bytes, 0, 24 + $length, '';
		substr($packet, 16, 8) = "cas'cas'"
		    if unpack 'x16Q>', $packet;
		$out .= $packet;
	}
	return $out . $bytes;
}

sub
reply_to_the_whole
{
	my ($server, $n) = @_;
	my $client = $server->connect;

	$client->send(script_of($n));
	return normal_bytes($client->until_close);
}

sub
cut_in_two
{
	my ($server, $name) = @_;
	my $want = reply_to_the_whole($server, 99998);
	my $length = length script_of(0);
	my @wrong;

	ok(length $want > 1000 && $want =~ /\x0d\x0a\x0d\x0a\0{8}\z/,
	    "${name}the whole script is answered up to its quit");
	for (my $from = 1; $from < $length; $from += $AT_A_TIME) {
		my $to = $from + $AT_A_TIME - 1;
		$to = $length - 1 if $to >= $length;
		my %client = map { ($_ => $server->connect) } $from .. $to;
		$client{$_}->send(substr script_of($_), 0, $_) for $from .. $to;
		sleep $PAUSE;
		$client{$_}->send(substr script_of($_), $_) for $from .. $to;
		for my $cut ($from .. $to) {
			my $got = eval {
				normal_bytes($client{$cut}->until_close)
			};
			push @wrong, $cut if ($got // '') ne $want;
		}
	}
	is("@wrong", '', "${name}cut in two at each of $length bytes");
}

sub
byte_by_byte
{
	my ($server, $name) = @_;
	my $want = reply_to_the_whole($server, 99999);
	my $client = $server->connect;

	# Not what comes behind quit: it would be refused, replies and all.
	for my $byte (split //, substr script_of(90001), 0, -24) {
		$client->send($byte);
	}
	my $got = normal_bytes($client->until_close);
	ok($got eq $want, "${name}byte by byte");
}

# The random packets. Some rounds have one broken packet, which ends the
# connection.
sub
random_packets_agree
{
	my ($flags, $name) = @_;
	my @mine = grep { $_ ne '-o' && !/^shards/ } @$flags;
	my %server = (
		memcached => Cairn->start(program => $reference,
		    flags => \@mine),
		cairnd => Cairn->start(flags => $flags, debug => 1),
	);
	my %client = map { ($_ => $server{$_}->connect) } keys %server;

	note("seed $SEED");
	srand $SEED;
	for my $round (1 .. $ROUNDS) {
		my $broken = $round % 5 == 0;
		my @requests = map { random_request() } 1 .. $PACKETS;
		my %replies;

		push @requests, broken_request() if $broken;
		$requests[$_]{opaque} = $_ for 0 .. $#requests;
		for my $which (keys %server) {
			$replies{$which} = replies_of($client{$which},
			    \@requests, $broken);
			$client{$which} = $server{$which}->connect if $broken;
		}
		same("${name}seed $SEED round $round" . ($broken ?
		    ' (broken)' : ''), \@requests, \%replies) or last;
	}
	my %counters = map { ($_ => counters($server{$_})) } keys %server;
	is_deeply($counters{cairnd}, $counters{memcached},
	    "${name}counters agree");
	finds_itself_in_order($server{cairnd}, $name);
	$_->stop for values %server;
}

# No request ended in a way that replies.def does not know.
sub
finds_itself_in_order
{
	my ($server, $name) = @_;

	return if Cairn::is_reference();
	is(eval { $server->connect->ask('stats verify') }, 'OK',
	    "${name}the server finds itself in order");
}

sub
counters
{
	my ($server) = @_;
	my $stats = $server->stats;

	return { map { ($_ => $stats->{$_}) } qw(cmd_get cmd_set cmd_touch
	    cmd_flush cas_badval), map { ("${_}_hits", "${_}_misses") }
	    qw(get delete incr decr cas touch) };
}

sub
any
{
	return $_[rand @_];
}

sub
random_request
{
	my $op = any(qw(get get getq getk getkq set set set setq add addq
	    replace replaceq append appendq prepend prependq incr incr incrq
	    decr decrq delete deleteq touch gat gatq gatk gatkq rare));
	my $key = $op =~ /pend/ ? any(@KEYS) : $op =~ /cr/ ? any(@COUNTERS) :
	    any(@KEYS, @COUNTERS);
	my %request = (op => $op, key => $key);

	return rare_request() if $op eq 'rare';
	$request{value} = $key =~ /^c/ ? any(0, 5, 10, 99, 1 << 40, 'abc') :
	    any('', 'a', "\r\n", "\x80\0\0", 'x' x rand 3000)
	    if $op =~ /^(set|add|replace|append|prepend)/;
	$request{flags} = any(0, 0, 1, 0xffffffff);
	$request{exptime} = any((0) x 6, 1000, 2592000, 2592001, 1000000000,
	    0x7fffffff, 0xffffffff);
	# In numbers from 2^63 on memcached looks for a '-', and not only up to
	# their end: it may find one.
	$request{delta} = any(0, 1, 1, 9, 1000, 1 << 50);
	$request{initial} = any(0, 7, 1 << 60);
	$request{cas} = any(1, 9876543210, "of $key", "of $key")
	    if $op !~ /get|gat|touch/ && rand() < 0.3;
	return \%request;
}

# Flushing is not among them: without uniques memcached's is only as exact as
# a second, and a delay takes an earlier flush back.
sub
rare_request
{
	return any({ op => 'version' }, { op => 'noop' },
	    { op => 'stat', key => 'nonsense' }, { op => 85 }, { op => 27 },
	    { op => 'get', key => "a b\r\n\0" },
	    { op => 'set', key => 'k' x 250, value => 'long' },
	    { op => 'getk', key => 'k' x 250 });
}

# Refused by both, who then close.
sub
broken_request
{
	return any({ op => 'get' }, { op => 'get', key => 'k' x 251 },
	    { op => 'getq', key => 'k', value => 'x' },
	    { op => 'set', key => 'k', extras => '1234', value => 'abcdefgh' },
	    { op => 'set', value => 'x' }, { op => 'noop', key => 'k' },
	    { op => 'incr', key => 'k', extras => 'x' },
	    { op => 'touch', key => 'k', extras => '' },
	    { op => 'flush', extras => 'x' }, { op => 'flush', key => 'k' },
	    { op => 'stat', extras => '1234' }, { op => 'version', key => 'k' },
	    { op => 'append', extras => '12345678', key => 'k' },
	    { op => 'delete', key => 'k', value => 'v' },
	    { op => 'quit' }, { op => 'quitq' });
}

# Send all requests in one write; the replies.
sub
replies_of
{
	my ($client, $requests, $broken) = @_;
	my (%unique, @replies);

	for my $key (@KEYS, @COUNTERS) {
		my $reply = ask($client, op => 'getk', key => $key);
		$unique{$key} = $reply->{cas};
		push @replies, $reply;
	}
	$client->send(join '', map { with_unique($_, \%unique) } @$requests);
	return [@replies, Cairn::Binary::until_noop($client)] if !$broken;
	while (my $reply = eval { Cairn::Binary::reply($client) }) {
		push @replies, $reply;
	}
	return \@replies;
}

sub
with_unique
{
	my ($request, $unique) = @_;
	my %packet = %$request;

	$packet{cas} = $unique->{$1} || 9876543210
	    if ($packet{cas} // '') =~ /^of (.*)/;
	return packet(%packet);
}

# The replies as lines, with what may differ taken out.
sub
normal
{
	my ($requests, $replies) = @_;
	my (%rank, %count);

	return map {
		my $key = $_->{key} || $requests->[$_->{opaque}]{key} || '';
		my $rank = $_->{cas} == 0 ? 0 :
		    ($rank{$key}{$_->{cas}} //= ++$count{$key});
		my $value = $_->{op} == 0x0b ? 'version' : $_->{value};
		$value =~ s/^(\d+) +\z/$1/;
		sprintf 'op %02x status %02x opaque %x cas #%d extras %s ' .
		    'key %s value %s', $_->{op}, $_->{status}, $_->{opaque},
		    $rank, unpack('H*', $_->{extras}), show($_->{key}),
		    show($value)
	} @$replies;
}

sub
show
{
	return Cairn::Connection::show($_[0]);
}

sub
same
{
	my ($name, $requests, $replies) = @_;
	my @want = normal($requests, $replies->{memcached});
	my @got = normal($requests, $replies->{cairnd});

	return pass($name) if "@want" eq "@got";
	fail($name);
	my $at = 0;
	$at++ while ($want[$at] // '') eq ($got[$at] // '');
	diag("before:    $want[$at - 1]") if $at > 0;
	diag('memcached: ' . ($want[$at] // 'nothing'));
	diag('cairnd:    ' . ($got[$at] // 'nothing'));
	for my $request (@$requests) {
		diag('  ' . join ' ', map { "$_=" . show($request->{$_}) }
		    sort keys %$request);
	}
	return 0;
}

sub
bound_to_a_protocol
{
	my $server = Cairn->start(flags => ['-B', 'binary']);
	my $client = $server->connect;

	is(ask($client, op => 'noop')->{status}, 0, '-B binary takes packets');
	$client->close;
	$client = $server->connect;
	$client->send("version\r\n");
	ok($client->closed, 'and closes on text');
	$server->stop;
	$server = Cairn->start(flags => ['-B', 'ascii']);
	$client = $server->connect;
	$client->send(packet(op => 'version') . "\r\n");
	is($client->line, 'ERROR', '-B ascii takes no packets');
	like($client->ask('version'), qr/^VERSION /, 'but lines');
	$server->stop;
}

sub
flushing_may_be_forbidden
{
	my $server = Cairn->start(flags => ['-F']);
	my $client = $server->connect;

	ask($client, op => 'set', key => 'k', value => 'v');
	for my $op (qw(flush flushq)) {
		is(ask($client, op => $op)->{status}, 0x20,
		    "$op is refused by -F");
	}
	is(ask($client, op => 'get', key => 'k')->{value}, 'v',
	    'and drops nothing');
	$server->stop;
}
