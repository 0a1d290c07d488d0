#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# limits.t - how much memory the server takes, what it does when that is
# full, and how large a value may be.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);

use Cairn;

my $MEGABYTE = 1 << 20;
my $SEED = $ENV{CAIRN_SEED} // 1;

for my $shards (Cairn::is_reference() ? (0) : (1, 4)) {
	my @flags = $shards ? ('-o', "shards=$shards") : ();
	my $name = $shards ? "$shards shards: " : '';

	memory_stays_within_the_limit($name, @flags);
	without_evictions_a_full_cache_says_so($name, @flags);
}
a_lower_limit_is_kept();
a_small_item_limit_is_kept() if !Cairn::is_reference();
a_two_megabyte_limit_is_kept();
a_value_of_60_megabytes_is_intact();
done_testing;

# The value of a key: its own words, so a mixed-up value is seen.
sub
value_of
{
	my ($key, $length) = @_;

	return substr "$key." x ($length / (length($key) + 1) + 1), 0, $length;
}

# Store so many bytes in items of lengths that $length->() gives, without
# replies, and a fence now and then. Returns the last keys with their lengths.
sub
fill
{
	my ($client, $prefix, $bytes, $length) = @_;
	my ($sent, $n, @last) = (0, 0);

	while ($sent < $bytes) {
		my $request = '';
		while (length $request < $MEGABYTE) {
			my $size = $length->();
			my $key = $prefix . $n++;
			$request .= "set $key 0 0 $size noreply\r\n" .
			    value_of($key, $size) . "\r\n";
			push @last, [$key, $size];
		}
		splice @last, 0, -20;
		$client->send($request . "get fence\r\n");
		my $line = $client->line;
		return [["no END but $line", 0]] if $line ne 'END';
		$sent += length $request;
	}
	return \@last;
}

# The resident memory is below so many megabytes, or a tenth more.
sub
memory_is_below
{
	my ($server, $megabytes, $name) = @_;

	SKIP: {
		skip 'a sanitizer takes its own memory', 1
		    if $server->is_instrumented;
		skip 'memcached keeps a page of each size over its limit', 1
		    if Cairn::is_reference();
		cmp_ok($server->rss, '<', $megabytes * $MEGABYTE * 1.1, $name);
	}
}

sub
memory_stays_within_the_limit
{
	my ($name, @flags) = @_;
	my $server = Cairn->start(flags => ['-m', 64, @flags]);
	my $client = $server->connect;
	my $small = sub { 10 + int rand 200 };
	my $large = sub { 100_000 + int rand 800_000 };
	my $mixed = sub { int 10 + exp rand log 900_000 };

	srand $SEED;
	for my $phase (['small', 60, $small], ['large', 120, $large],
	    ['mixed', 120, $mixed], ['small again', 40, $small]) {
		my ($words, $megabytes, $length) = @$phase;
		$megabytes /= 2 if $Cairn::SLOWNESS > 1;
		my $last = fill($client, "$words." =~ s/ /-/gr,
		    $megabytes * $MEGABYTE, $length);
		my @values = map { [$client->get($_->[0]), $_] } @$last;
		my @there = grep { defined $_->[0] } @values;
		is(scalar(grep { $_->[0] ne value_of(@{$_->[1]}) } @there), 0,
		    "${name}the last $words values are intact");
		ok(defined $values[-1][0],
		    "${name}the very last of the $words values is there");
		diag(@values - @there . " of the last @{[scalar @values]} " .
		    "$words values are not there") if @there < @values;
		memory_is_below($server, 64 + 16,
		    "${name}memory after ${megabytes} MB of $words values");
	}
	my $stats = $server->stats;
	cmp_ok($stats->{evictions}, '>', 0, "${name}values were evicted");
	cmp_ok($stats->{bytes}, '<=', 64 * $MEGABYTE,
	    "${name}bytes of stats are within the limit")
	    if !Cairn::is_reference();
	cmp_ok($stats->{bytes}, '>', 16 * $MEGABYTE,
	    "${name}and the memory is used");
	is($stats->{limit_maxbytes}, 64 * $MEGABYTE, "${name}limit_maxbytes");
	is($server->stop, 0, "${name}the server ends cleanly");
}

