#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# redis_tools.pl - redis-cli and redis-benchmark at work:
#
#	redis_tools.pl text HOST:PORT
use strict;
use warnings;

use Test::More;

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
like(cli('', '--memkeys'), qr/3 strings with \d+ bytes/, 'large ones');
like(cli('', 'info'), qr/^db0:keys=3,/m, 'INFO');
like(cli('', '-3', 'info', 'server'), qr/^redis_mode:standalone/m,
    'INFO in RESP3');
like(cli("help get\n"), qr/Give a value/, 'help comes from the server');
like(stat_lines(), qr/^3 +\d\S* +\d+ +0 +\d+ \(\+\d+\) +\d+/m, '--stat');
is(cli("*3\r\n\$3\r\nSET\r\n\$1\r\nd\r\n\$1\r\n4\r\n" x 1000, '--pipe')
    =~ /errors: 0, replies: 1000/, 1, '--pipe');
for my $pipeline (1, 16) {
	my $output = run('', 'redis-benchmark', '-h', $host, '-p', $port,
	    '-q', '-n', 2000, '-P', $pipeline, '-t', 'ping,set,get,incr,mset');
	my @done = $output =~ /([\d.]+) requests per second/g;

	is(scalar @done, 6, "redis-benchmark, $pipeline at a time");
	unlike($output, qr/error|warn/i, 'and has nothing to say');
}
done_testing;

sub
cli
{
	my ($input, @words) = @_;

	return run($input, 'redis-cli', '-h', $host, '-p', $port, @words);
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
