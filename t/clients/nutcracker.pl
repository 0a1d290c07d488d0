#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# nutcracker.pl - three servers behind twemproxy, which spreads the keys over
# them and sends what many clients want down one connection:
#
#	nutcracker.pl text HOST:PORT HOST:PORT HOST:PORT
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;

my (undef, @servers) = @ARGV;
my $program = Cairn::find_program('nutcracker') //
    (grep { -x } '/usr/sbin/nutcracker', '/usr/local/sbin/nutcracker')[0];

plan skip_all => 'nutcracker is not installed' if !$program;

my $dir = Cairn::scratch();
my $proxy = start_proxy();
my $client = Cairn::Connection->to("$dir/proxy");

commands();
pipeline();
spread();
lengths();
at_once();
restart();
kill 'INT', $proxy->{pid};
ok(defined $proxy->wait_for_exit($Cairn::TIMEOUT), 'the proxy ends');
done_testing;

sub
start_proxy
{
	open my $file, '>', "$dir/proxy.yml" or die $!;
	print $file <<CONFIGURATION, map { "   - $_:1\n" } @servers;
cache:
  listen: $dir/proxy 0666
  hash: fnv1a_64
  distribution: ketama
  timeout: 10000
  server_retry_timeout: 100
  servers:
CONFIGURATION
	close $file or die $!;
	for (1 .. 5) {
		my $proxy = Cairn->run([$program, '-c', "$dir/proxy.yml",
		    '-o', "$dir/log", '-p', "$dir/pid", '-a', '127.0.0.1',
		    '-s', Cairn::free_port()]);
		return $proxy if listens($proxy);
	}
	BAIL_OUT('nutcracker does not start: ' . Cairn::slurp("$dir/log"));
}

sub
listens
{
	my ($proxy) = @_;
	my $give_up = time + $Cairn::TIMEOUT;

	while ($proxy->alive && time < $give_up) {
		return 1 if eval { Cairn::Connection->to("$dir/proxy") };
		sleep 0.01;
	}
	return 0;
}

# Through the proxy each command does what it does without.
sub
commands
{
	is($client->set('a', '1', 5), 'STORED', 'set');
	is($client->get_with_flags('a', 5), '1', 'get');
	is($client->get('none'), undef, 'get of a missing key');
	$client->send("add a 0 0 1\r\n2\r\nadd b 0 0 1\r\n2\r\n" .
	    "replace b 0 0 1\r\n3\r\nappend b 0 0 1\r\n4\r\n" .
	    "prepend b 0 0 1\r\n2\r\n");
	is_deeply([$client->lines(5)], ['NOT_STORED', ('STORED') x 4],
	    'add, replace, append, prepend');
	is($client->get('b'), '234', 'the result');
	is($client->ask('incr b 6'), '240', 'incr');
	is($client->ask('decr b 241'), '0', 'decr');
	is($client->ask('touch b 1000'), 'TOUCHED', 'touch');
	is($client->ask('touch none 1000'), 'NOT_FOUND', 'touch nothing');
	$client->send("gets a\r\n");
	my ($unique) = $client->line =~ /^VALUE a 5 1 (\d+)$/;
	$client->lines(2);
	for my $want ('STORED', 'EXISTS') {
		$client->send("cas a 0 0 1 $unique\r\nx\r\n");
		is($client->line, $want, "cas: $want");
	}
	is($client->ask('delete a'), 'DELETED', 'delete');
	is($client->ask('delete a'), 'NOT_FOUND', 'delete again');
}

sub
pipeline
{
	$client->send(join '', map { "set p$_ 0 0 1\r\n" . $_ % 10 . "\r\n" }
	    1 .. 1000);
	is_deeply([grep { $_ ne 'STORED' } $client->lines(1000)], [],
	    'a pipeline of sets');
	$client->send(join '', map { "get p$_\r\n" } 1 .. 1000);
	is_deeply([map { ($client->lines(3))[1] } 1 .. 1000],
	    [map { $_ % 10 } 1 .. 1000], 'a pipeline of gets');
}

# A get of many keys is cut in three and put together again.
sub
spread
{
	$client->send('get ' . join(' ', map { "p$_" } 1 .. 200) . "\r\n");
	my %value = $client->until("END\r\n") =~ /^VALUE (\S+) .*\r\n(.)/mg;
	is_deeply(\%value, { map { ("p$_" => $_ % 10) } 1 .. 200 },
	    'a get of many keys');
	for my $address (@servers) {
		my $server = Cairn::Connection->to($address);
		my $count = grep { defined $server->get("p$_") } 1 .. 1000;
		cmp_ok($count, '>', 10, 'a server has some');
		cmp_ok($count, '<', 950, 'but not all');
	}
}

sub
lengths
{
	for my $length (0, 1, 10_000, 900_000) {
		my $value = "END\r\n" x ($length / 5) . 'x' x ($length % 5);
		is($client->set('length', $value), 'STORED',
		    "set $length bytes");
		ok($client->get('length') eq $value, "get $length bytes");
	}
}

sub
at_once
{
	my @clients = map { Cairn::Connection->to("$dir/proxy") } 1 .. 20;
	my @got;

	$client->set('n', '0');
	for (1 .. 20) {
		$_->send("incr n 1\r\n") for @clients;
		push @got, map { $_->line } @clients;
	}
	is_deeply([sort { $a <=> $b } @got], [1 .. 400],
	    'clients at once count');
}

# The first server's keys are lost, those of the others are not.
sub
restart
{
	my $give_up = time + 20;
	my $stored = 0;

	kill 'TERM', $ENV{CAIRN_PID};
	sleep 0.01 while kill(0, $ENV{CAIRN_PID}) && time < $give_up;
	while ($stored < 1000 && time < $give_up) {
		$client->send(join '', map { "set q$_ 0 0 1\r\nx\r\n" }
		    1 .. 1000);
		$stored = grep { $_ eq 'STORED' } $client->lines(1000);
	}
	is($stored, 1000, 'after a restart all can be stored');
	my $here = grep { defined $client->get("p$_") } 1 .. 1000;
	cmp_ok($here, '>', 50, 'what the others had is there');
	cmp_ok($here, '<', 990, 'what the first had is not');
}
