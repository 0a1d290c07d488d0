#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# nutcracker_redis.pl - three servers behind twemproxy for Redis clients, one
# of which dies and comes back:
#
#	nutcracker_redis.pl text HOST:PORT HOST:PORT HOST:PORT
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;
use Cairn::Resp;

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
  redis: true
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

# One request, in words; the reply in one line, a bulk as its bytes, an array
# in brackets.
sub
ask
{
	$client->send(Cairn::Resp::request(map { split / / } @_));
	return reply();
}

sub
reply
{
	my $head = $client->line;

	return $head if $head !~ /^([\$*])(-?\d+)/;
	return 'nil' if $2 < 0;
	return '[' . join(' ', map { reply() } 1 .. $2) . ']' if $1 eq '*';
	my $bytes = $client->exactly($2 + 2);
	return substr($bytes, 0, -2);
}

# Through the proxy each command does what it does without.
sub
commands
{
	is(ask('SET a 1'), '+OK', 'SET');
	is(ask('SET a 2 NX'), 'nil', 'SET with an option');
	is(ask('GET a'), '1', 'GET');
	is(ask('GET none'), 'nil', 'GET of a missing key');
	is(ask('SETEX e 100 x'), '+OK', 'SETEX');
	is(ask('TTL e'), ':100', 'TTL');
	is(ask('INCRBY a 41'), ':42', 'INCRBY');
	is(ask('APPEND a x'), ':3', 'APPEND');
	like(ask('INCR a'), qr/^-ERR value is not an integer/, 'an error');
	is(ask('MSET a 1 b 2 c 3 d 4'), '+OK', 'MSET over all');
	is(ask('MGET a none b c d'), '[1 nil 2 3 4]', 'MGET');
	is(ask('EXISTS a'), ':1', 'EXISTS');
	is(ask('DEL a b none c'), ':3', 'DEL');
	is(ask('GETSET d 5'), '4', 'GETSET');
	is(ask('TYPE d'), '+string', 'TYPE');
}

sub
pipeline
{
	$client->send(join '', map { Cairn::Resp::request('SET', "p$_", $_) }
	    1 .. 1000);
	is_deeply([grep { $_ ne '+OK' } map { reply() } 1 .. 1000], [],
	    'a pipeline of SETs');
	$client->send(join '', map { Cairn::Resp::request('GET', "p$_") }
	    1 .. 1000);
	is_deeply([map { reply() } 1 .. 1000], [1 .. 1000],
	    'a pipeline of GETs');
	for my $length (0, 1, 10_000, 900_000) {
		$client->send(Cairn::Resp::request('SET', 'length',
		    'x' x $length));
		is(reply(), '+OK', "SET $length bytes");
		ok(ask('GET length') eq 'x' x $length, "GET $length bytes");
	}
}

# How many of those keys the proxy has.
sub
present
{
	my ($letter) = @_;
	my $reply = ask('MGET', map { "$letter$_" } 1 .. 1000);

	return $reply =~ /^\[/ ? scalar(() = $reply =~ /\d+/g) : $reply;
}

sub
spread
{
	is(present('p'), 1000, 'MGET of many keys');
	for my $address (@servers) {
		my $server = Cairn::Connection->to($address);
		my $count = grep { defined $server->get("p$_") } 1 .. 1000;

		cmp_ok($count, '>', 10, 'a server has some');
		cmp_ok($count, '<', 950, 'but not all');
	}
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
		$client->send(join '', map { Cairn::Resp::request('SET',
		    "q$_", $_) } 1 .. 1000);
		$stored = grep { $_ eq '+OK' } map { reply() } 1 .. 1000;
	}
	is($stored, 1000, 'after a restart all can be stored');
	cmp_ok(present('p'), '>', 50, 'what the others had is there');
	cmp_ok(present('p'), '<', 990, 'what the first had is not');
}
