#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# restart.t - with -e items outlive the server's orderly end, and nothing
# else does.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use Cairn;

my $LARGE = 900_000;

# A server with a file of its own; flags are put after -e.
sub
serve
{
	my ($dir, @flags) = @_;

	return Cairn->start(unix => 1, flags => ['-e', "$dir/memory",
	    @flags]);
}

# Does one item that was stored before come back after this? Returns the
# second server and what it logged.
sub
comes_back
{
	my ($server, $dir, @flags) = @_;
	my $next = serve($dir, @flags);
	my $client = $next->connect;
	my $value = $client->get('key');
	my $words = $next->stderr;

	$client->close;
	return wantarray ? ($value, $words, $next) : $value;
}

sub
with_an_item
{
	my ($dir, @flags) = @_;
	my $server = serve($dir, @flags);
	my $client = $server->connect;

	is($client->set('key', 'value'), 'STORED', 'an item is stored');
	$client->close;
	return $server;
}

sub
value_of
{
	my ($n) = @_;

	return "value $n " x ($n % 50);
}

sub
large_value
{
	my ($n) = @_;

	return substr "large $n " x $LARGE, 0, $LARGE - $n * 100_000;
}

sub
fill
{
	my ($client) = @_;

	for my $n (1 .. 500) {
		my $value = value_of($n);

		$client->send(sprintf "set k%d %d 1000 %d noreply\r\n%s\r\n",
		    $n, $n * 3, length $value, $value);
	}
	for my $n (1 .. 5) {
		is($client->set("large$n", large_value($n)), 'STORED',
		    "large value $n is stored");
	}
	is($client->set('counter', '41'), 'STORED', 'a counter is stored');
}

sub
unique_of
{
	my ($client, $key) = @_;

	$client->send("gets $key\r\n");
	my ($unique) = $client->line =~ /^VALUE \S+ \d+ \d+ (\d+)$/;
	$client->line for 1 .. 2;
	return $unique;
}

sub
keeps_all_of_an_item
{
	my $dir = Cairn::scratch();
	my $server = serve($dir, '-m', 64);
	my $client = $server->connect;
	my $wrong = 0;

	fill($client);
	my $unique = unique_of($client, 'k7');
	my $items = $server->stats->{curr_items};
	is($server->stop('USR1'), 0, 'SIGUSR1 ends the server');
	ok(-e "$dir/memory.meta", 'and leaves a file beside the memory');
	$server = serve($dir, '-m', 64);
	is($server->stats->{curr_items}, $items,
	    'the next one has as many items');
	like($server->stderr, qr/memory: $items items are back/,
	    'and says so');
	ok(!-e "$dir/memory.meta", 'the file was taken away');
	$client = $server->connect;
	for my $n (1 .. 500) {
		$wrong++ if ($client->get_with_flags("k$n", $n * 3) //
		    '') ne value_of($n);
	}
	is($wrong, 0, 'with their values and flags');
	for my $n (1 .. 5) {
		ok($client->get("large$n") eq large_value($n),
		    "large value $n, too");
	}
	is($client->ask('incr counter 1'), '42', 'a counter goes on');
	$client->send('cas k7 0 0 3 ' . ($unique + 1) . "\r\nnew\r\n");
	is($client->line, 'EXISTS', 'another unique is refused');
	$client->send("cas k7 0 0 3 $unique\r\nnew\r\n");
	is($client->line, 'STORED', 'the unique is still the right one');
	like($client->ask('mg k8 t'), qr/^HD t(9\d\d|1000)$/,
	    'the time to live goes on');
	is($server->stop('USR1'), 0, 'it ends again');
	$server = serve($dir, '-m', 64);
	is($server->connect->get('counter'), '42',
	    'what was changed meanwhile comes back, too');
	is($server->stop, 0, 'a last end');
}

sub
any_orderly_end_will_do
{
	for my $signal (qw(USR1 TERM INT)) {
		my $dir = Cairn::scratch();
		my $server = with_an_item($dir);

		is($server->stop($signal), 0, "SIG$signal ends the server");
		is(comes_back($server, $dir), 'value',
		    "SIG$signal: the item comes back");
	}
	for my $words ('shutdown', 'shutdown graceful') {
		my $dir = Cairn::scratch();
		my $server = with_an_item($dir, '-A');

		$server->connect->send("$words\r\n");
		is($server->wait_for_exit(5 * $Cairn::SLOWNESS), 0,
		    "$words ends the server");
		is(comes_back($server, $dir, '-A'), 'value',
		    "$words: the item comes back");
	}
}

