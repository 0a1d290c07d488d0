#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# resp.t - RESP on the wire: how a connection is taken for one of RESP, requests
# cut anywhere, broken ones, and values too long to wait for.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Cairn;
use Cairn::Resp;

my $server = Cairn->start(flags => ['-I', '4m', '-m', '64']);

sub
request
{
	return Cairn::Resp::request(@_);
}

# What a new connection gets for these bytes, sent in one or several pieces.
sub
reply_to
{
	my $client = $server->connect;

	$client->send($_) for @_;
	$client->finish_sending;
	my $reply = $client->until_close;
	$client->close;
	return $reply;
}

is(reply_to("PING\r\n"), "+PONG\r\n", 'a line that only RESP knows is RESP');
is(reply_to("ping\r\nPING hi\r\n"), "+PONG\r\n\$2\r\nhi\r\n",
    'in any case of letters');
is(reply_to("get k\r\n"), "END\r\n", 'what both know is text');
is(reply_to("*0\r\n*-1\r\n" . request('PING')), "+PONG\r\n",
    'an empty array asks for nothing');
is(reply_to(request('ECHO', "a\r\nb")), "\$4\r\na\r\nb\r\n",
    'a word may have any bytes');
is(reply_to("PING \"a b\" \r\n"), "\$3\r\na b\r\n",
    'quotes keep the spaces of an inline request');
is(reply_to("SET k v\r\n"), "ERROR\r\n", 'in any case of letters');
is(reply_to("PING\r\nSET k v\r\nget k\r\n"),
    "+PONG\r\n+OK\r\n\$1\r\nv\r\n", 'unless it was RESP before');
for (['"a\x41\n\"b\q\xZZ"', "aA\n\"bqxZZ"], ["'a\\x41\\'b'", 'a\x41\'b'],
    ['foo"b a"', 'foob a'], ["a'c d'", 'ac d'], ['a\\\\b', 'a\\\\b'],
    ["''", ''], ['"\t\r\b\a"', "\t\r\b\a"], ['"\x00\xfF"', "\0\xff"]) {
	my ($typed, $word) = @$_;
	my $length = length $word;

	is(reply_to("ECHO $typed \r\nPING\r\n"),
	    "\$$length\r\n$word\r\n+PONG\r\n", "typed: $typed");
}
is(reply_to("PING $_\r\n"),
    "-ERR Protocol error: unbalanced quotes in request\r\n",
    "quotes that are not closed, or go on: $_")
    for '"', "'", 'a"b', '"a"b', "'a'b", '"a\\"', "'a\\'";
is(reply_to('EXISTS' . ' k' x 20_000 . "\r\n"), ":20000\r\n",
    'an inline request may have many words');
is(reply_to("PING\r\nECHO \"a\r\n"),
    "+PONG\r\n-ERR Protocol error: unbalanced quotes in request\r\n",
    'a quote that is not closed ends the connection');

my $all = join '', request('SET', 'k', 'value'), request('GET', 'k'),
    request('SET', 'k', 'x', 'EX', '100', 'GET'), request('mget', 'k', 'none'),
    request('INCR', 'n'), request('MSET', 'a', '1', 'b', '2'),
    request('EXISTS', 'a', 'b', 'none'), request('DEL', 'a', 'b', 'n', 'k'),
    "PING\r\n", request('GET', 'k'), request('HELLO', '3'),
    request('GET', 'k'), request('NOSUCH', 'a', 'b'), request('GET');
my $replies = reply_to($all);

like($replies, qr/\A\+OK\r\n\$5\r\nvalue\r\n\$5\r\nvalue\r\n\*2\r\n\$1\r\nx\r\n
    \$-1\r\n:1\r\n\+OK\r\n:2\r\n:4\r\n\+PONG\r\n\$-1\r\n%7\r\n/x,
    'a pipeline is answered in order');
like($replies, qr/\r\n_\r\n-ERR\ unknown\ command\ 'NOSUCH',\ with\ args\ 
    beginning\ with:\ 'a'\ 'b'\ \r\n-ERR\ wrong\ number\ of\ arguments\ for\ 
    'get'\ command\r\n\z/x, 'RESP3 has a null of its own');
