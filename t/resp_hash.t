#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# resp_hash.t - hashes of any size: what a scan meets while fields come and go,
# fields by chance, what memcached clients see of them, many of them in little
# memory, and hashes that outlive the server.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;
use Cairn::Resp;

my $server = Cairn->start(debug => 1,
    flags => ['-m', 256, '-o', 'shards=4']);
my $client = $server->connect;

a_large_hash_is_what_a_map_is($client);
a_scan_meets_once_what_is_there_all_the_time($client, 'as it is', sub { });
a_scan_meets_once_what_is_there_all_the_time($client, 'growing', \&grow);
a_scan_meets_once_what_is_there_all_the_time($client, 'shrinking', \&shrink);
fields_by_chance_are_all_as_probable($client, 20);
fields_by_chance_are_all_as_probable($client, 2000);
memcached_clients_miss_a_hash($server, $client);
large_hashes_come_and_go($client);
$client->close;
is($server->connect->ask('stats verify'), 'OK', 'the stores are in order');
is($server->stop, 0, 'the server ends cleanly');
many_fields_expire();
keys_may_be_long();
a_hash_may_be_full();
much_is_stored_in_little_memory();
hashes_outlive_the_server();
done_testing;

sub
call
{
	return Cairn::Resp::call(@_);
}

# Something comes true by itself.
sub
wait_for
{
	my ($is_true, $name) = @_;
	my $give_up = time + 60 * $Cairn::SLOWNESS;

	sleep 0.02 while !$is_true->() && time < $give_up;
	ok($is_true->(), $name);
}

# A hash of so many fields f1, f2, ... in a few requests.
sub
make
{
	my ($client, $key, $count) = @_;
	my @fields = map { ("f$_", "value $_") } 1 .. $count;

	call($client, 'DEL', $key);
	call($client, 'HSET', $key, splice @fields, 0, 1000) while @fields;
}

