#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# memlimit.t - cache_memlimit grows and shrinks the memory of a running
# server: a lower limit costs no more items than it has to, and gives memory
# back to the system; a higher one can be used at once.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;

my $MB = 1 << 20;
my $LIMIT = 64;
my $LENGTH = 1000;
my $SMALL = 100;
my @shards = Cairn::is_reference() ? (0) : (1, 4);

for my $shards (@shards) {
	my @flags = ('-m', $LIMIT, $shards ? ('-o', "shards=$shards") : ());
	my $name = $shards ? "$shards shards: " : '';

	it_shrinks_and_grows($name, @flags);
	holes_are_filled_before_items_go($name, @flags)
	    if !Cairn::is_reference();
	requests_go_on_meanwhile($name, @flags);
}
extreme_limits_are_possible();
done_testing;

# Store until so many megabytes are in use; returns how many items these are.
sub
fill
{
	my ($server, $prefix, $length, $megabytes) = @_;
	my $client = $server->connect;
	my $value = 'x' x $length;
	my $n = 0;

	while ($server->stats->{bytes} < $megabytes * $MB) {
		$client->send(join('', map {
		    "set $prefix" . $n++ . " 0 0 $length noreply\r\n" .
		    "$value\r\n" } 1 .. 1000) . "mn\r\n");
		$client->until("MN\r\n");
	}
	return $n;
}

sub
count_left
{
	my ($server, $prefix, $count) = @_;
	my $client = $server->connect;
	my $left = 0;

	for (my $n = 0; $n < $count; $n += 1000) {
		$client->send(join('', map { "mg $prefix$_\r\n" }
		    $n .. $n + 999) . "mn\r\n");
		$left += () = $client->until("MN\r\n") =~ /^HD/mg;
	}
	return $left;
}

# What the limit is about, in bytes.
sub
used
{
	my ($server) = @_;

	return $server->stats->{hash_bytes} +
	    $server->stats('slabs')->{total_malloced};
}

sub
wait_until
{
	my ($condition) = @_;
	my $give_up = time + $Cairn::TIMEOUT;

	sleep 0.02 while !$condition->() && time < $give_up;
	return $condition->();
}

# Wait until no more items go: there may be a page in work.
sub
settle
{
	my ($server) = @_;
	my ($before, $now) = (-1, 0);

	while ($before != $now) {
		sleep 0.3 * $Cairn::SLOWNESS;
		($before, $now) = ($now, $server->stats->{evictions});
	}
}

sub
it_shrinks_and_grows
{
	my ($name, @flags) = @_;
	my $server = Cairn->start(flags => [@flags]);
	my $client = $server->connect;
	my $count = fill($server, 'a', $LENGTH, $LIMIT * .8);
	my $lower = int $LIMIT * .6;
	my $rss = $server->rss;

	is($server->stats->{evictions}, 0, "${name}80 % fit");
	is($client->ask("cache_memlimit $lower"), 'OK', "${name}60 %");
	is($server->stats->{limit_maxbytes}, $lower * $MB,
	    "${name}limit_maxbytes");
	ok(wait_until(sub { used($server) <= $lower * $MB }),
	    "${name}memory is given up") or diag(used($server));
	settle($server);
	my $all = $server->stats;
	my $left = count_left($server, 'a', $count);
	is($left, $all->{curr_items}, "${name}the items that are left");
	is($all->{evictions}, $count - $left, "${name}the others are counted");
	# The process takes memory of its own from the limit, up to a fifth of it.
	cmp_ok($all->{bytes}, '>', $lower * $MB * .8 *
	    ($server->is_instrumented ? .9 : .96),
	    "${name}no more have gone than had to");
	SKIP: {
		skip 'a sanitizer keeps memory', 1 if $server->is_instrumented;
		ok(wait_until(sub { $rss - $server->rss >
		    ($LIMIT * .8 - $lower) * $MB / 2 }),
		    "${name}memory goes back to the system")
		    or diag("$rss, then " . $server->rss);
	}
	is($client->ask("cache_memlimit $LIMIT"), 'OK', "${name}100 %");
	fill($server, 'b', $LENGTH, $LIMIT * .8);
	is($server->stats->{evictions}, $all->{evictions},
	    "${name}80 % fit again");
	is(count_left($server, 'a', $count), $left,
	    "${name}and nothing is lost");
	is($client->ask('cache_memlimit ' . 2 * $LIMIT), 'OK', "${name}200 %");
	fill($server, 'c', $LENGTH, $LIMIT * 1.6);
	is($server->stats->{evictions}, $all->{evictions},
	    "${name}twice as much fits");
	is($server->stop, 0, "${name}the server ends cleanly");
}