sub
without_evictions_a_full_cache_says_so
{
	my ($name, @flags) = @_;
	my $server = Cairn->start(flags => ['-M', '-m', 32, @flags]);
	my $client = $server->connect;
	my (@stored, $reply);

	for my $n (1 .. 700) {
		my $key = "full.$n";
		$reply = $client->set($key, value_of($key, 100_000));
		last if $reply ne 'STORED';
		push @stored, $key;
	}
	is($reply, 'SERVER_ERROR out of memory storing object',
	    "${name}-M: a full cache says so");
	cmp_ok(scalar @stored, '>', 100, "${name}-M: it was full enough");
	my $lost = grep {
		($client->get($_) // '') ne value_of($_, 100_000)
	} @stored;
	is($lost, 0, "${name}-M: no stored value is lost");
	is($client->ask('version') =~ /^VERSION /, 1,
	    "${name}-M: the data of the refused value was taken in");
	my $again = $client->set($stored[0], 'y' x 100_000);
	my $value = $client->get($stored[0]);
	ok($again eq 'STORED' ? $value eq 'y' x 100_000 : !defined $value,
	    "${name}-M: a set that fails loses the old value")
	    or diag($again);
	$client->send("set refused 0 0 100000 noreply\r\n" . 'x' x 100_000 .
	    "\r\nget refused\r\n");
	my $line = $client->line;
	ok($line eq 'END' || $line =~ /^VALUE refused 0 100000$/,
	    "${name}-M: noreply hides that memory is full") or diag($line);
	$client->exactly(100_007) if $line ne 'END';
	is(scalar(grep { $client->ask("delete $_") eq 'DELETED' }
	    @stored[1 .. 80]), 80, "${name}-M: values are deleted");
	is($client->set('after', 'x' x 100_000), 'STORED',
	    "${name}-M: there is room after deletes");
	is($server->stats->{evictions}, 0, "${name}-M: nothing was evicted");
}

sub
a_lower_limit_is_kept
{
	my $server = Cairn->start(flags => ['-m', 16]);
	my $client = $server->connect;

	is($server->stats->{limit_maxbytes}, 16 * $MEGABYTE, '-m 16');
	fill($client, 'x', 50 * $MEGABYTE, sub { 1000 });
	memory_is_below($server, 16 + 16, '-m 16: memory after 50 MB');
}

sub
a_small_item_limit_is_kept
{
	my $server = Cairn->start(flags => ['-I', '1k']);
	my $client = $server->connect;

	is($client->set('k', 'x' x 900), 'STORED', '-I 1k: 900 bytes fit');
	is($client->get('k'), 'x' x 900, '-I 1k: and come back');
	is($client->set('l', 'x' x 1025),
	    'SERVER_ERROR object too large for cache', '-I 1k: 1025 do not');
	is($server->stats('settings')->{item_size_max}, 1024,
	    '-I 1k in stats settings');
}

sub
a_two_megabyte_limit_is_kept
{
	my $server = Cairn->start(flags => ['-I', '2m']);
	my $client = $server->connect;
	my $value = value_of('two', 2_000_000);

	is($client->set('k', $value), 'STORED', '-I 2m: 2,000,000 bytes fit');
	ok($client->get('k') eq $value, '-I 2m: and come back');
	is($client->set('l', 'x' x (2 * $MEGABYTE + 1)),
	    'SERVER_ERROR object too large for cache', '-I 2m: more do not');
	is($server->stats('settings')->{item_size_max}, 2 * $MEGABYTE,
	    '-I 2m in stats settings');
}

sub
a_value_of_60_megabytes_is_intact
{
	my $server = Cairn->start(flags => ['-I', '64m', '-m', 256]);
	my $client = $server->connect(timeout => 30);
	my $length = 60 * $MEGABYTE - 7;
	my $value = value_of('sixty', $length);

	is($client->set('big', $value), 'STORED', '-I 64m: 60 MB are stored');
	ok($client->get('big') eq $value, '-I 64m: and come back');

	srand $SEED;
	$client->send("set parts 3 0 $length\r\n");
	for (my $at = 0; $at < $length;) {
		my $size = 1 + int rand $MEGABYTE;
		$client->send(substr $value, $at, $size);
		$at += $size;
	}
	is($client->ask(''), 'STORED', '-I 64m: 60 MB are stored in parts');
	ok($client->get_with_flags('parts', 3) eq $value,
	    '-I 64m: and come back');

	my $other = $server->connect;
	$client->send("set a 0 0 $length\r\n$value\r\n" .
	    "set b 0 0 $length\r\n$value\r\nget a\r\nget b\r\n");
	is($client->line, 'STORED', '-I 64m: the first of a pipeline');
	is($client->line, 'STORED', '-I 64m: the second of a pipeline');
	is($other->set('small', 'x'), 'STORED',
	    '-I 64m: others are served meanwhile');
	for my $key (qw(a b)) {
		my $want = "VALUE $key 0 $length\r\n$value\r\nEND\r\n";
		ok($client->exactly(length $want) eq $want,
		    "-I 64m: $key of a pipeline comes back");
	}
	is($client->set('huge', 'x' x (65 * $MEGABYTE)),
	    'SERVER_ERROR object too large for cache', '-I 64m: 65 MB do not');
	is($server->stop, 0, '-I 64m: the server ends cleanly');
}