sub
a_crash_loses_all
{
	my $dir = Cairn::scratch();
	my $server = with_an_item($dir);

	$server->kill_group;
	my ($value, $words, $next) = comes_back($server, $dir);
	is($value, undef, 'after a crash there is nothing');
	like($words, qr{starting without items: there is no .*memory\.meta},
	    'and the server says why');
	# What was in order once is not in order for ever.
	$next->connect->set('key', 'value');
	is($next->stop, 0, 'an orderly end');
	($value, $words, $next) = comes_back($next, $dir);
	is($value, 'value', 'after it the item is there');
	$next->connect->set('key', 'newer');
	$next->kill_group;
	is(comes_back($next, $dir), undef,
	    'and after a crash it is not, old or new');
}

sub
other_settings_mean_a_cold_start
{
	my @others = (
		[['-m', 65], 'memory-limit'], [['-I', '2m'], 'max-item-size'],
		[['-f', 1.5], 'slab-growth-factor'],
		[['-n', 100], 'slab-min-size'], [['-C'], 'cas'],
		[['-o', 'shards=8'], 'shards'],
	);

	for my $other (@others) {
		my ($flags, $name) = @$other;
		my $dir = Cairn::scratch();
		my $server = with_an_item($dir, '-o', 'shards=2');

		is($server->stop, 0, "@$flags: an orderly end");
		my ($value, $words) = comes_back($server, $dir, '-o',
		    'shards=2', @$flags);
		is($value, undef, "@$flags: the item is not there");
		like($words, qr/it was left with "$name \S+", and this is /,
		    "@$flags: the server says why");
	}
	# What does not matter to memory does not matter.
	my $dir = Cairn::scratch();
	my $server = with_an_item($dir, '-o', 'shards=2');

	is($server->stop, 0, 'an orderly end');
	is(comes_back($server, $dir, '-o', 'shards=2', '-M', '-c', 100, '-v'),
	    'value', '-M and -c may differ');
}

# Each takes the directory and does something to the files.
sub
edit
{
	my ($path, $change) = @_;

	open my $file, '+<', $path or die "$path: $!";
	binmode $file;
	$change->($file);
	close $file;
}

sub
flip_byte
{
	my ($path, $at) = @_;

	edit($path, sub {
		my ($file) = @_;

		seek $file, $at, $at < 0 ? 2 : 0;
		my $where = tell $file;
		read $file, my $byte, 1;
		seek $file, $where, 0;
		print $file chr(ord($byte) ^ 1);
	});
}

# Where the value lies in the memory file.
sub
place_of
{
	my ($path, $bytes) = @_;
	my ($offset, $found) = (0);

	open my $file, '<', $path or die "$path: $!";
	binmode $file;
	while (read $file, my $part, 1 << 20) {
		my $at = index $part, $bytes;

		$found = $offset + $at if $at >= 0;
		$offset += length $part;
	}
	return $found;
}

sub
damage_means_a_cold_start
{
	my %damages = (
		'an empty meta file' => sub { truncate "$_[0].meta", 0 },
		'half of the meta file' => sub {
			truncate "$_[0].meta", (-s "$_[0].meta") / 2;
		},
		'a changed first byte of the meta file' =>
		    sub { flip_byte("$_[0].meta", 0) },
		'a changed byte in the middle of the meta file' =>
		    sub { flip_byte("$_[0].meta", (-s "$_[0].meta") / 2) },
		'a changed checksum' => sub { flip_byte("$_[0].meta", -3) },
		'more than the meta file' => sub {
			open my $file, '>>', "$_[0].meta";
			print $file "more\n";
		},
		'a NUL in the meta file' => sub {
			edit("$_[0].meta", sub {
				seek $_[0], 100, 0;
				print { $_[0] } "\0";
			});
		},
		'a changed byte of the item' => sub {
			flip_byte($_[0], place_of($_[0], 'keyvalue') + 5);
		},
		'a changed header of the item' => sub {
			flip_byte($_[0], place_of($_[0], 'keyvalue') - 4);
		},
		'a shorter file' => sub { truncate $_[0], (-s $_[0]) - 1 },
		'a file cut in half' => sub { truncate $_[0], 5 << 20 },
		'a longer file' => sub { truncate $_[0], (-s $_[0]) + 1 },
		'an empty file' => sub { truncate $_[0], 0 },
		'a file of zeros' => sub {
			my $size = -s $_[0];

			truncate $_[0], 0;
			truncate $_[0], $size;
		},
		'no file' => sub { unlink $_[0] },
	);

	for my $what (sort keys %damages) {
		my $dir = Cairn::scratch();
		my $server = with_an_item($dir);

		is($server->stop, 0, "$what: an orderly end");
		$damages{$what}->("$dir/memory");
		my ($value, $words, $next) = comes_back($server, $dir);
		is($value, undef, "$what: the item is not there");
		like($words, qr/starting without items: \S/,
		    "$what: the server says why");
		is($next->connect->set('key', 'value'), 'STORED',
		    "$what: and serves");
		is($next->stop, 0, "$what: and ends");
		is(comes_back($next, $dir), 'value',
		    "$what: after which all is well");
	}
}