# Every other item goes, so that all pages have holes.
sub
holes_are_filled_before_items_go
{
	my ($name, @flags) = @_;
	my $server = Cairn->start(flags => [@flags]);
	my $client = $server->connect;
	my $large = fill($server, 'large', $LENGTH, $LIMIT * .4);
	my $small = fill($server, 'small', $SMALL, $LIMIT * .7);
	my $lower = int $LIMIT * .6;

	for ([large => $large], [small => $small]) {
		my ($prefix, $count) = @$_;
		for (my $n = 0; $n < $count; $n += 1000) {
			$client->send(join('', map {
			    "delete $prefix" . ($n + 2 * $_) . " noreply\r\n"
			    } 0 .. 499) . "mn\r\n");
			$client->until("MN\r\n");
		}
	}
	is($client->ask("cache_memlimit $lower"), 'OK', "${name}60 %");
	ok(wait_until(sub { used($server) <= $lower * $MB }),
	    "${name}memory is given up") or diag(used($server));
	settle($server);
	is(count_left($server, 'large', $large) +
	    count_left($server, 'small', $small), ($large + $small) / 2,
	    "${name}half of the items were deleted, the others have room");
	is($server->stats->{evictions}, 0, "${name}none had to go");
	is($server->stop, 0, "${name}the server ends cleanly");
}

# One client reads all the while; its values are whole or not there.
sub
requests_go_on_meanwhile
{
	my ($name, @flags) = @_;
	my $server = Cairn->start(flags => [@flags]);
	my ($admin, $client) = map { $server->connect } 1 .. 2;
	my $count = fill($server, 'a', $LENGTH, $LIMIT * .7);
	my $value = 'x' x $LENGTH;
	my $wrong = 0;

	for my $round (0 .. 19) {
		$admin->ask('cache_memlimit ' . (8, $LIMIT)[$round % 2]);
		for (1 .. 50) {
			my $n = int rand $count;
			my $got = $client->get("a$n");

			$wrong++ if defined $got && $got ne $value;
			$client->set("a$n", $value);
		}
	}
	is($wrong, 0, "${name}values are whole while the limit moves");
	is($server->stop, 0, "${name}the server ends cleanly");
}

sub
extreme_limits_are_possible
{
	my $server = Cairn->start(flags => ['-m', 1024]);
	my $client = $server->connect;

	is($client->ask('cache_memlimit 8'), 'OK', 'from a gigabyte to 8 MB');
	is($client->set('key', 'value'), 'STORED', 'there is room');
	fill($server, 'a', $LENGTH, 3);
	ok(wait_until(sub { used($server) <= 8 * $MB }), '8 MB are enough')
	    or diag(used($server));
	is($client->ask('cache_memlimit 7'),
	    'MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m',
	    'less is too small');
	like($client->ask('cache_memlimit 900000000'),
	    qr/^MEMLIMIT_ADJUST_FAILED/, 'more than there is');
	is($server->stats->{limit_maxbytes}, 8 * $MB,
	    'a limit that was refused changes nothing');
	is($client->set('key', 'value'), 'STORED', 'the server goes on');
	is($server->stop, 0, 'the server ends cleanly');
}
