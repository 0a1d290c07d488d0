#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# cache_memcached_mixed.pl - talk to servers the way Cache::Memcached and
# Cache::Memcached::Fast do:
#
#	cache_memcached_mixed.pl pure|fast HOST:PORT HOST:PORT
#
# Both have the same methods; what only the fast one can do is asked of it
# alone.
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

my ($mode, @servers) = @ARGV;
my $fast = $mode eq 'fast';
my $class = $fast ? 'Cache::Memcached::Fast' : 'Cache::Memcached';

plan skip_all => "$class is not installed" if !eval "require $class; 1";

my $client = connect_to([$servers[0]]);
storage($client);
values_of_all_kinds($client);
counters($client);
expiry($client);
if ($fast) {
	uniques($client);
	many_at_once($client);
}
statistics($client);
$client->set('brief', 'x', 1);
two_servers();
without_replies($client) if $fast;
at_once();
comes('a second later it is gone', sub { !defined $client->get('brief') });
restart($client);
done_testing;

sub
connect_to
{
	my ($addresses, %option) = @_;

	return $class->new({ servers => $addresses,
	    $fast ? (utf8 => 1, connect_timeout => 10, io_timeout => 10,
	    max_failures => 0, max_size => 1 << 30)
	    : (connect_timeout => 10, select_timeout => 10),
	    compress_threshold => 10_000, %option });
}

sub
storage
{
	my ($client) = @_;

	ok($client->set('a', '1'), 'set');
	is($client->get('a'), '1', 'get');
	is($client->get('none'), undef, 'get of a missing key');
	ok(!$client->add('a', '2'), 'add to a key that is there');
	ok($client->add('b', '2'), 'add');
	ok($client->replace('b', '3'), 'replace');
	ok(!$client->replace('none', '3'), 'replace nothing');
	ok($client->append('b', '4'), 'append');
	ok($client->prepend('b', '2'), 'prepend');
	is($client->get('b'), '234', 'the result');
	ok(!$client->append('none', '4'), 'append to nothing');
	ok(!$client->prepend('none', '4'), 'prepend to nothing');
	ok($client->delete('b'), 'delete');
	ok(!$client->delete('b'), 'delete again');
	is($client->get('b'), undef, 'gone');
}

sub
values_of_all_kinds
{
	my ($client) = @_;
	my $noise = join '', map { pack 'N', int rand 2 ** 32 } 0 .. 1 << 18;
	my %thing = (bytes => "\0\xff\r\nEND\r\n", empty => '', number => -42,
	    hash => { list => [1, 'two', { three => undef }] });

	$thing{text} = "gr\x{fc}n \x{263a}" if $fast;
	for my $name (sort keys %thing) {
		ok($client->set('thing', $thing{$name}), "set: $name");
		is_deeply($client->get('thing'), $thing{$name}, "get: $name");
	}
	for my $length (0, 1, 100, 9999, 900_000) {
		my $value = substr $noise, 0, $length;
		ok($client->set('large', $value), "set $length bytes");
		ok($client->get('large') eq $value, "get $length bytes");
	}
	my $text = 'compress me ' x 10_000;
	ok($client->set('large', $text), 'set what can be compressed');
	is($client->get('large'), $text, 'get it');
	ok(!$client->set('large', $noise), 'too large a value');
	ok($client->set('large', 'x'), 'the connection is in order');
	ok($client->set('k' x 250, 'x'), 'a key of 250 bytes');
	is($client->get('k' x 250), 'x', 'comes back');
}

sub
counters
{
	my ($client) = @_;

	$client->set('n', 10);
	is($client->incr('n', 5), 15, 'incr');
	is($client->decr('n', 7), 8, 'decr');
	cmp_ok($client->decr('n', 100), '==', 0, 'decr to 0');
	ok(!$client->incr('nowhere', 1), 'incr nothing');
	$client->set('word', 'abc');
	ok(!$client->incr('word', 1), 'incr of a word');
	is($client->get('word'), 'abc', 'the connection is in order');
}

sub
expiry
{
	my ($client) = @_;

	ok($client->set('t', 'x', 1000), 'an expiry to come');
	is($client->get('t'), 'x', 'is there');
	ok($client->set('t', 'x', 2_600_000), 'set into 1970');
	is($client->get('t'), undef, 'is gone');
	ok($client->add('t', 'x', time + 3600), 'an hour from now');
	is($client->get('t'), 'x', 'is there');
	return if !$fast;
	ok($client->touch('t', 1000), 'touch');
	is($client->get('t'), 'x', 'is still there');
	ok(!$client->touch('none', 1000), 'touch nothing');
	is($client->gat(1000, 't'), 'x', 'gat');
	is($client->gat(2_600_000, 't'), 'x', 'gat into 1970');
	is($client->get('t'), undef, 'is gone');
}

sub
uniques
{
	my ($client) = @_;

	$client->set('c', 'one');
	my $got = $client->gets('c');
	is($got->[1], 'one', 'gets');
	ok($client->cas('c', $got->[0], 'two'), 'cas');
	my $again = $client->cas('c', $got->[0], 'three');
	ok(defined $again && !$again, 'cas again');
	is($client->get('c'), 'two', 'the value');
	is($client->gets('none'), undef, 'gets of nothing');
	is($client->gats(1000, 'c')->[1], 'two', 'gats');
}

