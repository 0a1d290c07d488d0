#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# expiry.t - what happens when time passes. Values are prepared, two seconds
# go by, and then they are looked at. Nobody waits for that: the clock of the
# server is shifted (but that of memcached, which is not, when it is the one
# under test). What a session can say is in t/sessions/expiry.session.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;

# A lifetime of a second ends within two: the clock has a resolution of one.
my $WAIT = Cairn::is_reference() ? 2.2 : 2;

my @servers = map {
	my @flags = $_ ? ('-o', "shards=$_") : ();
	my $server = Cairn->start(flags => \@flags, debug => 1);
	my $flushed = Cairn->start(flags => \@flags, debug => 1);
	[$_ ? "$_ shards: " : '', $server, $flushed];
} Cairn::is_reference() ? (0) : (1, 4);

for (@servers) {
	my ($name, $server, $flushed) = @$_;
	prepare($server->connect, $name);
	prepare_flush($flushed->connect, $name);
}
if (Cairn::is_reference()) {
	sleep $WAIT;
} else {
	$_->later($WAIT) for map { @$_[1, 2] } @servers;
}
for (@servers) {
	my ($name, $server, $flushed) = @$_;
	look($server->connect, $name);
	look_after_flush($flushed->connect, $name);
	reclaimed($server, $name) if !Cairn::is_reference();
	is($_->stop, 0, "${name}the server ends cleanly")
	    for $server, $flushed;
}
not_for_everybody() if !Cairn::is_reference();
done_testing;

# Only a server that is configured for it lets clients turn its clock.
sub
not_for_everybody
{
	my $server = Cairn->start;
	my $want = $ENV{debug_commands} ? 'OK' : 'ERROR';

	is($server->connect->ask("debugtime $_"), $want,
	    "debugtime $_ in cairnd is answered with $want") for qw(p r 0);
	is($server->connect->ask('stats verify'), $want,
	    "so is stats verify");
}

sub
prepare
{
	my ($client, $name) = @_;

	is($client->set($_, "$_ value", 0, 1), 'STORED', "${name}set $_")
	    for qw(second deleted touched-to-stay got-to-stay replaced set-anew
	    appended missed-by-add missed-by-replace missed-by-append
	    missed-by-touch missed-by-gat missed-by-delete missed-by-cas);
	is($client->set('date', 'x', 0, time + 1), 'STORED', "${name}set date");
	is($client->set('hour', 'x', 0, 3600), 'STORED', "${name}set hour");
	is($client->set('far-date', 'x', 0, time + 3600), 'STORED',
	    "${name}set far-date");
	is($client->set('forever', 'x'), 'STORED', "${name}set forever");
	is($client->set('counter', '5', 0, 1), 'STORED', "${name}set counter");
	is($client->set($_, "$_ value"), 'STORED', "${name}set $_")
	    for qw(touched-to-go got-to-go);

	is($client->ask('touch touched-to-stay 100'), 'TOUCHED');
	is($client->ask('touch touched-to-go 1'), 'TOUCHED');
	$client->send("gat 100 got-to-stay\r\n");
	is($client->until("END\r\n"),
	    "VALUE got-to-stay 0 17\r\ngot-to-stay value\r\nEND\r\n");
	$client->send("gats 1 got-to-go\r\n");
	like($client->until("END\r\n"),
	    qr/^VALUE got-to-go 0 15 \d+\r\ngot-to-go value\r\nEND\r\n$/);
	is($client->ask('incr counter 1'), '6');
	$client->send("append appended 0 100 1\r\n!\r\n");
	is($client->line, 'STORED');
	$client->send("replace replaced 0 0 1\r\nx\r\n");
	is($client->line, 'STORED');
	is($client->set('set-anew', 'x', 0, 100), 'STORED');
	is($client->get('hour'), 'x', "${name}an hour is not over at once");
	is($client->get('far-date'), 'x', "${name}nor is a date in an hour");
}

sub
look
{
	my ($client, $name) = @_;

	for my $key (qw(second date counter appended touched-to-go got-to-go)) {
		is($client->get($key), undef, "${name}$key has expired");
	}
	for my $key (qw(hour far-date forever touched-to-stay got-to-stay
	    replaced set-anew)) {
		ok(defined $client->get($key), "${name}$key is there");
	}
	my %reply = (
		'missed-by-add' => ["add KEY 0 0 1\r\nx", 'STORED'],
		'missed-by-replace' => ["replace KEY 0 0 1\r\nx", 'NOT_STORED'],
		'missed-by-append' => ["append KEY 0 0 1\r\nx", 'NOT_STORED'],
		'missed-by-cas' => ["cas KEY 0 0 1 1\r\nx", 'NOT_FOUND'],
		'missed-by-touch' => ['touch KEY 100', 'NOT_FOUND'],
		'missed-by-delete' => ['delete KEY', 'NOT_FOUND'],
		'missed-by-gat' => ['gat 100 KEY', 'END'],
	);
	for my $key (sort keys %reply) {
		my ($request, $want) = @{$reply{$key}};
		is($client->ask($request =~ s/KEY/$key/r), $want,
		    "${name}an expired value is $key");
	}
	is($client->get('missed-by-add'), 'x', "${name}add took its place");
	is($client->set('second', 'again', 0, 0), 'STORED',
	    "${name}an expired key can be stored again");
	is($client->get('second'), 'again', "${name}and fetched");
}

sub
prepare_flush
{
	my ($client, $name) = @_;

	is($client->set('before', 'x'), 'STORED');
	is($client->ask('flush_all 2'), 'OK', "${name}flush_all in two seconds");
	is($client->get('before'), 'x', "${name}takes nothing away at once");
	is($client->set('between', 'x'), 'STORED');
}

sub
look_after_flush
{
	my ($client, $name) = @_;

	is($client->get('before'), undef, "${name}but then it does");
	is($client->get('between'), undef,
	    "${name}also what was stored in between");
	is($client->set('after', 'x'), 'STORED');
	is($client->get('after'), 'x', "${name}and nothing that comes after");
}

# Items that nobody asks for any more leave the memory, too.
sub
reclaimed
{
	my ($server, $name) = @_;
	my $client = $server->connect;
	my $give_up = time + $Cairn::TIMEOUT;

	is($client->ask('flush_all'), 'OK');
	$client->set("gone-$_", 'x', 0, 50 + 2 * $_) for 1 .. 100;
	is($server->stats->{curr_items}, 100, "${name}100 items");
	$server->later(101);
	sleep 0.01 while time < $give_up &&
	    $server->stats->{curr_items} > 75;
	is($server->stats->{curr_items}, 75,
	    "${name}a quarter of them leaves when it is due");
}
