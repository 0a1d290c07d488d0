#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# memcached_tool.pl - memcached-tool, by which administrators look into a
# server and carry its content to another:
#
#	memcached_tool.pl text HOST:PORT HOST:PORT
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Time::HiRes qw(sleep);

use Cairn;

my (undef, $server, $other) = @ARGV;
my ($program) = grep { defined && -x } Cairn::find_program('memcached-tool'),
    '/usr/share/memcached/scripts/memcached-tool';

plan skip_all => 'memcached-tool is not installed' if !$program;

my $client = Cairn::Connection->to($server);
my %value = (map({ ("key$_" => "value $_\r\n" x $_) } 1 .. 100),
    long => 'x' x 900_000, empty => '', 'per%cent' => 'y');

$client->set($_, $value{$_}, 7) for keys %value;
$client->set('mortal', 'x', 7, 1000);
general();
settings();
display();
sizes();
names();
carry_over();
done_testing;

sub
tool
{
	my (@words) = @_;
	my $process = Cairn->run([$^X, $program, $server, @words]);
	my $status = $process->wait_for_exit($Cairn::TIMEOUT);

	$process->stop if !defined $status;
	is($status, 0, "@words: exit status");
	return ($process->stdout, $process->stderr);
}

# Lines of a name and a number.
sub
figures
{
	my ($output) = @_;

	return $output =~ /^\s*(\w+)\s+(\S+)\s*$/mg;
}

sub
general
{
	my %stats = figures(tool('stats'));

	is($stats{curr_items}, 104, 'stats: curr_items');
	is($stats{cmd_set}, 104, 'stats: cmd_set');
	like($stats{version}, qr/^1\.\d+\.\d+/, 'stats: version');
}

sub
settings
{
	my %settings = figures(tool('settings'));

	is($settings{maxbytes}, 64 << 20, 'settings: maxbytes');
	is($settings{item_size_max}, 1 << 20, 'settings: item_size_max');
}

# A line for each slab class: number, size, age, pages, items.
sub
display
{
	my ($output, $words) = tool('display');
	my ($head, @lines) = split /\n/, $output;
	my ($items, $pages) = (0, 0);

	for my $line (@lines) {
		my @field = split ' ', $line;
		$pages += $field[3];
		$items += $field[4];
	}
	is($words, '', 'display: without complaints');
	like($head, qr/#\s+Item_Size\s+Max_age\s+Pages\s+Count/,
	    'display: has a head');
	cmp_ok(scalar @lines, '>', 3, 'display: has classes');
	is($items, 104, 'display: the items of all classes');
	cmp_ok($pages, '>=', @lines, 'display: each class has a page');
}

sub
sizes
{
	my ($output) = tool('sizes');

	like($output, qr/sizes_status\s+disabled|^\s+\d+\s+\d+$/m,
	    'sizes: some, or that they are disabled');
}

# Items are found by the crawler of memcached once they have cooled.
sub
names
{
	my %exp;

	for (1 .. 40) {
		my ($output) = tool('keys');
		%exp = $output =~ /^key=(\S+) exp=(-?\d+) /mg;
		last if keys %exp == 104;
		sleep 0.1;
	}
	is_deeply([sort keys %exp],
	    [sort map({ s/%/%25/r } keys %value), 'mortal'],
	    'keys: all of them');
	is($exp{key1}, -1, 'keys: one lives for ever');
	cmp_ok($exp{mortal} - time, '<=', 1000, 'keys: one does not');
}

# A dump is a series of commands for another server.
sub
carry_over
{
	my ($dump) = tool('dump');
	my $sink = Cairn::Connection->to($other);

	$sink->send($dump);
	is_deeply([grep { $_ ne 'STORED' } $sink->lines(104)], [],
	    'dump: all is stored');
	is_deeply([grep { $sink->get_with_flags($_, 7) ne $value{$_} }
	    keys %value], [], 'dump: all comes back');
	is($sink->get_with_flags('mortal', 7), 'x', 'dump: the mortal, too');
}
