#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# redis_tools.pl - redis-cli and redis-benchmark at work:
#
#	redis_tools.pl text HOST:PORT
use strict;
use warnings;

use IPC::Open2;
use Test::More;

my $PATIENCE = 30;

my ($mode, $address) = @ARGV;
my ($host, $port) = split /:/, $address;

for my $tool (qw(redis-cli redis-benchmark)) {
	plan skip_all => "$tool is not installed"
	    if !grep { -x "$_/$tool" } split /:/, $ENV{PATH};
}
is(cli('', 'mset', 'a', 1, 'bb', 22, 'ccc', 333), "OK\n", 'redis-cli sets');
is(join('', sort split /^/, cli('', '--scan')), "a\nbb\nccc\n",
    'it scans');
like(cli('', '--bigkeys'), qr/3 strings with 6 bytes/, 'big keys');
is(cli('', 'hset', 'hash', map { ("f$_", $_) } 1 .. 9), "9\n", 'a hash');
like(cli('', '--bigkeys'), qr/1 hashs with 9 fields/, 'big hashes');
is(cli('', 'del', 'hash'), "1\n", 'that is gone');
like(cli('', '--memkeys'), qr/3 strings with \d+ bytes/, 'large ones');
like(cli('', 'info'), qr/^db0:keys=3,/m, 'INFO');
like(cli('', '-3', 'info', 'server'), qr/^redis_mode:standalone/m,
    'INFO in RESP3');
like(cli("help get\n"), qr/Give a value/, 'help comes from the server');
like(stat_lines(), qr/^3 +\d\S* +\d+ +0 +\d+ \(\+\d+\) +\d+/m, '--stat');
interactive();
is(cli("*3\r\n\$3\r\nSET\r\n\$1\r\nd\r\n\$1\r\n4\r\n" x 1000, '--pipe')
    =~ /errors: 0, replies: 1000/, 1, '--pipe');
for my $pipeline (1, 16) {
	my $output = run('', 'redis-benchmark', '-h', $host, '-p', $port,
	    '-q', '-n', 2000, '-P', $pipeline, '-t',
	    'ping,set,get,incr,mset,hset');
	my @done = $output =~ /([\d.]+) requests per second/g;

	is(scalar @done, 7, "redis-benchmark, $pipeline at a time");
	unlike($output, qr/error|warn/i, 'and has nothing to say');
}
done_testing;

sub
cli
{
	my ($input, @words) = @_;

	return run($input, 'redis-cli', '-h', $host, '-p', $port, @words);
}

# At a terminal redis-cli shows the words that a call takes, as it was told by
# COMMAND DOCS; script(1) makes one.
sub
interactive
{
	SKIP: {
		skip 'no script(1) here', 5
		    if !grep { -x "$_/script" } split /:/, $ENV{PATH};
		my $screen = terminal('set a "b c"', 'get a', 'append',
		    'nosuch', 'select 3', 'dbsize');

		like($screen, qr/:$port> .*\bOK\b/s, 'a prompt');
		like($screen, qr/"b c"/, 'a value');
		like($screen, qr/append.{0,20} key value/s,
		    'the words of a call');
		like($screen, qr/unknown command 'nosuch'/, 'an error');
		like($screen, qr/:$port\[3\]> /, 'the database');
	}
}

# What redis-cli shows when somebody types these lines, each at a prompt:
# what was typed before is thrown away.
sub
terminal
{
	my (@lines) = @_;
	my ($screen, $seen) = ('', 0);
	my $prompt = qr/> /;	# later: the echo, the reply and a new one

	local $ENV{TERM} = 'xterm';
	local $ENV{REDISCLI_HISTFILE} = '/dev/null';
	local $SIG{ALRM} = sub { die "no prompt after '$screen'\n" };
	alarm $PATIENCE;
	my $pid = open2(my $from, my $to, 'script', '-qfec', 'stty cols 80; ' .
	    "exec redis-cli -h $host -p $port", '/dev/null');
	for my $line (@lines, 'quit') {
		1 while substr($screen, $seen) !~ /$prompt/ &&
		    sysread($from, $screen, 4096, length $screen);
		$seen = length $screen;
		$prompt = qr/\n.*\n\S+:\d+(\[\d\])?> /s;
		syswrite($to, "$line\r");
	}
	1 while sysread($from, $screen, 4096, length $screen);
	waitpid $pid, 0;
	alarm 0;
	return $screen;
}

# What a program says to some input.
sub
run
{
	my ($input, @command) = @_;
	my $pid = open(my $from, '-|') // die "fork: $!";

	if ($pid == 0) {
		open STDERR, '>&', \*STDOUT or die "stderr: $!";
		open(my $to, '|-', @command) or die "$command[0]: $!";
		print $to $input;
		close $to;
		exit 0;
	}
	local $/;
	return scalar <$from>;
}

# The first lines of --stat, which does not end by itself.
sub
stat_lines
{
	my $pid = open(my $from, '-|', 'redis-cli', '-h', $host, '-p', $port,
	    '--stat', '-i', '0.01') // die "redis-cli: $!";
	my $lines = '';

	for (1 .. 4) {
		$lines .= readline($from) // last;
	}
	kill 'TERM', $pid;
	close $from;
	return $lines;
}
