#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# resp_sessions.t - play t/resp/*.session in RESP2 and RESP3, with one shard
# and with four; and to redis-server 7.0 where that is installed, which must
# answer as they say, too, but for the tests that have `! differs` or are about
# flags. Arguments name single session files.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Cairn;
use Cairn::Session;

my @files = @ARGV ? map { m{^/} ? $_ : "./$_" } @ARGV
    : Cairn::Session::files('resp');
my @tests = map { Cairn::Session::read_file($_) } @files;

if (!Cairn::is_redis()) {
	play_all(Cairn::debug_program(), $_) for 1, 4;
}
my $redis = Cairn::find_redis();
play_all($redis, 0) if $redis;
done_testing;

# Without Lua there are no scripts.
sub
has_scripts
{
	my ($program) = @_;
	my $server = Cairn->start(program => $program);
	my $reply = $server->connect->ask('EVAL "return 1" 0');

	$server->stop;
	return $reply eq ':1';
}

# Tests of the same flags share a server, unless they want a fresh one.
sub
play_all
{
	my ($program, $shards) = @_;
	my $is_redis = Cairn::is_redis($program);
	my $has_scripts = has_scripts($program);
	my %server;

	for my $test (@tests) {
		next if $test->{file} =~ /^scripts/ && !$has_scripts;
		my @flags = $is_redis ? ()
		    : (@{$test->{flags}}, '-o', "shards=$shards");

		next if $is_redis && ($test->{differs} || @{$test->{flags}});
		for my $version ($test->{only} // (2, 3)) {
			my $server = $test->{fresh} ? undef
			    : $server{"@flags"};
			$server ||= Cairn->start(program => $program,
			    flags => \@flags);
			$server{"@flags"} = $server if !$test->{fresh};
			play($test, $server, $version, $shards);
			delete $server{"@flags"} if !$server->alive;
		}
	}
	for my $flags (sort keys %server) {
		my $server = $server{$flags};
		is(eval { $server->connect->ask('stats verify') } //
		    $server->stderr, 'OK',
		    "the server with '$flags' finds itself in order")
		    if !$is_redis;
		is($server->stop, 0, "the server with '$flags' ends cleanly");
	}
}

sub
play
{
	my ($test, $server, $version, $shards) = @_;
	my $name = "RESP$version " . ($shards || 'redis') .
	    ": $test->{file}: $test->{name}";
	local $TODO = $shards ? $test->{todo} : undef;
	my $wrong = Cairn::Session::play($test, $server, $version);

	ok(!$wrong, $name) or diag($wrong);
	return if $server->alive || $test->{fresh};
	fail("$name: the server lives on after it");
	diag($server->stderr);
}
