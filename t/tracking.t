#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# tracking.t - clients with caches of their own, which CLIENT TRACKING keeps
# true, among many writers of several protocols and workers.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;
use Cairn::Resp;

my @FLAGS = ('-t', 2, '-o', 'shards=4');
my $SEED = $ENV{CAIRN_SEED} // 20261120;
my $KEYS = 40;

srand $SEED;
diag("CAIRN_SEED=$SEED") if $ENV{CAIRN_SEED};

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
info
{
	my ($server, $name) = @_;
	my $client = $server->connect;
	my ($value) = call($client, 'INFO') =~ /^$name:(.*)\r$/m;

	$client->close;
	return $value;
}

for my $mode ([], ['NOLOOP'], ['BCAST'], ['BCAST', 'PREFIX', 'k1',
    'PREFIX', 'k2', 'PREFIX', 'k3', 'PREFIX', 'k0']) {
	copies_are_true($mode);
}
what_is_told_comes_before_what_follows_from_it();
evicted_items_are_told();
keys_that_are_too_many_are_told();
a_redirection_breaks();
clients_are_described();
done_testing;

# A client that keeps what it reads. `cache` is what it believes, `asked` the
# keys of its requests whose replies have not come.
sub
open_cache
{
	my ($server, @mode) = @_;
	my $client = $server->connect;

	Cairn::Resp::hello($client);
	call($client, 'CLIENT', 'TRACKING', 'ON', @mode);
	return { client => $client, cache => {}, asked => [] };
}

sub
ask
{
	my ($self, @keys) = @_;

	$self->{client}->send(join '', map { request('GET', $_) } @keys);
	push @{$self->{asked}}, @keys;
}

# What is kept is not asked for, so what is out of date stays so.
sub
ask_for_missing
{
	my ($self, @keys) = @_;
	my %asked = map { $_ => 1 } @{$self->{asked}};

	ask($self, grep { !exists $self->{cache}{$_} && !$asked{$_}++ }
	    @keys);
}

# Take one reply or push.
sub
take
{
	my ($self) = @_;
	my $reply = Cairn::Resp::read_reply($self->{client});

	if (ref $reply && $reply->[0] eq '>invalidate') {
		if (!defined $reply->[1]) { $self->{cache} = {} }
		else { delete $self->{cache}{$_} for @{$reply->[1]} }
	} else {
		my $key = shift @{$self->{asked}} // die("odd reply");

		# What it does not wait for it does not keep.
		$self->{cache}{$key} = $reply if $key ne '';
		return $key;
	}
	return undef;
}

sub
take_all
{
	my ($self) = @_;

	take($self) while @{$self->{asked}};
}

sub
a_key
{
	return 'k' . int rand $KEYS;
}

# Requests that change keys, in RESP and in the text protocol.
sub
a_change
{
	my ($number) = @_;
	my ($key, $other) = (a_key(), a_key());

	return (
		request('SET', $key, $number),
		request('SET', $key, 'x' x (1 + rand 300) . $number),
		request('MSET', $key, $number, $other, "$number."),
		request('DEL', $key, $other),
		request('APPEND', $key, '.'),
		request('SET', $key, $number, 'PX', 1 + int rand 20),
		request('RENAME', $key, $other),
		request('GETSET', $key, $number),
		request('PEXPIRE', $key, 1 + int rand 20),
		rand() < 0.05 ? request('FLUSHALL') : '',
		request('SETRANGE', $key, 1, 'yy'),
	)[rand 11];
}

sub
a_text_change
{
	my ($number) = @_;
	my $key = a_key();
	my $value = 'y' x rand 200 . $number;

	return (
		"set $key 0 0 " . length($value) . "\r\n$value\r\n",
		"delete $key\r\n",
		"append $key 0 0 1\r\n.\r\n",
		"touch $key 1\r\n",
		"set $key 5 -1 1\r\nx\r\n",
		"incr $key 1\r\n",
		"ms $key 2\r\nab\r\n",
		"md $key\r\n",
	)[rand 8];
}

