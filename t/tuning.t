#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# tuning.t - what slabs reassign, slabs automove and lru_crawler crawl do,
# beside their answers (t/sessions/tuning.session).
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;

plan skip_all => 'memcached has other slab classes' if Cairn::is_reference();

for my $shards (1, 4) {
	my $name = "$shards shards: ";
	my @flags = ('-m', 64, '-o', "shards=$shards");

	a_page_is_reassigned($name, @flags);
	a_full_server_reassigns_pages($name, @flags);
	a_crawl_looks_at_all_items($name, @flags);
}
pages_stay_without_automove();
done_testing;

# Store so many values of a length; the keys are equally long.
sub
fill
{
	my ($client, $prefix, $length, $count) = @_;
	my $value = 'x' x $length;

	for (my $n = 0; $n < $count; $n += 500) {
		$client->send(join('', map { sprintf "set %s%07d 0 0 %d " .
		    "noreply\r\n%s\r\n", $prefix, $_, $length, $value }
		    $n .. $n + 499) . "mn\r\n");
		$client->until("MN\r\n");
	}
}

sub
count_left
{
	my ($client, $prefix, $count) = @_;
	my $left = 0;

	for (my $n = 0; $n < $count; $n += 500) {
		$client->send(join('', map { sprintf "mg %s%07d\r\n",
		    $prefix, $_ } $n .. $n + 499) . "mn\r\n");
		$left += () = $client->until("MN\r\n") =~ /^HD/mg;
	}
	return $left;
}

# The class of items that have a chunk, by its number.
sub
class_of
{
	my ($server, $size) = @_;
	my $slabs = $server->stats('slabs');
	my ($class) = sort { $a <=> $b } map {
	    /^(\d+):chunk_size/ && $slabs->{$_} >= $size ? $1 : () }
	    keys %$slabs;

	return $class;
}

sub
pages_of
{
	my ($server, $class) = @_;

	return $server->stats('slabs')->{"$class:total_pages"} // 0;
}

sub
wait_while
{
	my ($server, $name) = @_;
	my $give_up = time + $Cairn::TIMEOUT;

	sleep 0.01 while $server->stats->{$name} && time < $give_up;
	is($server->stats->{$name}, 0, "$name comes to an end");
}

sub
a_page_is_reassigned
{
	my ($name, @flags) = @_;
	my $server = Cairn->start(flags => [@flags]);
	my $client = $server->connect;

	fill($client, 's', 100, 20_000);
	fill($client, 'l', 1000, 5_000);
	my ($small, $large) = map { class_of($server, $_) } 116, 1016;
	my @before = map { pages_of($server, $_) } $small, $large;
	$client->send("slabs reassign $small $large\r\n" .
	    "slabs reassign $small $large\r\n");
	is(join(' ', $client->lines(2)), 'OK BUSY currently processing ' .
	    'reassign request', "${name}one page is in work at a time");
	wait_while($server, 'slab_reassign_running');
	is(pages_of($server, $small), $before[0] - 1,
	    "${name}a page less of the small class");
	is(pages_of($server, $large), $before[1] + 1,
	    "${name}and one more of the large one");
	is($server->stats->{slabs_moved}, 1, "${name}slabs_moved");
	is(count_left($client, 'l', 5_000), 5_000,
	    "${name}the large items are there");
	my $left = count_left($client, 's', 20_000);
	is($left + $server->stats->{evictions}, 20_000,
	    "${name}small items are there or were evicted");
	is($client->ask("slabs reassign $large 0"), 'OK',
	    "${name}a page goes to the free ones");
	wait_while($server, 'slab_reassign_running');
	is(pages_of($server, $large), $before[1], "${name}it has gone");
	is($client->ask("slabs reassign 0 $small"), 'OK',
	    "${name}a free page goes to a class");
	is(pages_of($server, $small), $before[0], "${name}it is there");
	is($client->ask("slabs reassign -1 $large"), 'OK',
	    "${name}a page is chosen");
	wait_while($server, 'slab_reassign_running');
	is(pages_of($server, $large), $before[1] + 1, "${name}it has come");
	is($server->stop, 0, "${name}the server ends cleanly");
}

# While requests go on, and without a page to spare.
sub
a_full_server_reassigns_pages
{
	my ($name, @flags) = @_;
	my $server = Cairn->start(flags => [@flags, '-m', 16]);
	my $client = $server->connect;
	my $moved = 0;

	fill($client, 's', 100, 200_000);
	fill($client, 'l', 1000, 5_000);
	my ($small, $large) = map { class_of($server, $_) } 116, 1016;
	my $before = pages_of($server, $large);
	$client->ask('slabs automove 0');
	my $give_up = time + $Cairn::TIMEOUT;
	while ($moved < 10 && time < $give_up) {
		$moved++ if $client->ask("slabs reassign $small $large") eq
		    'OK';
		fill($client, 's', 100, 1_000);
	}
	wait_while($server, 'slab_reassign_running');
	is($moved, 10, "${name}a full server moves pages");
	cmp_ok(pages_of($server, $large), '>=', $before + $moved - 2,
	    "${name}they are where they were to go");
	is($server->stop, 0, "${name}the server ends cleanly");
}

sub
a_crawl_looks_at_all_items
{
	my ($name, @flags) = @_;
	my $server = Cairn->start(flags => [@flags]);
	my $client = $server->connect;

	fill($client, 's', 100, 5_000);
	fill($client, 'l', 1000, 5_000);
	is($client->ask('lru_crawler crawl all'), 'OK', "${name}a crawl");
	wait_while($server, 'lru_crawler_running');
	my $all = $server->stats;
	is($all->{crawler_items_checked}, 10_000, "${name}all are looked at");
	is($all->{crawler_reclaimed}, 0, "${name}none is due");
	is($all->{lru_crawler_starts}, 1, "${name}it was one");
	my $small = class_of($server, 116);
	is($client->ask("lru_crawler crawl $small"), 'OK',
	    "${name}one of a class");
	wait_while($server, 'lru_crawler_running');
	is($server->stats('items')->{"items:$small:crawler_items_checked"},
	    10_000, "${name}looks at those of the class");
	is($server->stats->{crawler_items_checked}, 15_000,
	    "${name}and at no others");
	is($server->stop, 0, "${name}the server ends cleanly");
}

# Small items fill the server, then only large ones are asked for.
sub
pages_moved
{
	my ($mode) = @_;
	my $server = Cairn->start(flags => [qw(-m 16 -t 1 -o shards=1)]);
	my $client = $server->connect;

	$client->ask("slabs automove $mode");
	fill($client, 's', 100, 200_000);
	my $before = $server->stats->{slabs_moved};
	for (1 .. 20) {
		fill($client, 'l', 1000, 1_000);
		count_left($client, 'l', 1_000);
	}
	my $moved = $server->stats->{slabs_moved} - $before;
	is($server->stop, 0, 'the server ends cleanly');
	return $moved;
}

sub
pages_stay_without_automove
{
	my ($off, $on) = map { pages_moved($_) } 0, 1;

	cmp_ok($off, '<=', 3, 'slabs automove 0: hardly any page moves');
	cmp_ok($on, '>', $off, 'slabs automove 1: pages move');
}