# What has one key has many.
sub
many_at_once
{
	my ($client) = @_;
	my %value = map { ("m$_" => 'v' x $_) } 1 .. 300;

	is_deeply([grep { !$_ } $client->set_multi(map { [$_, $value{$_}] }
	    keys %value)], [], 'set_multi');
	is_deeply($client->get_multi(keys %value, 'none'), \%value,
	    'get_multi');
	is_deeply($client->gat_multi(1000, keys %value), \%value,
	    'gat_multi');
	my $gets = $client->gets_multi('m1', 'm2', 'none');
	is_deeply([map { $gets->{$_}[1] } 'm1', 'm2'], ['v', 'vv'],
	    'gets_multi');
	$client->set('m2', 'new');
	is_deeply([map { $_ ? 1 : 0 } $client->cas_multi(
	    map { [$_, $gets->{$_}[0], 'x'] } 'm1', 'm2')],
	    [1, 0], 'cas_multi');
	is_deeply([map { $_ ? 1 : 0 }
	    $client->add_multi(['m1', 'y'], ['new', 'y'])], [0, 1],
	    'add_multi');
	is_deeply([map { $_ ? 1 : 0 }
	    $client->append_multi(['new', 'z'], ['none', 'z'])], [1, 0],
	    'append_multi');
	$client->set_multi(['i1', 1], ['i2', 2]);
	is_deeply([$client->incr_multi(['i1', 10], ['i2', 20], 'i2')],
	    [11, 22, 23], 'incr_multi');
	is(scalar(grep { $_ } $client->touch_multi(map { [$_, 1000] }
	    keys %value)), 300, 'touch_multi');
	is(scalar(grep { $_ } $client->delete_multi(keys %value, 'none')), 300,
	    'delete_multi');
	is_deeply($client->get_multi(keys %value), {}, 'all gone');
}

sub
statistics
{
	my ($client) = @_;

	if ($fast) {
		like($client->server_versions->{$servers[0]}, qr/^1\.\d+\.\d+/,
		    'server_versions');
		is_deeply([map { $_ ? 1 : 0 } $client->flush_all], [1],
		    'flush_all');
	} else {
		my $stats = $client->stats(['misc', 'malloc'])->{hosts}
		    {$servers[0]}{misc};
		cmp_ok($stats->{cmd_get}, '>', 0, 'stats: cmd_get');
		cmp_ok($stats->{curr_items}, '>', 0, 'stats: curr_items');
		ok($client->flush_all, 'flush_all');
	}
	is($client->get('a'), undef, 'flushed');
}

# Keys spread over two servers.
sub
two_servers
{
	my $both = connect_to(\@servers, namespace => 'two:',
	    $fast ? (ketama_points => 150) : ());
	my %value = map { ("spread$_" => "value $_") } 1 .. 500;

	is(scalar(grep { $both->set($_, $value{$_}) } keys %value), 500,
	    'two servers: set');
	is_deeply($both->get_multi(keys %value), \%value,
	    'two servers: get_multi');
	my @counts = map {
		my $one = connect_to([$_], namespace => 'two:');
		scalar keys %{$one->get_multi(keys %value)};
	} @servers;
	is($counts[0] + $counts[1], 500, 'two servers: each has its own');
	cmp_ok($_, '>', 50, 'two servers: a server has some') for @counts;
	is(scalar(grep { $both->delete($_) } keys %value), 500,
	    'two servers: delete');
}

# In void context nothing is awaited.
sub
without_replies
{
	my ($client) = @_;
	my %value = map { ("quiet$_" => $_) } 1 .. 100;

	$client->set($_, $value{$_}) for keys %value;
	$client->incr('quiet1');
	$client->delete('quiet2');
	$client->nowait_push;
	$value{quiet1} = 2;
	delete $value{quiet2};
	is_deeply($client->get_multi(map { "quiet$_" } 1 .. 100), \%value,
	    'sets without a reply');
}

# Processes lose nothing.
sub
at_once
{
	my $shared = connect_to([$servers[0]]);
	my @children;

	$shared->set($_, 0) for 'sum', 'total', 'wrong';
	for my $n (1 .. 4) {
		my $pid = fork // die "fork: $!";
		if ($pid == 0) {
			# All objects of the pure one share their connections.
			$class->disconnect_all if !$fast;
			work(connect_to([$servers[0]]), $n);
			kill 'KILL', $$;
		}
		push @children, $pid;
	}
	waitpid $_, 0 for @children;
	is($shared->get('wrong'), 0, 'processes read their own');
	is($shared->get('sum'), 400, 'processes count');
	is($shared->get('total'), 400, 'processes add by cas') if $fast;
}

sub
work
{
	my ($client, $name) = @_;

	for my $n (1 .. 100) {
		my $key = "p$name." . $n % 10;
		$client->set($key, [$name, $n]);
		$client->incr('wrong') if
		    join(' ', @{$client->get($key)}) ne "$name $n";
		$client->incr('sum');
		next if !$fast;
		my $got;
		do {
			$got = $client->gets('total');
		} while (!$client->cas('total', $got->[0], $got->[1] + 1));
	}
}

# Ask until it is true, but not for ever.
sub
comes
{
	my ($name, $question) = @_;
	my $give_up = time + 20;
	my $yes;

	sleep 0.02 while !($yes = $question->()) && time < $give_up;
	ok($yes, $name);
}

# Misses and dead servers look the same; so wait for a set that works.
sub
restart
{
	my ($client) = @_;

	$client->set('before', 'x');
	kill 'TERM', $ENV{CAIRN_PID};
	sleep 0.01 while kill 0, $ENV{CAIRN_PID};
	comes('after a restart it works', sub {
		$client->forget_dead_hosts if !$fast;
		return $client->set('after', 'y');
	});
	is($client->get('after'), 'y', 'it remembers');
	is($client->get('before'), undef, 'but nothing of before');
}
