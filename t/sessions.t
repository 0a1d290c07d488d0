#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# sessions.t - play t/sessions/*.session over TCP and a unix socket, with one
# shard and with four. In the end a server looks itself over: its stores are
# sound, and no request ended in a way that replies.def does not know.
# Arguments name single session files:
#
#	prove t/sessions.t :: t/sessions/cas.session
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Cairn;
use Cairn::Session;

my @files = @ARGV ? @ARGV : Cairn::Session::files();
my @tests = map { Cairn::Session::read_file($_) } @files;
my @shards = Cairn::is_reference() ? (0) : (1, 4);

for my $shards (@shards) {
	for my $unix (0, 1) {
		play_all($shards, $unix);
	}
}
done_testing;

# Tests of the same flags share a server, unless they want a fresh one.
sub
play_all
{
	my ($shards, $unix) = @_;
	my $name = ($unix ? 'unix' : 'tcp') . ($shards ? " $shards" : '');
	my %server;

	for my $test (@tests) {
		next if $test->{debug} && Cairn::is_reference();
		my @flags = (@{$test->{flags}},
		    $shards ? ('-o', "shards=$shards") : ());
		my $server = $test->{fresh} ? undef : $server{"@flags"};
		$server ||= Cairn->start(flags => \@flags, unix => $unix,
		    debug => 1);
		$server{"@flags"} = $server if !$test->{fresh};
		local $TODO = !Cairn::is_reference() ? $test->{todo}
		    : $test->{differs} && 'memcached differs';
		my $wrong = Cairn::Session::play($test, $server);
		ok(!$wrong, "$name: $test->{file}: $test->{name}")
		    or diag($wrong);
		if (!$server->alive && !$test->{fresh}) {
			fail("$name: the server lives on after it");
			diag($server->stderr);
			delete $server{"@flags"};
		}
	}
	for my $flags (sort keys %server) {
		is(verify($server{$flags}), 'OK',
		    "$name: the server with '$flags' finds itself in order")
		    if !Cairn::is_reference();
		is($server{$flags}->stop, 0,
		    "$name: the server with '$flags' ends cleanly");
	}
}

sub
verify
{
	my ($server) = @_;

	return eval { $server->connect->ask('stats verify') } //
	    $server->stderr;
}
