#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# libmemcached.pl - the command line tools of libmemcached at work:
#
#	libmemcached.pl text|binary HOST:PORT
#
# Debian calls them memcNAME, others memNAME.
use strict;
use warnings;

use File::Temp;
use Test::More;
use Time::HiRes qw(sleep);

my ($mode, $address) = @ARGV;
my ($host, $port) = split /:/, $address;
my $binary = $mode eq 'binary';
my $dir = File::Temp->newdir;

plan skip_all => 'the tools of libmemcached are not installed'
    if !find('capable') || !find('cat');
capable();
ping();
files();
values_and_flags();
deletion_and_expiry();
dump_and_flush();
statistics();
slap();
aslap() if find('aslap');
done_testing;

sub
find
{
	my ($name) = @_;

	for my $path (split /:/, "$ENV{PATH}:/usr/bin:/usr/local/bin") {
		for my $program ("$path/memc$name", "$path/mem$name") {
			return $program if -x $program;
		}
	}
	return undef;
}

# Run a tool with the server and words of its own: its exit status, output
# and complaints.
sub
tool
{
	my ($name, @words) = @_;
	my @where = ("--servers=$address");

	push @where, '--binary' if $binary && $name !~ /^(ping|dump)$/;
	return run(find($name), @where, @words);
}

sub
run
{
	my (@command) = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0) {
		chdir $dir;
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$dir/stdout";
		open STDERR, '>', "$dir/stderr";
		exec { $command[0] } @command or exit 127;
	}
	waitpid $pid, 0;
	return ($? & 127 ? -1 : $? >> 8, slurp("$dir/stdout"),
	    slurp("$dir/stderr"));
}

sub
slurp
{
	my ($path) = @_;

	open my $file, '<:raw', $path or die "$path: $!";
	local $/;
	my $content = <$file>;
	return $content // '';
}

sub
spew
{
	my ($name, $bytes) = @_;

	open my $file, '>:raw', "$dir/$name" or die "$name: $!";
	print $file $bytes;
	close $file or die "$name: $!";
}

# Its tests of single commands.
sub
capable
{
	my ($status, $output) = run(find('capable'), $binary ? '-b' : '-a',
	    '-t', 10, '-h', $host, '-p', $port);
	my $tests = 0;

	for my $line (split /\n/, $output) {
		next if $line !~ /^((?:ascii|binary) .*?)\s+\[(\w+)\]/;
		is($2, 'pass', "memccapable: $1");
		$tests++;
	}
	cmp_ok($tests, '>=', 20, 'memccapable: tests were run');
	is($status, 0, 'memccapable: exit status') or diag($output);
}

sub
ping
{
	is((tool('ping'))[0], 0, 'memcping: the server answers');
}

# A file goes in and comes out, whatever its length and its bytes.
sub
files
{
	my $bytes = join '', map { chr } 0 .. 255;

	for my $length (0, 1, 100, 10_000, 900_000) {
		my $name = "file$length";
		my $content = substr $bytes x ($length / 256 + 1), 0, $length;
		spew($name, $content);
		is((tool('cp', $name))[0], 0, "memccp: $length bytes go in");
		my ($status) = tool('cat', "--file=$dir/copy", $name);
		ok($status == 0 && slurp("$dir/copy") eq $content,
		    "memccat: $length bytes come out");
	}
	spew('large', 'x' x (1024 * 1024 + 1));
	my ($status, undef, $words) = tool('cp', 'large');
	isnt($status, 0, 'memccp: a value over 1 MB is refused');
	like($words, qr/too big|too large|error/i, 'memccp: and says why');
	spew($_, "content of $_") for 'a' .. 'j';
	is((tool('cp', 'a' .. 'j'))[0], 0, 'memccp: many files');
	is((tool('cat', 'a' .. 'j'))[1],
	    join('', map { "content of $_\n" } 'a' .. 'j'),
	    'memccat: many keys');
}

