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
use Time::HiRes qw(sleep);

use Cairn;

my $MEGABYTE = 1 << 20;

for my $flags ([], ['-R', 1], ['-R', 20], ['-o', 'idle_timeout=60'],
    ['-R', 2, '-o', 'idle_timeout=60']) {
	a_connection_goes_on_after_its_turn(@$flags);
}
a_long_line_is_cut_into_turns();
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
