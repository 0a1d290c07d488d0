#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# conns.t - stats conns: where connections come from and what they are doing,
# in the words of memcached; each of them once, while others come and go.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;

my $MEGABYTE = 1 << 20;
my $memcached = Cairn::find_program('memcached');

addresses_are_told_on($_) for qw(tcp tcp6 unix);
states_are_those_of_memcached();
idle_seconds_are_told();
each_connection_is_listed_once();
connections_may_come_and_go();
done_testing;

# One hash of its fields per connection, by descriptor; and the names in the
# order in which they came.
sub
conns
{
	my ($client) = @_;
	my (%conns, %names);

	$client->send("stats conns\r\n");
	while ((my $line = $client->line) ne 'END') {
		$line =~ /^STAT (\d+):(\w+) (.*)$/ or die("odd line $line\n");
		die("$1 has two $2\n") if exists $conns{$1}{$2};
		$conns{$1}{$2} = $3;
		$names{$1} .= " $2";
	}
	return (\%conns, \%names);
}

sub
addresses_are_told_on
{
	my ($kind) = @_;
	my $server = eval { Cairn->start($kind eq 'unix' ? (unix => 1) :
	    $kind eq 'tcp6' ? (listen => '::1') : ()) };

	SKIP: {
		skip "no $kind here", 6 if !$server;
		my $client = $server->connect($kind eq 'tcp6' ?
		    (host => '::1') : ());
		my ($conns, $names) = conns($client);
		my @listening = grep { $conns->{$_}{state} eq
		    'conn_listening' } keys %$conns;
		my ($own) = grep { $conns->{$_}{state} eq 'conn_parse_cmd' }
		    keys %$conns;
		my $address = $kind eq 'unix' ? "unix:$server->{path}"
		    : $kind eq 'tcp6' ? "tcp6:[::1]:$server->{port}"
		    : "tcp:127.0.0.1:$server->{port}";

		is(scalar @listening, 1, "$kind: one socket listens");
		is($conns->{$listening[0]}{addr}, $address,
		    "$kind: on the address");
		is($conns->{$own}{listen_addr}, $address,
		    "$kind: the client came through it");
		is($conns->{$own}{addr}, $kind eq 'unix' ? $address :
		    $address =~ s/\d+$/$client->socket->sockport/er,
		    "$kind: from its own");
		is($names->{$own}, ' addr listen_addr state resps_waiting ' .
		    'secs_since_last_cmd', "$kind: all names are there");
		is($names->{$listening[0]}, ' addr state resps_waiting ' .
		    'secs_since_last_cmd',
		    "$kind: also those of what listens");
	}
}

# The state of a connection, once it is the one that is wanted or time is up.
sub
state_of
{
	my ($server, $client, $wanted) = @_;
	my $asks = $server->connect;
	my $give_up = time + $Cairn::TIMEOUT / 2;
	my ($conns, $conn);

	do {
		($conns) = conns($asks);
		($conn) = grep { $_->{addr} eq 'tcp:127.0.0.1:' .
		    $client->socket->sockport } values %$conns;
	} while ((!$conn || $conn->{state} ne $wanted) && time < $give_up);
	$asks->close;
	return wantarray ? ($conn->{state}, $conn) : $conn->{state};
}

sub
states_are_those_of_memcached
{
	my @sent = (
		['nothing', '', 'conn_new_cmd'],
		['a command', "get k\r\n", 'conn_read'],
		['half a command', 'get ', 'conn_read'],
		['half a value', "set k 0 0 100\r\nab", 'conn_nread'],
		['half a long value', "set k 0 0 100000\r\nab",
		    'conn_nread'],
		['half a value that is too large',
		    "set k 0 0 3000000\r\nab", 'conn_swallow'],
		['watch', "watch\r\n", 'conn_watch'],
		['much, and it does not read', "get big\r\n" x 18,
		    'conn_mwrite'],
	);

	for my $program (grep { $_ } $memcached, Cairn::server_program()) {
		my $server = Cairn->start(program => $program);
		my $name = $program =~ s{.*/}{}r;

		$server->connect->set('big', 'x' x 900_000);
		for (@sent) {
			my ($what, $bytes, $wanted) = @$_;
			my $client = $server->connect;
			$client->post_some($bytes) if $bytes ne '';
			my ($state, $conn) = state_of($server, $client,
			    $wanted);
			is($state, $wanted, "$name: sent $what");
			is($conn->{resps_waiting}, $state eq 'conn_mwrite' ?
			    1 : 0, "$name: resps_waiting")
			    if defined $conn->{resps_waiting};
		}
	}
}

sub
idle_seconds_are_told
{
	my $server = Cairn->start;
	my $client = $server->connect;
	my $give_up = time + $Cairn::TIMEOUT;
	my ($state, $conn);

	$client->get('k');
	($state, $conn) = state_of($server, $client, 'conn_read');
	cmp_ok($conn->{secs_since_last_cmd}, '<=', 1,
	    'a connection that was just used');
	do {
		sleep 0.2;
		($state, $conn) = state_of($server, $client, 'conn_read');
	} while ($conn->{secs_since_last_cmd} < 2 && time < $give_up);
	is($conn->{secs_since_last_cmd}, 2, 'is idle for longer and longer');
	$client->get('k');
	($state, $conn) = state_of($server, $client, 'conn_read');
	cmp_ok($conn->{secs_since_last_cmd}, '<=', 1,
	    'until it is used again');
}

# More than a slice of each worker's.
sub
each_connection_is_listed_once
{
	my $server = Cairn->start(flags => ['-t', 3, '-c', 600]);
	my @clients = map { $server->connect } 1 .. 500;
	my $asks = $server->connect;

	$_->get('k') for @clients;
	my ($conns) = conns($asks);
	my %seen;
	$seen{$_->{addr} =~ s/.*://r}++ for grep { $_->{listen_addr} }
	    values %$conns;
	is(scalar(grep { $_->{state} eq 'conn_read' } values %$conns), 500,
	    'each connection is there');
	is(scalar(grep { !$seen{$_->socket->sockport} } @clients, $asks), 0,
	    'with its own address');
	is(scalar keys %$conns, 502, 'and nothing else but what listens');
}

sub
connections_may_come_and_go
{
	my $server = Cairn->start(flags => ['-t', 4]);
	my @stay = map { $server->connect } 1 .. 200;
	my @asks = map { $server->connect } 1 .. 4;
	my ($missing, $rounds) = (0, 0);

	$_->get('k') for @stay;
	for (1 .. 20) {
		my @new = map { $server->connect } 1 .. 20;
		$_->send("stats conns\r\nget k\r\n") for @asks, @new;
		$stay[$_]->post_some("get k\r\n") for 0 .. $#stay;
		$_->close for @new[0 .. 9];
		for my $client (@asks, @new[10 .. 19]) {
			my $text = $client->until("END\r\n");
			my %port = map { $_ => 1 } $text =~
			    /:addr tcp:127\.0\.0\.1:(\d+)/g;
			$client->until("END\r\n");
			$missing += grep { !$port{$_->socket->sockport} }
			    @stay;
			$rounds++;
		}
		$_->until("END\r\n") for @stay;
	}
	is($rounds, 20 * 14, 'many ask while connections come and go');
	is($missing, 0, 'none of those that stay is missing');
	is($server->stop, 0, 'the server ends cleanly');
}