sub
values_and_flags
{
	spew('flagged', 'new');
	is((tool('cp', '--flag=123456', 'flagged'))[0], 0, 'memccp --flag');
	like((tool('cat', '--flags', 'flagged'))[1], qr/\b123456\b.*new/s,
	    'memccat --flags');
	isnt((tool('cp', '--add', 'flagged'))[0], 0,
	    'memccp --add: not over a value');
	is((tool('cp', '--replace', 'flagged'))[0], 0, 'memccp --replace');
	spew('nowhere', 'x');
	isnt((tool('cp', '--replace', 'nowhere'))[0], 0,
	    'memccp --replace: not without a value');
	is((tool('cp', '--add', 'nowhere'))[0], 0, 'memccp --add');
	is((tool('cat', 'nowhere'))[1], "x\n", 'memccat: what was added');
}

sub
deletion_and_expiry
{
	is((tool('exist', 'a'))[0], 0, 'memcexist: there');
	is((tool('rm', 'a'))[0], 0, 'memcrm');
	isnt((tool('exist', 'a'))[0], 0, 'memcexist: gone');
	isnt((tool('rm', 'a'))[0], 0, 'memcrm: nothing to remove');
	is((tool('touch', '--expire=1000', 'b'))[0], 0, 'memctouch');
	is((tool('cat', 'b'))[1], "content of b\n", 'memccat: it lives on');
	isnt((tool('touch', '--expire=1000', 'a'))[0], 0,
	    'memctouch: nothing to touch');
	is((tool('touch', '--expire=2600000', 'b'))[0], 0,
	    'memctouch: a time in 1970');
	isnt((tool('exist', 'b'))[0], 0, 'memctouch: expires it');
	is((tool('cp', '--expire=2600000', 'c'))[0], 0,
	    'memccp: with a time in 1970');
	isnt((tool('exist', 'c'))[0], 0, 'memccp: is not there');
}

sub
dump_and_flush
{
	is((tool('flush'))[0], 0, 'memcflush');
	isnt((tool('exist', 'd'))[0], 0, 'memcflush: empty');
	is((tool('cp', 'd' .. 'j'))[0], 0, 'memccp: anew');
	is_deeply([dumped()], ['d' .. 'j'], 'memcdump: all keys');
}

# memcached shows what was flushed, too, and what is new only after a while.
sub
dumped
{
	my @keys;

	for (1 .. 40) {
		@keys = grep { /^.$/ } sort split /\n/, (tool('dump'))[1];
		last if @keys >= 7;
		sleep 0.05;
	}
	return @keys;
}

sub
statistics
{
	my ($status, $output) = tool('stat');
	my %stats = $output =~ /^\s+(\w+): (.*)$/mg;

	is($status, 0, 'memcstat');
	cmp_ok($stats{curr_items}, '>=', 7, 'memcstat: curr_items');
	cmp_ok($stats{get_hits}, '>', 10, 'memcstat: get_hits');
	like(join('', tool('stat', '--server-version')), qr/\d+\.\d+\.\d+/,
	    'memcstat: the version');
	like((tool('stat', 'settings'))[1], qr/^\s+maxbytes: \d+$/m,
	    'memcstat: settings');
	like((tool('stat', '--analyze=latency'))[1], qr/latency/i,
	    'memcstat: latency');
}

# The exit status is 0 whatever happens; errors are in what it says.
sub
slap
{
	for my $options (['set'], ['get'], ['mget'],
	    ['set', '--non-blocking', '--tcp-nodelay']) {
		my ($test, @more) = @$options;
		my ($status, $output, $words) = tool('slap', "--test=$test",
		    '--concurrency=4', '--execute-number=1000', @more);
		ok($status == 0 && "$output$words" !~ /error|fail/i &&
		    $output =~ /^Time to $test +4000 keys by/m,
		    "memcslap: $test @more") or diag($output, $words);
	}
}

# It remembers what it has set and compares.
sub
aslap
{
	my ($status, $output) = run(find('aslap'), "--servers=$address",
	    '--threads=1', '--concurrency=8', '--execute_number=20000',
	    '--verify=1.0', $binary ? '--binary' : ());
	my %count = $output =~ /^(\w+): (\d+)$/mg;

	is($status, 0, 'memcaslap');
	is($count{cmd_get}, 18_000, 'memcaslap: has got');
	is($count{cmd_set}, 2000, 'memcaslap: has set');
	is($count{$_}, 0, "memcaslap: $_")
	    for qw(get_misses verify_misses verify_failed);
}
