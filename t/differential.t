#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# differential.t - the same requests to memcached and to cairnd must bring the
# same replies, byte by byte. The requests are the sending sides of all
# sessions and what a seeded generator makes up: valid and slightly broken
# commands on a few keys. CAIRN_SEED sets the seed, CAIRN_ROUNDS the number of
# rounds of 40 commands.
#
# Known differences are taken out of both replies before they are compared:
# uniques (any number will do, so they become ranks per key), versions, values
# of STAT lines, and the spaces after a number that has lost digits: memcached
# adds them only when no reply in flight still holds the item. So keys c* are
# counted on and never appended to, keys k* the other way round.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Cairn;
use Cairn::Session;

my $reference = Cairn::find_program('memcached');
plan skip_all => 'memcached is not installed' if !$reference;

my $SEED = $ENV{CAIRN_SEED} // 20260715;
my $ROUNDS = $ENV{CAIRN_ROUNDS} // 50;
my $COMMANDS = 40;
my @KEYS = map { "k$_" } 0 .. 6;
my @COUNTERS = map { "c$_" } 0 .. 2;

for my $shards (Cairn::is_reference() ? (0) : (1, 4)) {
	my @flags = $shards ? ('-o', "shards=$shards") : ();
	my $pair = {
		reference => Cairn->start(program => $reference),
		cairn => Cairn->start(flags => \@flags),
	};
	my $name = $shards ? "$shards shards: " : '';

	sessions_agree($pair, $name);
	generated_requests_agree($pair, $name);
	counters_agree($pair, $name);
}
done_testing;

sub
sessions_agree
{
	my ($pair, $name) = @_;

	for my $test (map { Cairn::Session::read_file($_) }
	    Cairn::Session::files()) {
		my $request = Cairn::Session::sending_side($test);
		next if !defined $request;
		same("$name$test->{file}: $test->{name}", $request,
		    map { all_at_once($pair->{$_}, $request) }
		    qw(reference cairn));
	}
}

# Send everything and the end of it; all that comes back.
sub
all_at_once
{
	my ($server, $request) = @_;
	my $flush = $server->connect;

	$flush->ask('flush_all');
	$flush->close;
	return to_the_end($server, $request);
}

sub
to_the_end
{
	my ($server, $request) = @_;
	my $client = $server->connect;

	$client->send($request);
	$client->finish_sending;
	my $reply = $client->until_close;
	$client->close;
	return $reply;
}

# Even rounds are broken here and there, and go to a connection of their own
# that ends with them. Odd rounds are sane and go to one of three connections
# that stay.
sub
generated_requests_agree
{
	my ($pair, $name) = @_;
	my (%client, $before);

	note("seed $SEED");
	srand $SEED;
	for my $which (qw(reference cairn)) {
		$client{$which} = [map { $pair->{$which}->connect } 0 .. 2];
		$client{$which}[0]->ask('flush_all');
	}
	for my $round (1 .. $ROUNDS) {
		my $broken = $round % 2 == 0;
		my $script = join '', cas(0 .. 2), map {
			my $command = command();
			$broken && rand() < 0.3 ? spoil($command) : $command;
		} 1 .. $COMMANDS;
		$script .= "version\r\n" x 5;	# for data without an end
		my @replies;
		my $request;

		for my $which (qw(reference cairn)) {
			my $client = $client{$which}[$round % 3];
			my ($uniques, $values) = look($client);
			$request = $script;
			$request =~ s/\{(\w+)\}/$uniques->{$1} || 9876543210/ge;
			push @replies, $values . ($broken
			    ? to_the_end($pair->{$which}, $request)
			    : to_the_fence($client, $request));
		}
		same("${name}seed $SEED round $round" .
		    ($broken ? ' (broken)' : ''), $request, @replies) or last;
	}
}

sub
to_the_fence
{
	my ($client, $request) = @_;

	my $fence = "VALUE fence 0 5\r\nfence\r\nEND\r\n";

	$client->send("${request}set fence 0 0 5\r\nfence\r\nget fence\r\n");
	return $client->until($fence);
}

# The unique of each key that is there, and the reply as it came.
sub
look
{
	my ($client) = @_;
	my (%unique, @reply);

	$client->send("gets @KEYS @COUNTERS\r\n");
	while ((my $line = $client->until("\n")) ne "END\r\n") {
		my ($key, $length, $unique) =
		    $line =~ /^VALUE (\w+) \d+ (\d+) (\d+)\r\n\z/
		    or die 'odd reply to gets: ' . show($line) . "\n";
		$unique{$key} = $unique;
		push @reply, $line, $client->exactly($length + 2);
	}
	return (\%unique, join '', @reply, "END\r\n");
}

sub
any
{
	return $_[rand @_];
}

sub
key
{
	return any(@KEYS, @COUNTERS);
}

sub
exptime
{
	return any((0) x 8, 1000, 2592000, 2592001, 1000000000, 2147483647,
	    -1, '+0', '00');
}

