#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# resp_long.t - long words of calls: values up to -I in any place, and requests
# that are too long are refused before they have come.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Cairn;
use Cairn::Resp;

my $MB = 1 << 20;
my $server = Cairn->start(flags => ['-I', '64m', '-m', '512']);
my $client = $server->connect;

for my $length (100_000, 5 * $MB, 40 * $MB) {
	my $value = 'v' x ($length - 3) . "\r\n*";

	is(ask('SET', 'k', $value, 'EX', '100'), '+OK',
	    "SET EX of $length bytes");
	ok(bulk('GET', 'k') eq $value, 'comes back');
	like(ask('TTL', 'k'), qr/^:(100|[89]\d)$/, 'with its expiry');
	is(ask('MSET', 'a', $value, 'b', 'x'), '+OK', 'MSET');
	ok(bulk('GET', 'a') eq $value, 'comes back');
	is(ask('DEL', 'k', 'a'), ':2', 'DEL');
	is(ask('SETNX', 'k' x 1000, $value), ':1', 'SETNX of a long key');
	is(ask('SET', 'k' x 1000, $value), '+OK', 'SET of a long key');
	is(ask('STRLEN', 'k' x 1000), ":$length", 'is there');
	is(ask('DEL', 'k' x 1000), ':1', 'DEL');
}
my $part = 'p' x (6 * $MB);
is(ask('APPEND', 'a', $part), ':' . 6 * $MB, 'APPEND');
is(ask('APPEND', 'a', $part), ':' . 12 * $MB, 'APPEND to it');
is(ask('SETRANGE', 'a', 12 * $MB, $part), ':' . 18 * $MB, 'SETRANGE');
is(ask('SETEX', 'a', '100', 'x' x (64 * $MB)),
    '-ERR string exceeds maximum allowed size (proto-max-bulk-len)',
    'too large a value');
is(ask('EXISTS', 'a'), ':0', 'what was there is not served any more');
$client->send(join '', map { Cairn::Resp::request('SET', "m$_", 'x' x
    3_000_000, 'PX', 100_000) . Cairn::Resp::request('STRLEN', "m$_") }
    1 .. 10);
is_deeply([map { $client->line } 1 .. 20], [('+OK', ':3000000') x 10],
    'long requests follow each other');

# A request that is too long is refused as soon as that is known.
refused('a last word', "*3\r\n\$6\r\nAPPEND\r\n\$1\r\na\r\n" .
    "\$2000000000\r\n", 'x' x 1_000_000, 97 * $MB);
refused('a word', "*5\r\n\$3\r\nSET\r\n\$1\r\na\r\n\$2000000000\r\n",
    'x' x 1_000_000, 0);
refused('many words', "*1000000\r\n", "\$200000\r\n" . 'x' x 200_000 .
    "\r\n", 97 * $MB);
$client->close;
cmp_ok($server->rss, '<', 512 * $MB, 'memory is bounded');
is($server->stop, 0, 'the server ends cleanly');
done_testing;

sub
ask
{
	$client->send(Cairn::Resp::request(@_));
	return $client->line;
}

sub
bulk
{
	ask(@_) =~ /^\$(\d+)$/ or die 'no bulk';
	return substr($client->exactly($1 + 2), 0, -2);
}

# The same again and again, until the server has had enough: soon after so
# many bytes. What it says may be lost when it closes.
sub
refused
{
	my ($name, $first, $again, $bytes) = @_;
	my $other = $server->connect;
	my $sent = 0;

	$other->send($first);
	while ($sent < 300 * $MB) {
		my $n = $other->send($again);

		$sent += $n;
		last if $n < length $again;
	}
	cmp_ok($sent, '<', $bytes + 30 * $MB, "$name is refused");
	like(eval { $other->until_close } // '',
	    qr/^(?:-ERR Protocol error: too big request\r\n)?$/,
	    'with words');
}
