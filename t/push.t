#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# push.t - what connections are told without having asked: messages among many
# connections of several workers, and clients that do not read them.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;
use Cairn::Resp;

my $MEGABYTE = 1 << 20;
my @FLAGS = ('-t', 2, '-o', 'shards=4');

my $redis = Cairn::find_redis();

sub
request
{
	return Cairn::Resp::request(@_);
}

sub
call
{
	return Cairn::Resp::call(@_);
}

sub
next_reply
{
	return Cairn::Resp::read_reply(@_);
}

# A connection that speaks RESP3.
sub
connect_v3
{
	my ($server, @more) = @_;
	my $client = $server->connect(@more);

	Cairn::Resp::hello($client);
	return $client;
}

# A field of INFO.
sub
info
{
	my ($server, $name) = @_;
	my $client = $server->connect;
	my ($value) = call($client, 'INFO') =~ /^$name:(.*)\r$/m;

	$client->close;
	return $value;
}

# Wait until a field of INFO is what it is to be; says whether it is.
sub
comes_to
{
	my ($server, $name, $wanted) = @_;
	my $give_up = time + $Cairn::TIMEOUT;

	while (time < $give_up) {
		return 1 if info($server, $name) eq $wanted;
		sleep 0.01;
	}
	return 0;
}

for my $program (Cairn::server_program(), $redis ? $redis : ()) {
	my $is_redis = Cairn::is_redis($program);
	my $server = Cairn->start(program => $program,
	    flags => $is_redis ? [] : \@FLAGS);
	my $name = $is_redis ? 'redis' : 'cairn';

	all_see_all_messages_in_order($server, $name);
	subscribers_are_described($server, $name);
	is($server->stop, 0, "$name: the server ends cleanly");
}
messages_wait_for_values();
a_subscriber_that_does_not_read_is_closed();
a_flood_takes_little_memory();
a_subscriber_is_never_idle();
a_server_ends_in_spite_of_subscribers();
requests_of_all_workers_are_told();
a_monitor_that_does_not_read_is_closed();
done_testing;

# Each publisher counts up on its channel; each subscriber has channels, a
# pattern, and either of the protocol's versions.
sub
all_see_all_messages_in_order
{
	my ($server, $name) = @_;
	my ($publishers, $messages, $burst) = (4, 600, 50);
	my @subscribers = map {
		$_ % 2 ? connect_v3($server) : $server->connect } 1 .. 8;
	my @publishers = map { $server->connect } 1 .. $publishers;
	my ($odd, $counted) = ('', 0);

	for my $n (0 .. $#subscribers) {
		call($subscribers[$n], 'SUBSCRIBE', "c$_") for
		    1 .. $publishers;
		call($subscribers[$n], 'PSUBSCRIBE', 'c*') if $n >= 4;
	}
	for (my $first = 1; $first <= $messages; $first += $burst) {
		for my $p (1 .. $publishers) {
			$publishers[$p - 1]->send(join '', map {
			    request('PUBLISH', "c$p", 'x' x
				($_ % 100 == 0 ? 5000 : $_ % 20) . "-$p-$_")
			    } $first .. $first + $burst - 1);
		}
	}
	for my $p (@publishers) {
		$counted += next_reply($p) for 1 .. $messages;
	}
	is($counted, $publishers * $messages * 12,
	    "$name: publishers are told how many hear them");
	for my $n (0 .. $#subscribers) {
		my (%last, %last_by_pattern);
		my $wanted = $publishers * $messages * ($n >= 4 ? 2 : 1);

		for (1 .. $wanted) {
			my @push = @{next_reply($subscribers[$n])};
			my $of = $push[0] =~ /pmessage/ ? \%last_by_pattern
			    : \%last;
			my ($p, $number) = $push[-1] =~ /^x*-(\d+)-(\d+)$/;

			$odd .= " $n: @push" if $push[-2] ne "c$p" ||
			    $number != ++$of->{$p};
		}
		$odd .= " $n: more" if $subscribers[$n]->within(0) ne '';
	}
	is($odd, '', "$name: each sees each message once and in order");
	# All subscribers of one channel see two publishers in one order.
	for my $p (0, 1) {
		$publishers[$p]->post(join '', map { request('PUBLISH', 'c1',
		    "$p $_") } 1 .. 200);
	}
	my @orders = map { my $client = $_;
	    join ' ', map { next_reply($client)->[-1] } 1 .. 400
	    } @subscribers[0 .. 3];
	is(scalar(grep { $_ eq $orders[0] } @orders), 4,
	    "$name: all see the messages of two in the same order");
	$_->close for @subscribers, @publishers;
	ok(comes_to($server, 'pubsub_channels', 0),
	    "$name: channels are gone with their subscribers");
}

