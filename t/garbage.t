#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# garbage.t - what is no protocol at all: random bytes, endless lines, odd
# keys, other protocols. The server may answer or close as it likes unless
# said otherwise here; it must live and serve the next client. CAIRN_SEED
# sets the seed of the random bytes.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;

my $SEED = $ENV{CAIRN_SEED} // 42;

for my $shards (Cairn::is_reference() ? (0) : (1, 4)) {
	my $server = Cairn->start(flags =>
	    [$shards ? ('-o', "shards=$shards") : ()]);
	my $name = $shards ? "$shards shards: " : '';
	my $witness = $server->connect;

	$witness->ask('get witness');
	random_bytes($server, $name);
	almost_commands($server, $name);
	other_protocols($server, $name);
	endless_lines($server, $name);
	long_gets($server, $name);
	odd_keys($server, $name);
	odd_lengths($server, $name);
	is(eval { $witness->set('witness', 'w') } // $@, 'STORED',
	    "${name}a client of long standing is still served");
	is($server->stop, 0, "${name}the server ends cleanly");
	is($server->stderr, '', "${name}and had nothing to complain about")
	    if !Cairn::is_reference();
}
done_testing;

# The server lives and serves a new client.
sub
lives
{
	my ($server, $name) = @_;
	my $got = eval {
		my $client = $server->connect;
		my $reply = $client->set('alive', 'yes') . ' ' .
		    $client->get('alive');
		$client->close;
		$reply;
	};

	is($got // $@, 'STORED yes', $name) or diag($server->stderr);
}

# Send bytes and leave; what came back does not matter.
sub
throw
{
	my ($server, $bytes) = @_;
	my $client = $server->connect;

	$client->send($bytes);
	$client->finish_sending;
	$client->within(0.002);
	$client->close;
}

sub
random_bytes
{
	my ($server, $name) = @_;

	note("seed $SEED");
	srand $SEED;
	for my $kind ('any bytes', 'mostly text', 'many line ends',
	    'binary protocol') {
		for (1 .. 100) {
			my $length = 1 + int rand 3000;
			throw($server, random($kind, $length));
		}
		lives($server, "${name}random bytes: $kind");
	}
}

sub
random
{
	my ($kind, $length) = @_;

	return join '', map { chr int rand 256 } 1 .. $length
	    if $kind eq 'any bytes';
	return join '', map { chr 32 + int rand 95 } 1 .. $length
	    if $kind eq 'mostly text';
	return join '', map { rand() < 0.2 ? "\r\n" : rand() < 0.2 ? ' '
	    : chr 97 + int rand 8 } 1 .. $length
	    if $kind eq 'many line ends';
	return pack('CCnCCnNNNN', 0x80, rand 0x30, rand 300, rand 30, 0, 0,
	    rand 3000, 0, 0, 0) . random('any bytes', $length);
}

# Real commands with a few bytes changed.
sub
almost_commands
{
	my ($server, $name) = @_;
	my @commands = ("set a 0 0 5\r\nhello\r\n", "get a b c\r\n",
	    "gets a\r\n", "incr a 5\r\n", "cas a 0 0 3 7\r\nabc\r\n",
	    "append a 0 0 2\r\nxy\r\n", "delete a\r\n", "touch a 5\r\n",
	    "gat 5 a b\r\n", "verbosity 0\r\n", "stats detail dump\r\n",
	    "flush_all 0\r\n", "set b 0 0 0\r\n\r\n", "version\r\n",
	    "mg a v t\r\n", "ms a 2 T0\r\nhi\r\n", "md a q\r\n", "mn\r\n",
	    "stats items\r\n", "lru_crawler metadump all\r\n");

	srand $SEED + 1;
	for (1 .. 400) {
		my $bytes = join '', map { $commands[rand @commands] } 1 .. 20;
		for (1 .. 1 + rand 5) {
			substr $bytes, rand length $bytes, int rand 3,
			    chr int rand 256;
		}
		throw($server, $bytes);
	}
	lives($server, "${name}almost commands");
}

sub
other_protocols
{
	my ($server, $name) = @_;
	my $http = $server->connect;

	$http->send("GET /index.html HTTP/1.1\r\nHost: example.org\r\n\r\n");
	ok($http->closed, "${name}HTTP is closed without a word");
	lives($server, "${name}after HTTP");
	throw($server, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" .
	    "\x00" x 500);
	lives($server, "${name}after a TLS greeting");
	throw($server, "*3\r\n\$3\r\nSET\r\n\$1\r\na\r\n\$1\r\nb\r\n");
	lives($server, "${name}after RESP");
	throw($server, "SSH-2.0-OpenSSH_9.2\r\n" . "\x00\x00\x05\xdc" x 300);
	lives($server, "${name}after SSH");
	throw($server, "\xff\xf4\xff\xfd\x06");
	lives($server, "${name}after an interrupted telnet");
	throw($server, "EHLO example.org\r\nMAIL FROM:<a\@b>\r\n");
	lives($server, "${name}after SMTP");
}

sub
endless_lines
{
	my ($server, $name) = @_;

	for my $start ('', 'set ', 'gat 0 ', 'delete ', 'incr ', 'stats ',
	    'getx ', ' ' x 200 . 'get ') {
		my $client = $server->connect;
		$client->send($start . 'x' x 5000);
		ok($client->closed(3),
		    "${name}an endless line is closed: " .
		    (length $start > 20 ? 'spaces' : "'$start'"));
		$client->close;
	}
	lives($server, "${name}after endless lines");

	my $short = $server->connect;
	$short->send('x' x 2040);
	is($short->within(0.05), '', "${name}2040 bytes of a line are not yet");
	ok(!$short->{eof}, "${name}too much");
	is($short->ask(''), 'ERROR', "${name}and get their reply");
	$short->close;

	my $spaces = $server->connect;
	$spaces->send(' ' x 100_000);
	$spaces->within(0.05);
	$spaces->close;
	lives($server, "${name}after endless spaces");

	my $get = $server->connect;
	$get->send('get ' . 'x' x 300_000);
	$get->within(0.05);
	$get->close;
	lives($server, "${name}after a get of an endless key");
	throw($server, "\r\n" x 50_000);
	lives($server, "${name}after a hundred thousand bytes of line ends");
	throw($server, "\n" x 100_000);
	lives($server, "${name}after a hundred thousand line feeds");
	throw($server, "\0" x 100_000);
	lives($server, "${name}after a hundred thousand NULs");
}

sub
long_gets
{
	my ($server, $name) = @_;
	my $client = $server->connect;

	is($client->set("long.$_", $_), 'STORED', "${name}set long.$_")
	    for 1, 9999;
	for my $verb ('get', 'gets') {
		$client->send(join(' ', $verb, map { "long.$_" }
		    1 .. 10_000) . "\r\n");
		my $got = $client->until("END\r\n");
		$got =~ s/^(VALUE \S+ 0 \d+) \d+\r$/$1\r/gm;
		is($got, "VALUE long.1 0 1\r\n1\r\nVALUE long.9999 0 4\r\n" .
		    "9999\r\nEND\r\n", "${name}$verb of 10,000 keys");
	}
	$client->send('get ' . 'long.1 ' x 10_000 . "\r\n");
	my $want = "VALUE long.1 0 1\r\n1\r\n" x 10_000 . "END\r\n";
	ok($client->exactly(length $want) eq $want,
	    "${name}get of 10,000 keys that are all there");
	$client->send('get ' . 'long.1 ' x 20_000 . 'k' x 251 . "\r\n");
	is($client->line, 'CLIENT_ERROR bad command line format',
	    "${name}get of 20,000 keys and one that is too long");
	$client->send('get ' . join(' ', map { 'k' x 250 } 1 .. 4000) .
	    "\r\n");
	is($client->line, 'END', "${name}get of a million bytes of keys");
	is($client->get('long.9999'), '9999', "${name}after long gets");
}

sub
odd_keys
{
	my ($server, $name) = @_;
	my $client = $server->connect;

	for my $byte (grep { !/[ \n]/ } map { chr } 1 .. 31, 127 .. 255) {
		next if $byte eq "\r";
		my $key = "odd$byte.key";
		my $got = eval {
			$client->set($key, 'v') . ' ' . $client->get($key);
		};
		next if ($got // '') eq 'STORED v';
		fail($name . 'a key with ' . Cairn::Connection::show($byte));
		diag($got // $@);
		$client = $server->connect;
	}
	pass("${name}keys of every byte but space, NUL and line ends");

	# NUL in a line means nothing good; what, is not said.
	for my $line ("get a\0b\r\n", "get \0\r\n", "\0get a\r\n",
	    "set a\0b 0 0 1\r\nx\r\n", "set a 0\0 0 1\r\nx\r\n",
	    "delete a\0\r\n", "get\0a\r\n", "incr \0 1\r\n",
	    "set a 0 0 \0\r\n", "version\0\r\n") {
		throw($server, $line);
	}
	lives($server, "${name}after NULs in commands");
	my $value = join '', map { chr } 0 .. 255;
	is($client->set('bytes', $value), 'STORED', "${name}a value of all bytes");
	ok($client->get('bytes') eq $value, "${name}comes back");
}

sub
odd_lengths
{
	my ($server, $name) = @_;

	for my $length ('-1', '-0', '2147483647', '2147483646', '4294967294',
	    '4294967296', '18446744073709551615', '9223372036854775807',
	    '1e3', '0x7f', '', '1048576', '99999999', '1073741824') {
		throw($server, "set odd 0 0 $length\r\nabc\r\nget odd\r\n");
		throw($server, "cas odd 0 0 $length 1\r\nabc\r\nget odd\r\n");
		throw($server, "append witness 0 0 $length\r\nabc\r\n")
		    if $length =~ /\d{9}|-1/;
	}
	lives($server, "${name}after odd lengths");
	SKIP: {
		skip 'a sanitizer takes its own memory', 1
		    if $server->is_instrumented;
		cmp_ok($server->rss, '<', 256 << 20,
		    "${name}lengths alone take no memory");
	}
}