sub
a_large_hash_is_what_a_map_is
{
	my ($client) = @_;
	my $count = 50_000;

	make($client, 'large', $count);
	is(call($client, 'HLEN', 'large'), $count, "$count fields are there");
	my %all = call($client, 'HGETALL', 'large')->@*;
	is(scalar grep({ ($all{"f$_"} // '') eq "value $_" } 1 .. $count),
	    $count, 'with their values');
	is(call($client, 'HGET', 'large', "f$count"), "value $count",
	    'one is found');
	is(call($client, 'HDEL', 'large', map { "f$_" } 1 .. $count - 1),
	    $count - 1, 'all but one are deleted');
	is_deeply(call($client, 'HGETALL', 'large'),
	    ["f$count", "value $count"], 'and one is left');
	cmp_ok(call($client, 'MEMORY', 'USAGE', 'large'), '<', 200,
	    'in little memory');
	is(call($client, 'HDEL', 'large', "f$count"), 1,
	    'the last one is deleted');
	is(call($client, 'EXISTS', 'large'), 0, 'and the hash with it');
}

# How often each field was met; `between` is called after each step.
sub
scan
{
	my ($client, $key, $between) = @_;
	my ($cursor, $steps, %met) = (0, 0);

	do {
		my $reply = call($client, 'HSCAN', $key, $cursor);
		my %found = $reply->[1]->@*;

		$cursor = $reply->[0];
		$met{$_}++ for keys %found;
		$between->($client, $key, $steps++);
	} while ($cursor ne '0');
	return ($steps, %met);
}

sub
a_scan_meets_once_what_is_there_all_the_time
{
	my ($client, $name, $between) = @_;
	my $count = 3000;

	make($client, 'scanned', $count);
	my ($steps, %met) = scan($client, 'scanned', $between);
	my @stay = map { "f$_" } 1 .. 200;

	cmp_ok($steps, '>', 10, "$name: a scan takes some steps");
	is(scalar grep({ ($met{$_} // 0) == 1 } @stay), @stay,
	    "$name: and meets each field once");
}

sub
grow
{
	my ($client, $key, $step) = @_;

	call($client, 'HSET', $key, map { ("new$step-$_", 'x' x 20) }
	    1 .. 200) if $step < 60;
}

sub
shrink
{
	my ($client, $key, $step) = @_;
	my $from = 201 + $step * 100;

	call($client, 'HDEL', $key, map { "f$_" } $from .. $from + 99)
	    if $from < 3000;
}

sub
fields_by_chance_are_all_as_probable
{
	my ($client, $count) = @_;
	my $tries = 40;

	make($client, 'chosen', $count);
	for my $wanted (1, 5, $count / 2, $count, $count + 10) {
		my %seen;
		my $chosen = call($client, 'HRANDFIELD', 'chosen', $wanted);

		$seen{$_}++ for @$chosen;
		my $want = $wanted < $count ? $wanted : $count;
		is(scalar keys %seen, $want,
		    "$count fields: $wanted by chance are different ones");
	}
	my $repeated = call($client, 'HRANDFIELD', 'chosen',
	    -$count * $tries);
	my %times;

	$times{$_}++ for @$repeated;
	is(scalar @$repeated, $count * $tries, 'as many as were asked for');
	is(scalar keys %times, $count, 'each of them is met');
	my ($least, $most) = (sort { $a <=> $b } values %times)[0, -1];
	cmp_ok($least, '>', $tries / 8, 'none much less often');
	cmp_ok($most, '<', $tries * 4, 'none much more often');
	my %values = call($client, 'HRANDFIELD', 'chosen', 3,
	    'WITHVALUES')->@*;
	is_deeply([sort values %values], [sort map { s/^f/value /r }
	    keys %values], 'they come with their values');
}

sub
memcached_clients_miss_a_hash
{
	my ($server, $resp) = @_;
	my $text = $server->connect;
	my @small = (f => 'v', n => 5);
	my @large = map { ("f$_", 'x' x 100) } 1 .. 100;

	for my $fields (\@small, \@large) {
		my $size = @$fields < 10 ? 'small' : 'large';

		call($resp, 'DEL', 'h');
		call($resp, 'HSET', 'h', @$fields);
		is($text->ask('get h'), 'END', "$size: get is a miss");
		is($text->ask('gets h'), 'END', "$size: so is gets");
		is($text->ask('gat 100 h'), 'END', "$size: and gat");
		is(call($resp, 'TTL', 'h'), -1, "$size: which leaves it");
		is($text->ask('mg h v'), 'EN', "$size: and mg");
		is($text->ask('mg h N30 v'), 'EN',
		    "$size: even with autovivification");
		is($text->ask('incr h 1'), 'NOT_FOUND', "$size: and incr");
		is($text->ask('ma h N0 J5'), 'NF', "$size: and ma");
		is($text->ask("append h 0 0 1\r\nx"), 'NOT_STORED',
		    "$size: nothing is appended to it");
		is($text->ask("cas h 0 0 1 1\r\nx"), 'NOT_FOUND',
		    "$size: nor compared with it");
		is($text->ask("add h 0 0 1\r\nx"), 'NOT_STORED',
		    "$size: but its key is taken");
		is($text->ask('touch h 100'), 'TOUCHED',
		    "$size: it is touched");
		cmp_ok(call($resp, 'TTL', 'h'), '>', 90,
		    "$size: and expires then");
		is(call($resp, 'HLEN', 'h'), @$fields / 2,
		    "$size: it has all its fields");
		is($text->ask('delete h'), 'DELETED', "$size: it is deleted");
		call($resp, 'HSET', 'h', @$fields);
		is($text->set('h', 'string'), 'STORED',
		    "$size: a string takes its place");
		is(call($resp, 'TYPE', 'h'), '+string', "$size: for all");
	}
	$text->close;
}

# Copies and long values take memory that is given back.
sub
large_hashes_come_and_go
{
	my ($client) = @_;

	make($client, 'source', 5000);
	call($client, 'HSET', 'source', "long$_", "$_" x 20_000)
	    for 1 .. 20;
	for my $n (1 .. 40) {
		is(call($client, 'COPY', 'source', "copy$n"), 1,
		    "copy $n is made") if $n % 10 == 0;
		call($client, 'COPY', 'source', "copy$n") if $n % 10 != 0;
		call($client, 'DEL', 'copy' . ($n - 3)) if $n > 3;
	}
	is(call($client, 'RENAME', 'copy40', 'renamed'), '+OK', 'renamed');
	is(call($client, 'HLEN', 'renamed'), 5020, 'all fields are there');
	is(call($client, 'HGET', 'renamed', 'long7'), '7' x 20_000,
	    'long values, too');
	is(call($client, 'OBJECT', 'ENCODING', 'renamed'), 'hashtable',
	    'as a large hash');
	call($client, 'DEL', 'source', 'renamed', map { "copy$_" } 1 .. 40);
}

# A hash with a key that fills more than half a page is refused, no other.
sub
keys_may_be_long
{
	my $server = Cairn->start(debug => 1, flags => ['-m', 64]);
	my $client = $server->connect;
	my $long = 'k' x 60_000;
	my $key = 'k' x 5_000;

	like(call($client, 'HSET', $long, 'f', 'v'), qr/^-ERR string exceeds/,
	    'a key that is very long is refused');
	is(call($client, 'EXISTS', $long), 0, 'and not there then');
	is(call($client, 'HSET', $key, map { ("f$_", 'v' x $_) } 1 .. 100),
	    100, 'one that is long has fields');
	is(call($client, 'HGET', $key, 'f77'), 'v' x 77, 'that are found');
	like(call($client, 'COPY', $key, $long), qr/^-/,
	    'nor does a copy get such a key');
	is(call($client, 'HSET', $key, 'k' x 65_535, 'v'),
	    '-ERR string exceeds maximum allowed size ' .
	    '(proto-max-bulk-len)', 'a field that does not fit is refused');
	is(call($client, 'HLEN', $key), 100, 'and the others stay');
	is($server->connect->ask('stats verify'), 'OK',
	    'the store is in order');
	is($server->stop, 0, 'the server ends cleanly');
}

# A hash that has no room for another field is as good as before.
sub
a_hash_may_be_full
{
	my $server = Cairn->start(debug => 1, flags => ['-m', 16, '-o',
	    'shards=1']);
	my $client = $server->connect;
	my ($count, $reply) = (0);

	while ($count < 1_000_000) {
		my @fields = map { ("f$_", 'v' x 90) }
		    $count + 1 .. $count + 50;

		$reply = call($client, 'HSET', 'h', @fields);
		last if $reply !~ /^\d/;
		$count += 50;
	}
	like($reply, qr/^-OOM /, 'a hash may be full');
	cmp_ok($count, '>', 10_000, 'when it has many fields');
	my $there = call($client, 'HLEN', 'h');
	cmp_ok($there, '>=', $count, 'which it still has');
	is(call($client, 'HGET', 'h', "f$count"), 'v' x 90,
	    'with their values');
	is(call($client, 'HDEL', 'h', map { "f$_" } 1 .. 50), 50,
	    'some are deleted');
	is(call($client, 'HSET', 'h', 'f1', 'new'), 1, 'and there is room');
	is(call($client, 'DEL', 'h'), 1, 'it is deleted');
	is($server->connect->ask('stats verify'), 'OK',
	    'the store is in order');
	is($server->stop, 0, 'the server ends cleanly');
}

# They are gone, and what they took is free, without being asked for.
sub
many_fields_expire
{
	my $server = Cairn->start(debug => 1);
	my $client = $server->connect;
	my @due = map { "f$_" } 1 .. 9000;

	make($client, 'h', 10_000);
	call($client, 'HEXPIRE', 'h', 100 + @due % 7, 'FIELDS', 1000,
	    splice @due, 0, 1000) while @due;
	is(call($client, 'HLEN', 'h'), 10_000, 'fields that are to expire');
	my $bytes = $server->stats->{bytes};

	$server->later(120);
	wait_for(sub { $server->stats->{bytes} < $bytes / 5 },
	    'memory of due fields is free');
	is(call($client, 'HLEN', 'h'), 1000, 'those that never expire stay');
	is_deeply([sort(call($client, 'HKEYS', 'h')->@*)],
	    [sort map { "f$_" } 9001 .. 10_000], 'and are the right ones');
	call($client, 'HPEXPIRE', 'h', 50_000, 'FIELDS', 1000,
	    map { "f$_" } 9001 .. 10_000);
	$server->later(60);
	wait_for(sub { $server->stats->{curr_items} == 0 },
	    'a hash is gone with its last field');
	is($server->connect->ask('stats verify'), 'OK',
	    'the store is in order');
	is($server->stop, 0, 'the server ends cleanly');
}

# Whatever is stored there, hashes are whole or gone.
sub
much_is_stored_in_little_memory
{
	my $server = Cairn->start(debug => 1, flags => ['-m', 16]);
	my $client = $server->connect;
	my ($there, $wrong, $refused) = (0, 0, 0);

	for my $n (1 .. 400) {
		my @fields = map { ("f$_", "$n " . 'x' x ($n % 150)) }
		    1 .. 1 + $n * 7 % 900;

		$refused++ if call($client, 'HSET', "h$n", @fields) !~ /^\d/;
	}
	for my $n (1 .. 400) {
		my $count = call($client, 'HLEN', "h$n") or next;
		my $values = call($client, 'HVALS', "h$n");

		$there++;
		$wrong++ if $count != 1 + $n * 7 % 900 ||
		    grep { $_ ne "$n " . 'x' x ($n % 150) } @$values;
	}
	is($refused, 0, 'nothing is refused');
	cmp_ok($there, '>', 50, 'some hashes are left');
	is($wrong, 0, 'and whole');
	is($server->connect->ask('stats verify'), 'OK',
	    'the store is in order');
	is($server->stop, 0, 'the server ends cleanly');
}

sub
hashes_outlive_the_server
{
	my $dir = Cairn::scratch();
	my @flags = ('-e', "$dir/memory", '-m', 64);
	my $server = Cairn->start(unix => 1, flags => \@flags);
	my $client = $server->connect;
	my %small = (a => 1, b => '', c => 'x' x 100);

	call($client, 'HSET', 'small', %small);
	make($client, 'large', 5000);
	call($client, 'HSET', 'large', 'long', 'l' x 300_000);
	call($client, 'EXPIRE', 'large', 1000);
	call($client, 'HEXPIRE', $_, 500, 'FIELDS', 2, 'a', 'f7')
	    for 'small', 'large';
	is($server->stop, 0, 'a server with hashes ends');

	$server = Cairn->start(unix => 1, debug => 1, flags => \@flags);
	$client = $server->connect;
	is_deeply({ call($client, 'HGETALL', 'small')->@* }, \%small,
	    'a small hash comes back');
	is(call($client, 'HLEN', 'large'), 5001, 'so does a large one');
	is(call($client, 'HGET', 'large', 'f4321'), 'value 4321',
	    'with its values');
	is(call($client, 'HGET', 'large', 'long'), 'l' x 300_000,
	    'even long ones');
	cmp_ok(call($client, 'TTL', 'large'), '>', 900, 'and its expiry');
	is(call($client, 'HSET', 'large', 'f1', 'x', 'new', 'y'), 1,
	    'it can be written to');
	cmp_ok(call($client, 'HTTL', 'large', 'FIELDS', 1, 'f7')->[0], '>',
	    400, 'fields keep their expiry');
	$server->later(600);
	is(call($client, 'HGET', 'large', 'f7'), undef, 'and expire then');
	is(call($client, 'HEXISTS', 'small', 'a'), 0, 'in a small one, too');
	is($server->connect->ask('stats verify'), 'OK',
	    'the store is in order');
	is($server->stop, 0, 'and the server ends cleanly');
}