sub
number
{
	return any(0, 1, 1, 1, 9, 10, 99, 1000, '007', '+3');
}

sub
value
{
	return any('', '0', '5', '9', '99', '100', '5 ', '007',
	    '18446744073709551615', '18446744073709551616', 'abc', "a\r\nb",
	    "get k1\r\n", 'VALUE k1 0 1', "\xff\x01", 'x' x int rand 3000,
	    'END', '12 34');
}

sub
noreply
{
	return any('', '', '', ' noreply');
}

# One command, a few in a hundred with arguments that it must refuse.
sub
command
{
	my $verb = any(qw(set set set add replace append prepend cas cas get
	    get gets gets gat gats incr incr decr delete touch rare
	    meta meta meta meta meta));

	return meta_command() if $verb eq 'meta';
	my $key = $verb =~ /pend/ ? any(@KEYS)
	    : $verb =~ /cr/ ? any(@COUNTERS) : key();
	my $value = value();

	# memcached may take a number over 2^63 for a negative one, depending
	# on what lies behind it.
	$value = '99' if $key =~ /^c/ && $value =~ /^\d{19}/;
	return sprintf "%s %s %s %s %d%s%s\r\n%s\r\n", $verb, $key,
	    any(0, 1, 12345, 4294967295), exptime(), length $value,
	    $verb eq 'cas' ? any((" {$key}") x 2, ' 9876543210', ' 0') : '',
	    noreply(), $value
	    if $verb =~ /^(set|add|replace|append|prepend|cas)$/;
	return "$verb " . join(' ', map { key() } 0 .. rand 4) . "\r\n"
	    if $verb =~ /^gets?$/;
	return "$verb " . exptime() . ' ' .
	    join(' ', map { key() } 0 .. rand 3) . "\r\n"
	    if $verb =~ /^gats?$/;
	return "$verb $key " . any(number(), $verb eq 'decr'
	    ? '18446744073709551615' : ()) . noreply() . "\r\n"
	    if $verb =~ /^(incr|decr)$/;
	return "delete $key" . any('', '', ' 0', ' 1') . noreply() . "\r\n"
	    if $verb eq 'delete';
	return "touch $key " . exptime() . noreply() . "\r\n"
	    if $verb eq 'touch';
	return any('flush_all', 'flush_all 0', 'flush_all -1 noreply',
	    'verbosity 0', 'verbosity x', 'version', 'nonsense', '',
	    'flush_all x', 'incr c1', 'delete', 'touch k1', 'get', 'gat 0',
	    'set k1 0 0', 'incr c1 x', 'touch k1 x', 'gat x k1',
	    'stats reset', 'stats nothing',
	    'set k1 0 0 -1', 'cas k1 0 0 1', 'set k1 x 0 1') . "\r\n";
}

# Some of the flags in any order, each at most once.
sub
flags
{
	return map { " $_" } sort { rand() <=> 0.5 }
	    grep { rand() < 0.25 } @_;
}

# What both versions know. A unique that a client made up may be anything, as
# uniques differ.
sub
meta_command
{
	my $verb = any(qw(mg mg mg ms ms ms md ma ma mn));
	# What incr keeps of an item depends on its padding, which may differ.
	my $key = $verb eq 'ma' ? any(@COUNTERS) : any(@KEYS);
	my $unique = any(("C{$key}") x 3, 'C1');
	my $ttl = any(0, 0, 0, 1000, 100000);
	my $older = rand() < 0.3;	# than all uniques of either
	my ($mode, $value) = (any(qw(S S E R A P)), value());

	return join('', 'mg ', $key, flags("N$ttl"), flags("T$ttl"),
	    flags('k', 'q', 's', 'v', 'v', 'f', 'h', 't', 'u',
	    'R' . any(10, 5000), 'O7')) . "\r\n" if $verb eq 'mg';
	return join('', 'ms ', $key, ' ', length $value, flags('k', 'q', 'O8',
	    "T$ttl", "M$mode", 'F' . any(0, 7), $older ? () : $unique),
	    $older ? ' I C1' : ()) .
	    "\r\n$value\r\n" if $verb eq 'ms';
	return join('', 'md ', $key, flags('k', 'q', 'I', 'I', 'O9', "T$ttl",
	    $unique)) . "\r\n" if $verb eq 'md';
	return join('', 'ma ', $key, flags("N$ttl"), flags("T$ttl"),
	    flags('k', 'q', 't', 'v', 'J' . number(), 'D' . number(),
	    'M' . any(qw(I D + -)), $unique)) . "\r\n" if $verb eq 'ma';
	return "mn\r\n";
}

# A few that may well succeed, as nothing has changed since the uniques were
# seen.
sub
cas
{
	my @keys = @KEYS[@_];

	return map { "cas $_ 7 0 3 {$_}\r\nnew\r\n" } @keys;
}