sub
subscribers_are_described
{
	my ($server, $name) = @_;
	my ($client, $other) = (connect_v3($server), $server->connect);

	call($client, 'CLIENT', 'SETNAME', 'listener');
	call($client, 'SUBSCRIBE', 'a');
	call($client, 'SUBSCRIBE', 'b');
	call($client, 'PSUBSCRIBE', 'c*');
	call($client, 'SSUBSCRIBE', 'd');
	like(call($other, 'CLIENT', 'LIST'), qr/ name=listener .* flags=P\ 
	    .*\ sub=2\ psub=1\ ssub=1\ /x,
	    "$name: CLIENT LIST counts subscriptions");
	my $listed = call($other, 'CLIENT', 'LIST', 'TYPE', 'pubsub');
	is(($listed =~ tr/\n//), 1, "$name: a type of clients");
	is(info($server, 'pubsub_channels'), 2, "$name: pubsub_channels");
	is(info($server, 'pubsub_patterns'), 1, "$name: pubsub_patterns");
	is(info($server, 'pubsubshard_channels'), 1,
	    "$name: pubsubshard_channels");
	call($client, 'RESET');
	like(call($other, 'CLIENT', 'LIST'), qr/ flags=N .* sub=0 psub=0 /,
	    "$name: after RESET it is a client like any other");
	$_->close for $client, $other;
}

# A value that is being sent is not cut by a message.
sub
messages_wait_for_values
{
	my $server = Cairn->start(flags => [@FLAGS, '-m', '128', '-I',
	    '16m']);
	my $client = connect_v3($server);
	my @publishers = map { $server->connect } 1 .. 4;
	my $value = join '', map { chr rand 256 } 1 .. 100_000;
	my ($values, $odd) = (0, 0);
	my %seen;

	$value x= 40;
	is(call($client, 'SET', 'long', $value), '+OK', 'a long value');
	call($client, 'SUBSCRIBE', 'c');
	$client->post(request('GET', 'long') x 4);
	for my $n (1 .. 100) {
		call($_, 'PUBLISH', 'c', "message $n") for @publishers;
	}
	while ($values < 4 || ($seen{'message 100'} // 0) < 4) {
		my $reply = next_reply($client);

		if (ref $reply) { $seen{$reply->[-1]}++ }
		elsif ($reply eq $value) { $values++ }
		else { $odd++ }
	}
	is($odd, 0, 'values and messages do not cut into each other');
	is(scalar(grep { $_ == 4 } values %seen), 100,
	    'each message is there once');
	# Nor does one cut into a value on its way in.
	my $part = request('SET', 'long', $value);
	$client->send(substr $part, 0, 1_000_000);
	call($publishers[0], 'PUBLISH', 'c', 'meanwhile');
	is(next_reply($client)->[-1], 'meanwhile',
	    'a message comes while a value arrives');
	$client->send(substr $part, 1_000_000);
	is(next_reply($client), '+OK', 'which is stored');
	is($server->stop, 0, 'the server ends cleanly');
}

sub
a_subscriber_that_does_not_read_is_closed
{
	my $server = Cairn->start(flags => [@FLAGS, '-o', 'idle_timeout=0']);
	my ($slow, $quick, $publisher) = map { $server->connect } 1 .. 3;
	my $message = 'x' x 100_000;
	my ($sent, $receivers) = (0, 2);

	call($_, 'SUBSCRIBE', 'c') for $slow, $quick;
	my $before = $server->rss;
	while ($receivers == 2 && $sent < 2000) {
		$receivers = call($publisher, 'PUBLISH', 'c', $message);
		$sent++;
		next_reply($quick);
	}
	cmp_ok($sent, '<', 2000, 'a subscriber that does not read is closed');
	cmp_ok($sent, '>', 300, 'but not before it is 32 MB behind');
	is($receivers, 1, 'the other one stays');
	call($publisher, 'PUBLISH', 'c', 'on');
	is(next_reply($quick)->[-1], 'on', 'and is served');
	SKIP: {
		skip 'a sanitizer takes its own memory', 1
		    if $server->is_instrumented;
		cmp_ok($server->rss - $before, '<', 48 * $MEGABYTE,
		    'what was on its way took no more memory than that');
	}
	my $rest = $slow->until_close;
	cmp_ok(length($rest =~ s/^(?:\*3\r\n\$7\r\nmessage\r\n\$1\r\nc\r\n
	    \$100000\r\nx{50000}x{50000}\r\n)+//xr), '<', 100_100,
	    'what it had got before is whole');
	is($server->stop, 0, 'the server ends cleanly');
}

# One worker's publishers are faster than the subscribers of another.
sub
a_flood_takes_little_memory
{
	my $server = Cairn->start(flags => \@FLAGS);
	my @subscribers = map { $server->connect } 1 .. 6;
	my $publisher = $server->connect;
	my ($messages, $length) = (3000, 20_000);
	my $flood = request('PUBLISH', 'c', 'x' x $length);
	my ($most, $replies) = (0, 0);

	call($_, 'SUBSCRIBE', 'c') for @subscribers;
	my $before = $server->rss;
	for (1 .. $messages / 100) {
		$publisher->send($flood x 100);
		for my $client (@subscribers) {
			next_reply($client) for 1 .. 100;
		}
		my $now = $server->rss;
		$most = $now if $now > $most;
	}
	$replies += next_reply($publisher) for 1 .. $messages;
	is($replies, 6 * $messages, 'all messages of a flood were heard');
	SKIP: {
		skip 'a sanitizer takes its own memory', 1
		    if $server->is_instrumented;
		cmp_ok($most - $before, '<', 64 * $MEGABYTE,
		    'and took little memory');
	}
	is($server->stop, 0, 'the server ends cleanly');
}

sub
a_subscriber_is_never_idle
{
	my $server = Cairn->start(flags => [@FLAGS, '-o', 'idle_timeout=1']);
	my ($client, $other) = map { $server->connect } 1 .. 2;

	call($client, 'SUBSCRIBE', 'c');
	ok($other->closed, 'a client that is idle is sent away');
	is($client->within(0.5), '', 'a subscriber stays');
	is(call($server->connect, 'PUBLISH', 'c', 'x'), 1, 'and hears');
	is(next_reply($client)->[-1], 'x', 'what there is');
}

sub
a_server_ends_in_spite_of_subscribers
{
	my $server = Cairn->start(flags => \@FLAGS);
	my @subscribers = map { $server->connect } 1 .. 6;
	my $publisher = $server->connect;

	call($_, 'SUBSCRIBE', 'c') for @subscribers;
	call($_, 'PSUBSCRIBE', '*') for @subscribers;
	$publisher->post(request('PUBLISH', 'c', 'x' x 1000) x 200);
	is($server->stop, 0, 'a server with subscribers ends cleanly');
}

# Of each client in order, whatever it speaks.
sub
requests_of_all_workers_are_told
{
	my $server = Cairn->start(flags => \@FLAGS);
	my $monitor = $server->connect;
	my @clients = map { $server->connect } 1 .. 4;
	my $text = $server->connect;
	my (%last, $odd);

	is(call($monitor, 'MONITOR'), '+OK', 'MONITOR');
	like(call($clients[0], 'CLIENT', 'LIST'), qr/ flags=O /,
	    'CLIENT LIST tells of it');
	for my $n (0 .. $#clients) {
		$clients[$n]->send(join '', map {
		    request($_ % 2 ? 'GET' : 'INCR', "$n-$_") } 1 .. 500);
	}
	for (1 .. 2000) {
		my ($n, $number) = $monitor->line =~
		    /^\+\d+\.\d{6} \[0 [\d.:]+\] "(?:GET|INCR)" "(\d)-(\d+)"$/;
		$odd++ if !defined $n || $number != ++$last{$n};
	}
	is($odd, undef, 'each request is told once and in order');
	$text->send("set k 0 0 1\r\nx\r\nget  a b\r\n");
	like($monitor->line, qr/\] "set" "k" "0" "0" "1"$/,
	    'so are those of the text protocol');
	like($monitor->line, qr/\] "get" "a" "b"$/, 'word by word');
	is($server->stop, 0, 'the server ends cleanly');
}

sub
a_monitor_that_does_not_read_is_closed
{
	my $server = Cairn->start(flags => \@FLAGS);
	my ($monitor, $client) = map { $server->connect } 1 .. 2;
	my $burst = request('ECHO', 'x' x 4000) x 100;
	my $sent = 0;

	call($monitor, 'MONITOR');
	my $before = $server->rss;
	while ($sent < 300 &&
	    info($server, 'connected_clients') > 2) {
		$client->send($burst);
		next_reply($client) for 1 .. 100;
		$sent++;
	}
	cmp_ok($sent, '>', 50, 'a client that monitors may be behind');
	cmp_ok($sent, '<', 300, 'but not for ever');
	SKIP: {
		skip 'a sanitizer takes its own memory', 1
		    if $server->is_instrumented;
		cmp_ok($server->rss - $before, '<', 64 * $MEGABYTE,
		    'what it was to be told is given back');
	}
	is($server->stop, 0, 'the server ends cleanly');
}
