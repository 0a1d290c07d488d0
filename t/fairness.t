#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# fairness.t - a connection that asks for much, or takes nothing, has its turn
# like any other, and goes on after it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;

my $MEGABYTE = 1 << 20;

for my $flags ([], ['-R', 1], ['-R', 20], ['-o', 'idle_timeout=60'],
    ['-R', 2, '-o', 'idle_timeout=60']) {
	a_connection_goes_on_after_its_turn(@$flags);
}
a_long_line_is_cut_into_turns();
others_have_their_turn('all that one receive holds', 7_000, "incr n 1\r\n");
others_have_their_turn('-R 20', 40, "incr n 1\r\n", '-R', 20);
others_have_their_turn('a turn of slow requests', 500,
    "incr n 1\r\nappend big 0 0 1\r\nx\r\n");
yields_are_counted();
for my $flags ([], ['-R', 1]) {
	replies_that_nobody_takes_are_few(@$flags);
}
a_client_that_takes_nothing_is_idle();
done_testing;

sub
a_connection_goes_on_after_its_turn
{
	my @flags = @_;
	my $server = Cairn->start(flags => \@flags);
	my $client = $server->connect;
	my $value = 'x' x 900_000;

	for my $round (1, 2) {
		$client->send("version\r\n" x 50);
		is(scalar(grep { /^VERSION / } $client->lines(50)), 50,
		    "@flags: 50 requests are answered, $round");
	}
	is($client->set('k', $value), 'STORED', "@flags: a value is stored");
	for my $round (1, 2) {
		my $want = "VALUE k 0 900000\r\n$value\r\nEND\r\n" x 10;

		$client->send("get k\r\n" x 10);
		ok($client->exactly(length $want) eq $want,
		    "@flags: 9 MB of replies are whole, $round");
	}
	is($client->ask('get none'), 'END', "@flags: and it is served then");
}

# A line as long as they may be, of which the first keys fill what may wait to
# be sent; and what follows it arrives with its end.
sub
a_long_line_is_cut_into_turns
{
	my $value = 'x' x 300_000;
	my $want = "VALUE big 0 300000\r\n$value\r\n" x 20 . "END\r\n";
	my $line = 'get' . ' big' x 20 . (' ' . 'x' x 249) x 16_770;

	for my $flags ([], ['-R', 1], ['-R', 20]) {
		my $server = Cairn->start(flags => $flags);
		my $client = $server->connect;
		my $other = $server->connect;

		$client->set('big', $value);
		$client->send(substr $line, 0, -500);
		sleep 0.2;	# or the end comes in two parts
		$client->send(substr($line, -500) . "\r\n" .
		    "version\r\n" x 7000);
		ok($client->exactly(length $want) eq $want,
		    "@$flags: a line of 4 MB is answered");
		is(scalar(grep { /^VERSION / } $client->lines(7000)), 7000,
		    "@$flags: and what follows it");
		is($other->ask('get none'), 'END', "@$flags: as are others");
	}
}

# Stop each thread of a server, and wait until it is.
sub
stand_still
{
	my ($server) = @_;
	my $give_up = time + $Cairn::TIMEOUT;
	my @moving;

	kill 'STOP', $server->{pid};
	do {
		my @tasks = glob "/proc/$server->{pid}/task/*/stat";
		return 0 if !@tasks || time > $give_up;
		@moving = grep { Cairn::slurp($_) !~ /^\d+ \(.*\) T /s }
		    @tasks;
	} while @moving;
	return 1;
}

# While the server stands still, one client sends requests that each count,
# and another one asks for the count behind it. How far it is then tells how
# much of the first was served before the other had its turn.
sub
others_have_their_turn
{
	my ($name, $most, $request, @flags) = @_;
	my $server = Cairn->start(flags => ['-t', 1, @flags]);
	my ($first, $other) = map { $server->connect } 1 .. 2;
	my $count = 20_000;

	$first->set('n', '0');
	$first->set('big', 'x' x 900_000);
	$other->ask('get none');
	SKIP: {
		skip 'processes do not stand still here', 3
		    if !stand_still($server);
		my $sent = $first->post_some($request x $count);
		$other->post_some("get n\r\n");
		kill 'CONT', $server->{pid};
		is($other->line =~ /^VALUE n /, 1, "$name: the other is served");
		my $n = $other->line;
		cmp_ok($n, '<=', $most, "$name: and need not wait for more");
		# The rest, which is more than that.
		$first->send(substr($request x $count, $sent) .
		    "get none\r\n");
		$first->until("END\r\n");
		is($first->get('n') =~ /^$count *$/, 1,
		    "$name: all of the first is served, too");
	}
}

sub
yields_are_counted
{
	my $server = Cairn->start(flags => ['-R', 10]);
	my $client = $server->connect;

	$client->send("get none\r\n");
	$client->line;
	is($server->stats->{conn_yields}, 0, '-R 10: a request is no yield');
	$client->send("get none\r\n" x 95);
	$client->lines(95);
	cmp_ok($server->stats->{conn_yields}, '>=', 9,
	    '-R 10: 95 of them are cut 9 times');
}

# A client asks for gigabytes and takes nothing.
sub
replies_that_nobody_takes_are_few
{
	my @flags = @_;
	my $server = Cairn->start(unix => 1, flags => ['-t', 1, @flags]);
	my $other = $server->connect;
	my %request = (
	    'values in place' => "get large\r\n",
	    'values that are copied' => "get medium\r\n",
	    'small values' => "get small\r\n",
	    'a line of many keys' => 'get' . ' medium' x 5000 . "\r\n",
	    'statistics' => "stats\r\n",
	    'meta commands' => "mg medium v\r\n",
	);

	$other->set('large', 'x' x 500_000);
	$other->set('medium', 'x' x 15_000);
	$other->set('small', 'x' x 10);
	for my $name (sort keys %request) {
		my $before = $server->rss;
		my @clients = map { $server->connect } 1 .. 3;
		my $requests = $request{$name} x 2000;

		for (1 .. 10) {		# until no more goes in
			$_->post_some($requests) for @clients;
			sleep 0.02;
		}
		is($other->get('small'), 'x' x 10,
		    "@flags: $name: others are served");
		SKIP: {
			skip 'a sanitizer takes its own memory', 1
			    if $server->is_instrumented;
			cmp_ok($server->rss - $before, '<', 16 * $MEGABYTE,
			    "@flags: $name: little memory is taken");
		}
		$_->close for @clients;
	}
	is($server->stop, 0, "@flags: the server ends cleanly");
}

sub
a_client_that_takes_nothing_is_idle
{
	my $server = Cairn->start(unix => 1, flags => ['-o',
	    'idle_timeout=1']);
	my $client = $server->connect;

	$client->set('large', 'x' x 900_000);
	$client->post_some("get large\r\n" x 100);
	my $give_up = time + $Cairn::TIMEOUT;
	sleep 0.1 while time < $give_up &&
	    $server->stats->{idle_kicks} == 0;
	is($server->stats->{idle_kicks}, 1,
	    'idle_timeout=1: a client that takes nothing is sent away');
}
