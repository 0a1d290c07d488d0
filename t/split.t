#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# split.t - where the network cuts a request must not matter. A script of
# commands is sent whole, cut in two at every byte, and byte by byte; the
# replies are the same. Many connections work at a time, each with keys of its
# own, so that one short pause between the parts serves them all.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);

use Cairn;

my $AT_A_TIME = 300;
my $PAUSE = 0.02;	# for the server to read the first parts

my @shards = Cairn::is_reference() ? (0) : (1, 4);

for my $shards (@shards) {
	for my $unix (0, 1) {
		my @flags = $shards ? ('-o', "shards=$shards") : ();
		my $name = ($unix ? 'unix' : 'tcp') .
		    ($shards ? " $shards shards" : '') . ': ';

		# Small items, so that a short script has one too large.
		my $server = Cairn->start(flags => [$shards ? ('-I', '1k') :
		    (), @flags], unix => $unix);
		cut_in_two($server, $name);
		byte_by_byte($server, $name);
		is($server->stop, 0, "${name}the server ends cleanly");

		$server = Cairn->start(flags => \@flags, unix => $unix);
		deep_pipelines($server, $name);
		big_values_in_pieces($server, $name);
		is($server->stop, 0, "${name}the server ends cleanly");
	}
}
done_testing;

# Every command there is, with values that hold line ends and look like
# commands and replies, good and bad. KEY stands for a key. What changes the
# whole server (flush_all, cache_memlimit) is here in forms that do not.
sub
script
{
	my @lines = (
		'set KEY1 5 0 10', "ab\r\ncd\r\nef", 'get KEY1',
		'get KEY1 KEY2 KEY1', 'add KEY1 0 0 1', 'x',
		'add KEY2 0 1000 5', "\r\n\r\nx", 'replace KEY2 1 0 6',
		"\nEND\r\n", 'get KEY2', 'append KEY1 0 0 3', "g\r\n",
		'prepend KEY1 0 0 3', "\r\n0", 'get KEY1', 'gets KEY1',
		'cas KEY1 0 0 2 18446744073709551614', "\r\n",
		'cas KEY9 0 0 5 18446744073709551615',
		'get x', 'set KEY3 0 0 2 noreply', '99', 'incr KEY3 1',
		'incr KEY3 12 noreply', 'decr KEY3 11', 'get KEY3',
		'incr KEY1 1', 'decr KEY9 1', 'incr KEY3 bad',
		'touch KEY3 100', 'touch KEY9 100', 'touch KEY3 100 noreply',
		'gat 200 KEY3 KEY2', 'gats 0 KEY3', 'delete KEY3 0',
		'delete KEY3', 'delete KEY3 bad', 'delete KEY2 noreply',
		'set KEY4 0 0 4', "STORED\r\nget", 'verbosity 0',
		'verbosity 0 noreply', 'flush_all bad', 'flush_all 0 1 2',
		'version', 'cache_memlimit 1', 'stats reset nothing',
		'stats foo',
		'', 'nonsense', 'get', ' get  KEY1  KEY4 ', 'get ' . 'k' x 251,
		'set KEY5 0 0 -1', 'set KEY5 bad 0 1', 'set KEY5 0 0 3 noreply',
		"\0\r\n", 'get KEY5', 'set KEY5 0 0 1100',
		'get KEY1' x 91 . 'morebyte',
		'get KEY5', 'set KEY6 0 0 2000000 noreply x',
		'set KEY7 0 0 0', '', 'get KEY7', 'set KEY8 0 0 19',
		"VALUE a 0 1\r\nx\r\nEND", 'gets KEY8', 'quit', 'version',
	);

	return join "\r\n", @lines, '';
}

# The script for connection number $n. All of them are equally long.
sub
script_of
{
	my ($n) = @_;
	my $script = script();
	my $key = sprintf 'k%05d.', $n;

	$script =~ s/KEY/$key/g;
	$script =~ s/^(nonsense)\r\n/$1\n/m;
	return $script;
}

# A reply with what varies from one connection to the next taken out.
sub
normal
{
	my ($reply) = @_;

	$reply =~ s/\bk\d{5}\./KEY/g;
	$reply =~ s/^(VALUE \S+ \d+ \d+) \d+\r$/$1 CAS\r/gm;
	return $reply;
}

sub
reply_to_the_whole
{
	my ($server) = @_;
	my $client = $server->connect;

	$client->send(script_of(99999));
	return normal($client->until_close);
}