(my $without_id = $replies) =~ s/id\r\n:\d+//;
is(reply_to(split //, $all) =~ s/id\r\n:\d+//r, $without_id,
    'cut at every byte it is the same');
for my $at (1 .. 40) {
	my $cut = $at * 7;
	my $got = reply_to(substr($all, 0, $cut), substr($all, $cut));
	next if ($got =~ s/id\r\n:\d+//r) eq $without_id;
	fail("cut at $cut");
}

my %broken = (
	"*1000000000\r\n" => 'invalid multibulk length',
	"*1048577\r\n" => 'invalid multibulk length',
	"*x\r\n" => 'invalid multibulk length',
	"*1\r\n\$9223372036854775807\r\n" => 'invalid bulk length',
	"*1\r\n\$-5\r\n" => 'invalid bulk length',
	"*1\r\n\$x\r\n" => 'invalid bulk length',
	"*1\r\n:3\r\n" => "expected '\$', got ':'",
	'*' . '1' x 100 => 'invalid multibulk length',
);
for my $bytes (sort keys %broken) {
	is(reply_to($bytes . request('PING')),
	    "-ERR Protocol error: $broken{$bytes}\r\n",
	    'refused: ' . Cairn::Connection::show(substr $bytes, 0, 30));
}

# Long keys, and databases.
my $key = 'k' x 8000;
is(reply_to(request('SET', $key, 'v'), request('GET', $key),
    request('GET', substr $key, 1), request('SET', '', 'empty'),
    request('GET', '')), "+OK\r\n\$1\r\nv\r\n\$-1\r\n+OK\r\n" .
    "\$5\r\nempty\r\n", 'a key may be long, or empty');
is(reply_to(request('SET', 'k' x 65536, 'v')),
    "-ERR key is longer than 65535 bytes\r\n", 'but not without end');
is(reply_to(request('SET', 'db', '0'), request('SELECT', '15'),
    request('GET', 'db'), request('SET', 'db', '15'), request('SELECT', '0'),
    request('GET', 'db'), request('SELECT', '16'), request('SELECT', 'x')),
    "+OK\r\n+OK\r\n\$-1\r\n+OK\r\n+OK\r\n\$1\r\n0\r\n" .
    "-ERR DB index is out of range\r\n" .
    "-ERR value is not an integer or out of range\r\n",
    'databases do not know each other');
my $lister = $server->connect;
$lister->send("lru_crawler mgdump all\r\n");
unlike($lister->until("EN\r\n"), qr/k{300}/,
    'keys that memcached clients cannot name are not listed to them');
$lister->close;

# Long values.
for my $length (10_000, 100_000, 1_000_000) {
	my $value = join '', map { chr rand 256 } 1 .. $length;

	is(reply_to(request('SET', 'long', $value), request('GET', 'long')),
	    "+OK\r\n\$$length\r\n$value\r\n", "$length bytes come back");
	is(reply_to(request('SET', 'long', $value, 'EX', '100'),
	    request('STRLEN', 'long')), "+OK\r\n:$length\r\n",
	    "$length bytes with an expiry, too");
}
is(reply_to(request('SET', 'long', 'x' x 5_000_000), request('PING')),
    "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n" .
    "+PONG\r\n",
    'a value that is too long is refused, and the connection goes on');

# The same items.
my $text = $server->connect;
is($text->ask('get long'), 'END', 'the value before it is gone');
is(reply_to(request('SET', 'shared', '41')), "+OK\r\n", 'set by RESP');
is($text->ask('incr shared 1'), '42', 'counted on by text');
is(reply_to(request('GET', 'shared')), "\$2\r\n42\r\n", 'read by RESP');
$text->set('flagged', '9', 77);
is(reply_to(request('INCR', 'flagged'), request('APPEND', 'flagged', '5'),
    request('SETRANGE', 'flagged', '1', '12'),
    request('INCRBYFLOAT', 'flagged', '0.5')),
    ":10\r\n:3\r\n:3\r\n\$5\r\n112.5\r\n", 'changed by RESP');
is($text->get_with_flags('flagged', 77), '112.5',
    "a memcached client's flags stay");
is(reply_to(request('SET', 'flagged', 'x')), "+OK\r\n", 'set by RESP');
is($text->get('flagged'), 'x', 'its flags are 0');
$text->close;
is($server->stop, 0, 'the server ends cleanly');
done_testing;