# The command with one thing wrong with it, most likely.
sub
spoil
{
	my ($line, $rest) = split /(?<=\n)/, $_[0], 2;
	my @words = split ' ', $line;
	my $way = int rand 8;

	$rest //= '';
	return $_[0] if !@words || $words[0] =~ /^(stats|flush_all)/ ||
	    $rest =~ /\n.*\n/s;
	my $word = \$words[rand @words];
	# Dates and flags of more than 32 bits are cut off in memcached, and it
	# forgets replies when data does not come to its end.
	$word = \$words[0] if $$word =~ /\d{9}/ || $rest ne '' && $way == 5;
	$way = 0 if $rest ne '' && $way == 1;
	if ($way == 0) { splice @words, int rand @words, 1 }
	elsif ($way == 1) { my $at = int rand @words;
		splice @words, $at, 0, $words[$at] }
	elsif ($way == 2) { push @words, any(qw(noreply 0 1 word)) }
	elsif ($way == 3) { $words[0] = ucfirst $words[0] }
	elsif ($way == 4) { $$word =~ s/(\d)$/any(0 .. 9)/e }
	elsif ($way == 5) { $$word .= any('x', '-', '0', ' ') }
	elsif ($way == 6) { return '  ' . join('   ', @words) . "  \r\n$rest" }
	else { return "@words\n$rest" }
	return "@words\r\n$rest";
}

# Take out what may differ.
sub
normal
{
	my ($reply) = @_;
	my (%rank, %count);

	$reply =~ s/^VERSION \S+\r$/VERSION\r/gm;
	$reply =~ s/^(STAT \S+) .*\r$/$1\r/gm;
	$reply =~ s/^ME \S+ (exp=\S+) .*(fetch=\w+) .*\r$/ME $1 $2\r/gm;
	$reply =~ s/^((?:VA|HD) .*\bt)\d{8,}/$1far/gm;
	$reply =~ s/^((?:VA \d+|HD)(?: .*)? c)\d+/$1#/gm;
	$reply =~ s/^VA \d+( .*)?\r\n(\d+) *\r$/
	    'VA .' . ($1 \/\/ '') =~ s{ s\d+}{}r . "\r\n$2\r"/gme;
	# Older versions have other words for a mistake in a flag.
	$reply =~ s/^CLIENT_ERROR (?:.* flag|bad token .*|invalid .* value|.* M token)\r$/
	    "CLIENT_ERROR flag\r"/gme;
	$reply =~ s/^(VALUE (\S+) \d+ \d+) (\d+)\r$/
	    "$1 #" . ($rank{$2}{$3} \/\/= ++$count{$2}) . "\r"/gme;
	$reply =~ s/^(VALUE c\d \d+) \d+( #\d+)?\r\n(\d+) *\r$/
	    "$1 ." . ($2 \/\/ '') . "\r\n$3\r"/gme;
	return $reply;
}

# Compare two replies to a request; show where they part.
sub
same
{
	my ($name, $request, $want, $got) = @_;

	($want, $got) = (normal($want), normal($got));
	return pass($name) if $want eq $got;
	fail($name);
	my ($at) = ($want ^ $got) =~ /^(\0*)/;
	$at = length $at;
	my $line = (substr($want, 0, $at) =~ tr/\n//) + 1;
	diag("the replies part at byte $at, line $line");
	diag('before:    ' . show(substr $want, $at < 200 ? 0 : $at - 200,
	    $at < 200 ? $at : 200));
	diag('memcached: ' . show(substr $want, $at, 200));
	diag('cairnd:    ' . show(substr $got, $at, 200));
	diag('the request:');
	my @lines = split /(?<=\n)/, $request;
	diag('  ' . show($_)) for @lines > 120 ? @lines[0 .. 119] : @lines;
	return 0;
}

sub
show
{
	return Cairn::Connection::show($_[0]);
}

# The counters that clients graph move as they do in memcached.
sub
counters_agree
{
	my ($pair, $name) = @_;
	my @counters = map { ("${_}_hits", "${_}_misses") }
	    qw(get delete incr decr cas touch);
	my %stats;

	for my $which (qw(reference cairn)) {
		my $client = $pair->{$which}->connect;
		$client->ask('stats reset');
		srand $SEED;
		my ($uniques) = look($client);
		my $request = join '', cas(0 .. 6), map { command() } 1 .. 400;
		$request =~ s/^stats .*?\r\n//gm;
		$request =~ s/\{(\w+)\}/$uniques->{$1} || 9876543210/ge;
		to_the_fence($client, $request);
		my $all = $pair->{$which}->stats;
		$stats{$which} = { map { ($_ => $all->{$_}) } @counters,
		    qw(cmd_get cmd_set cmd_touch cmd_flush cas_badval) };
	}
	is_deeply($stats{cairn}, $stats{reference},
	    "${name}counters agree after 400 commands")
	    or diag(map { "$_: $stats{reference}{$_}, cairnd " .
		($stats{cairn}{$_} // 'none') . "\n" }
		sort keys %{$stats{reference}});
}