sub
refuses
{
	my ($dir, $words, $name) = @_;
	my $server = Cairn->launch(unix => 1, flags => ['-e',
	    "$dir/memory"]);

	$server->wait_for_exit(10 * $Cairn::SLOWNESS);
	ok(defined $server->{status} && $server->{status} != 0,
	    "$name: the server does not start");
	like($server->stderr, $words, "$name: and says why");
}

sub
takes_no_file_but_its_own
{
	my $dir = Cairn::scratch();
	my $server = with_an_item($dir);

	refuses($dir, qr/memory: another server uses it/, 'a file in use');
	is($server->connect->get('key'), 'value',
	    'the first server goes on with it');
	$server->stop;
	$dir = Cairn::scratch();
	open my $file, '>', "$dir/memory" or die;
	print $file "somebody's letter\n";
	close $file;
	chmod 0666, "$dir/memory";
	refuses($dir, qr/memory: this is not a file for memory/,
	    "somebody's file");
	is(Cairn::slurp("$dir/memory"), "somebody's letter\n",
	    'it is as it was');
	unlink "$dir/memory";
	mkdir "$dir/memory";
	refuses($dir, qr/memory: Is a directory/, 'a directory');
	rmdir "$dir/memory";
	refuses("$dir/none", qr/No such file or directory/, 'no directory');
}

sub
time_goes_by_meanwhile
{
	my $dir = Cairn::scratch();
	my $server = with_an_item($dir);
	my $client = $server->connect;

	$client->send("set short 0 1 1\r\nx\r\nset long 0 100 1\r\nx\r\n");
	$client->lines(2);
	is($server->stop, 0, 'an orderly end');
	sleep 2;
	my ($value, $words, $next) = comes_back($server, $dir);
	$client = $next->connect;
	is($client->get('short'), undef,
	    'an item that fell due meanwhile is gone');
	is($client->get('long'), 'x', 'another one is there');
	is($client->ask('flush_all 3'), 'OK', 'a flush is to come');
	is($next->stop, 0, 'an orderly end');
	my $third = serve($dir);
	$client = $third->connect;
	my $gone = 0;
	for (1 .. 600) {
		$gone = !defined $client->get('long') and last;
		select undef, undef, undef, 0.01;
	}
	ok($gone, 'the flush comes after the restart');
}

sub
is_as_large_as_the_limit_at_most
{
	my $dir = Cairn::scratch();
	my $server = with_an_item($dir, '-m', 16);
	my $client = $server->connect;

	is($client->ask('cache_memlimit 8'), 'OK', 'the limit goes down');
	is($client->ask('cache_memlimit 16'), 'OK', 'and back');
	like($client->ask('cache_memlimit 1000'), qr/^MEMLIMIT_ADJUST_FAILED/,
	    'but not above what the file holds');
	my $value = 'x' x 100_000;
	is($client->set("big$_", $value), 'STORED', "big value $_")
	    for 1 .. 3;
	$client->send("set big$_ 0 0 100000 noreply\r\n$value\r\n")
	    for 4 .. 500;
	my ($status) = $client->ask('mn');
	is($status, 'MN', 'more than fits is stored');
	my $items = $server->stats->{curr_items};
	ok($items > 50 && $items < 200, 'and some of it kept');
	cmp_ok((stat "$dir/memory")[12] * 512, '<', 20 << 20,
	    'the file takes no more than the limit');
	is($server->stop, 0, 'an orderly end');
	$server = serve($dir, '-m', 16);
	is($server->stats->{curr_items}, $items, 'all come back');
}

sub
what_cannot_be_written_is_lost
{
	my $dir = Cairn::scratch();
	my $server = with_an_item($dir);

	mkdir "$dir/memory.meta.new";
	is($server->stop, 0, 'an end without room for the meta file');
	like($server->stderr, qr/memory\.meta: .*the items are lost/,
	    'is told of');
	is(comes_back($server, $dir), undef, 'and the items are gone');
}

sub
is_told_by_stats_settings
{
	my $dir = Cairn::scratch();
	my $server = serve($dir);

	is($server->stats('settings')->{memory_file}, "$dir/memory",
	    'stats settings names the file');
}

keeps_all_of_an_item();
any_orderly_end_will_do();
a_crash_loses_all();
other_settings_mean_a_cold_start();
damage_means_a_cold_start();
takes_no_file_but_its_own();
time_goes_by_meanwhile();
is_as_large_as_the_limit_at_most();
what_cannot_be_written_is_lost();
is_told_by_stats_settings();
done_testing();