sub
cut_in_two
{
	my ($server, $name) = @_;
	my $length = length script_of(0);
	my $want = reply_to_the_whole($server);
	my @wrong;

	like($want, qr/\ASTORED\r\nVALUE KEY1 5 10\r\nab\r\ncd\r\nef\r\nEND/,
	    "${name}the whole script is answered");
	like($want, qr/\r\nVALUE\ KEY8\ 0\ 19\ CAS\r\nVALUE\ a\ 0\ 1\r\nx\r\n
	    END\r\nEND\r\n\z/x,
	    "${name}up to its quit");
	for (my $from = 1; $from < $length; $from += $AT_A_TIME) {
		my $to = $from + $AT_A_TIME - 1;
		$to = $length - 1 if $to >= $length;
		my %client = map { ($_ => $server->connect) } $from .. $to;
		$client{$_}->send(substr script_of($_), 0, $_) for $from .. $to;
		sleep $PAUSE;
		$client{$_}->send(substr script_of($_), $_) for $from .. $to;
		for my $cut ($from .. $to) {
			my $got = eval { normal($client{$cut}->until_close) };
			push @wrong, [$cut, $got // $@]
			    if !defined $got || $got ne $want;
			last if @wrong > 5;
		}
	}
	ok(!@wrong, "${name}cut in two at each of $length bytes");
	explain_wrong($want, @wrong);
}

sub
explain_wrong
{
	my ($want, @wrong) = @_;

	for (@wrong[0 .. ($#wrong > 2 ? 2 : $#wrong)]) {
		my ($cut, $got) = @$_;
		my ($same) = ($want ^ $got) =~ /^(\0*)/;
		my $at = length $same;
		my $from = $at > 60 ? $at - 60 : 0;
		diag('cut after ' . Cairn::Connection::show(
		    substr script_of($cut), $cut > 40 ? $cut - 40 : 0,
		    $cut > 40 ? 40 : $cut));
		diag('  want ' .
		    Cairn::Connection::show(substr $want, $from, 150));
		diag('  got  ' .
		    Cairn::Connection::show(substr $got, $from, 150));
	}
}

# A few connections take turns, a byte each, so that the server reads bytes
# one by one.
sub
byte_by_byte
{
	my ($server, $name) = @_;
	my $want = reply_to_the_whole($server);
	my @numbers = (90001 .. 90016);
	my @client = map { $server->connect } @numbers;
	my @script = map { script_of($_) } @numbers;
	my @wrong;

	for my $at (0 .. length($script[0]) - 1) {
		for my $i (0 .. $#client) {
			$client[$i]->send(substr $script[$i], $at, 1);
		}
	}
	for my $i (0 .. $#client) {
		my $got = eval { normal($client[$i]->until_close) } // $@;
		push @wrong, [1, $got] if $got ne $want;
	}
	ok(!@wrong, "${name}byte by byte");
	explain_wrong($want, @wrong);
}

# A thousand commands in one write, and in writes of odd sizes.
sub
deep_pipelines
{
	my ($server, $name) = @_;

	for my $size (1 << 30, 16384, 4099, 1021, 61) {
		my $client = $server->connect;
		my ($request, $want) = ('', '');
		for my $n (1 .. 1000) {
			my $value = "$n\r\n" x ($n % 50);
			my $length = length $value;
			my $key = "p$size.$n";
			$request .= "set $key $n 0 $length\r\n$value\r\n" .
			    "get nothing $key\r\nincr $key 1\r\n" .
			    "delete $key\r\n";
			$want .= "STORED\r\nVALUE $key $n $length\r\n" .
			    "$value\r\nEND\r\n" . ($length
			    ? $n + 1 . "\r\n"
			    : 'CLIENT_ERROR cannot increment or decrement ' .
			    "non-numeric value\r\n") . "DELETED\r\n";
		}
		for (my $at = 0; $at < length $request; $at += $size) {
			$client->send(substr $request, $at, $size);
		}
		my $got = eval { $client->exactly(length $want) } // $@;
		ok($got eq $want,
		    "${name}4000 commands in writes of $size bytes")
		    or diag(Cairn::Connection::show($got));
		$client->close;
	}
}

# Values from the read buffer's size to a megabyte, in pieces, with a command
# behind them.
sub
big_values_in_pieces
{
	my ($server, $name) = @_;
	my $client = $server->connect;

	for my $length (2047, 2048, 4096, 16383, 16384, 16385, 65536, 1000000) {
		my $value = substr "0123456789\r\nget a\r\n" x
		    ($length / 19 + 1), 0, $length;
		my $request = "set big 0 0 $length\r\n$value\r\nget big\r\n";
		my $want = "STORED\r\nVALUE big 0 $length\r\n$value\r\nEND\r\n";
		my @wrong;
		for my $cut (grep { $_ < length $request } 1, 20, 21, 22, 30,
		    $length - 1, $length, $length + 20, $length + 21, $length + 22, $length + 23,
		    $length + 24, $length + 25, $length + 30) {
			$client->send(substr $request, 0, $cut);
			sleep 0.002;
			$client->send(substr $request, $cut);
			push @wrong, $cut
			    if $client->exactly(length $want) ne $want;
		}
		is("@wrong", '', "${name}a value of $length bytes in two parts");
	}
}