sub
copies_are_true
{
	my ($mode) = @_;
	my $server = Cairn->start(flags => \@FLAGS);
	my @caches = map { open_cache($server, @$mode) } 1 .. 6;
	my @writers = map { $server->connect } 1 .. 4;
	my @text = map { $server->connect } 1 .. 2;
	my @all = map { "k$_" } 0 .. $KEYS - 1;
	my ($number, $stale, $kept) = (0, '', 0);
	my $only = grep { $_ eq 'PREFIX' } @$mode;

	for my $round (1 .. 60) {
		for my $writer (@writers) {
			$writer->send(join '', map { a_change(++$number) }
			    1 .. 10);
		}
		ask_for_missing($_, map { a_key() } 1 .. 15) for @caches;
		for my $text (@text) {
			$text->send(join '', map { a_text_change(++$number) }
			    1 .. 10);
		}
		# Some change keys themselves: replies that are not kept.
		my $own = $caches[rand @caches];
		$own->{client}->send(request('SET', my $key = a_key(),
		    ++$number));
		push @{$own->{asked}}, '';
		delete $own->{cache}{$key} if "@$mode" =~ /NOLOOP/;
		push @{$own->{wrote}}, $key;
		take_all($_) for @caches[0 .. 2];
		$_->within(0) for @writers, @text;
	}
	# All have said what they had to say.
	for my $writer (@writers) {
		$writer->send(request('ECHO', 'the end'));
		$writer->until("the end\r\n");
	}
	for my $text (@text) {
		$text->send("mn\r\n");
		$text->until("MN\r\n");
	}
	# Items that are due soon are gone.
	sleep 1.6 * $Cairn::SLOWNESS;
	for my $n (0 .. $#caches) {
		my $cache = $caches[$n];

		take_all($cache);
		$cache->{client}->send(request('PING'));
		push @{$cache->{asked}}, '';
		take_all($cache);
		my $now = call($writers[0], 'MGET', @all);
		for my $at (0 .. $#all) {
			my $key = $all[$at];

			next if !exists $cache->{cache}{$key} ||
			    ($only && $key !~ /^k[0-3]/) ||
			    # What it wrote it has not asked for since.
			    ("@$mode" =~ /NOLOOP/ &&
			    grep { $_ eq $key } @{$cache->{wrote} // []});
			$kept++;
			$stale .= " $n:$key" if ($cache->{cache}{$key} // '') ne
			    ($now->[$at] // '');
		}
	}
	is($stale, '', "@$mode: no copy is out of date");
	cmp_ok($kept, '>', 0, "@$mode: and there are some");
	is($server->connect->ask('stats verify') =~ /OK|ERROR/, 1,
	    "@$mode: the server is there");
	is($server->stop, 0, "@$mode: and ends cleanly");
}

# One writer counts `a` up, then `b`. Who sees `b` has been told of `a`.
sub
what_is_told_comes_before_what_follows_from_it
{
	my $server = Cairn->start(flags => \@FLAGS);
	my @caches = map { open_cache($server) } 1 .. 4;
	my $writer = $server->connect;
	my ($late, $seen) = (0, 0);

	for my $round (1 .. 300) {
		$writer->send(join '', map { request('SET', 'a', $_) .
		    request('SET', 'b', $_) } 10 * $round .. 10 * $round + 9);
		for my $cache (@caches) {
			my $known = $cache->{cache};

			ask($cache, exists $known->{a} ? () : 'a', 'b', 'b');
			while (@{$cache->{asked}}) {
				my $key = take($cache) // next;

				next if $key ne 'b' || !exists $known->{a};
				$seen++;
				$late++ if ($known->{a} // 0) <
				    ($known->{b} // 0);
			}
		}
		$writer->within(0) if $round % 50 == 0;
	}
	is($late, 0, 'who sees a change has been told of those before');
	cmp_ok($seen, '>', 0, 'and that was looked at');
	is($server->stop, 0, 'the server ends cleanly');
}

sub
evicted_items_are_told
{
	my $server = Cairn->start(flags => [@FLAGS, '-m', '16']);
	my $cache = open_cache($server, 'NOLOOP');
	my $writer = $server->connect;
	my $value = 'x' x 1000;

	# The cache is full of what the client itself writes.
	for my $n (1 .. 30) {
		$cache->{client}->send(join '', map {
		    request('SET', "own$n.$_", $value) } 1 .. 100);
		push @{$cache->{asked}}, ('') x 100;
		ask($cache, map { "own$n.$_" } 1 .. 100);
		take_all($cache);
	}
	for my $n (1 .. 200) {
		$cache->{client}->send(join '', map {
		    request('SET', "more$n.$_", $value) } 1 .. 100);
		push @{$cache->{asked}}, ('') x 100;
		ask($cache, map { "more$n.$_" } 1 .. 100);
		take_all($cache);
	}
	cmp_ok(info($server, 'evicted_keys'), '>', 1000, 'items are evicted');
	my @left = keys %{$cache->{cache}};
	cmp_ok(scalar @left, '<', 22_000, 'a client is told of that');
	$writer->send(join '', map { request('EXISTS', $_) } @left);
	my $there = 0;
	$there += Cairn::Resp::read_reply($writer) for @left;
	is($there, scalar @left, 'of each, even if it made room itself');
	is($server->stop, 0, 'the server ends cleanly');
}

sub
keys_that_are_too_many_are_told
{
	my $server = Cairn->start(flags => \@FLAGS);
	my $cache = open_cache($server);
	my $other = $server->connect;

	is(call($other, 'CONFIG', 'SET', 'tracking-table-max-keys', 100),
	    '+OK', 'a bound is set');
	is(call($other, 'CONFIG', 'GET', 'tracking-table-max-keys')->[1], 100,
	    'and told');
	ask($cache, map { "key$_" } 1 .. 1000);
	take_all($cache);
	$cache->{client}->send(request('PING'));
	push @{$cache->{asked}}, '';
	take_all($cache);
	my $left = keys %{$cache->{cache}};
	cmp_ok($left, '<=', 100, 'no more keys are remembered');
	cmp_ok($left, '>', 50, 'but as many');
	is(info($server, 'tracking_total_keys'), $left,
	    'tracking_total_keys');
	is(info($server, 'tracking_total_items'), $left,
	    'tracking_total_items');
	ok(exists $cache->{cache}{key1000}, 'the last ones');
	is($server->stop, 0, 'the server ends cleanly');
}

sub
a_redirection_breaks
{
	my $server = Cairn->start(flags => \@FLAGS);

	for my $n (1 .. 4) {
		# Of one worker, and of two.
		my @others = map { $server->connect } 1 .. $n;
		my $target = $server->connect;
		my $id = (call($target, 'CLIENT', 'ID'));
		my $client = $server->connect;

		Cairn::Resp::hello($client);
		call($target, 'SUBSCRIBE', 'any');
		call($client, 'CLIENT', 'TRACKING', 'ON', 'REDIRECT', $id);
		call($client, 'GET', 'k');
		call($others[0], 'SET', 'k', $n);
		is_deeply(Cairn::Resp::read_reply($target), ['message',
		    '__redis__:invalidate', ['k']], "$n: another is told");
		$target->close;
		call($client, 'GET', 'k');
		my $give_up = time + $Cairn::TIMEOUT;
		sleep 0.01 while time < $give_up &&
		    call($others[0], 'CLIENT', 'LIST') =~ /^id=$id /m;
		call($others[0], 'SET', 'k', "$n again");
		is_deeply(Cairn::Resp::read_reply($client),
		    ['>tracking-redir-broken', $id],
		    "$n: when that is gone, the client is told");
		is_deeply(call($client, 'CLIENT', 'TRACKINGINFO')->[1],
		    ['on', 'broken_redirect'], "$n: and may ask");
		like(call($others[0], 'CLIENT', 'LIST'),
		    qr/ flags=tR .* redir=$id /, "$n: and others, too");
		$_->close for @others, $client;
	}
	is($server->stop, 0, 'the server ends cleanly');
}

sub
clients_are_described
{
	my $server = Cairn->start(flags => \@FLAGS);
	my @caches = map { open_cache($server) } 1 .. 2;
	my $wide = open_cache($server, 'BCAST', 'PREFIX', 'a', 'PREFIX', 'b');
	my $other = $server->connect;

	ask($_, 'k', 'l') for @caches;
	take_all($_) for @caches;
	is(info($server, 'tracking_clients'), 3, 'tracking_clients');
	is(info($server, 'tracking_total_keys'), 2, 'tracking_total_keys');
	is(info($server, 'tracking_total_items'), 4, 'tracking_total_items');
	is(info($server, 'tracking_total_prefixes'), 2,
	    'tracking_total_prefixes');
	like(call($other, 'CLIENT', 'LIST'), qr/ flags=tB .* redir=0 /,
	    'CLIENT LIST');
	call($other, 'SET', 'k', 'v');
	is(info($server, 'tracking_total_items'), 2,
	    'what is told is forgotten');
	$_->{client}->close for @caches, $wide;
	my $give_up = time + $Cairn::TIMEOUT;
	sleep 0.01 while time < $give_up && info($server, 'tracking_clients');
	is(info($server, 'tracking_clients'), 0, 'so are those who go');
	is(info($server, 'tracking_total_prefixes'), 0, 'and prefixes');
	call($other, 'SET', 'l', 'v');
	is(info($server, 'tracking_total_keys'), 0, 'keys with a change');
	is($server->stop, 0, 'the server ends cleanly');
}
