#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# dump.t - lru_crawler metadump and mgdump: what they say about an item, that
# a key which is there all the while is listed exactly once whatever happens
# meanwhile, and that nobody waits or pays for a client that reads slowly.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Open3;
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;

my $MEGABYTE = 1 << 20;
my $LISTINGS_MAX = 4;
my $TOOL = '/usr/share/memcached/scripts/memcached-tool';

a_line_says_what_is_known_of_an_item();
classes_are_selected_by_their_numbers();
an_empty_cache_is_listed();
memcached_tool_dumps_what_was_stored();
if (Cairn::is_reference()) {
	done_testing;
	exit;
}

keys_of_any_bytes_are_listed();
for my $shards (1, 4) {
	a_key_is_listed_once_while_the_index_changes($shards);
	a_key_is_listed_once_while_pages_move($shards);
}
nobody_waits_for_a_listing();
a_listing_waits_for_its_reader();
there_is_an_end_to_listings();
what_follows_a_listing_waits_for_its_end();
a_server_ends_in_spite_of_a_listing();
done_testing;

# The lines of a metadump, after its OK and without its END.
sub
metadump
{
	my ($client, $which) = @_;
	my @lines;

	$client->send('lru_crawler metadump ' . ($which // 'all') . "\r\n");
	push @lines, $client->line while !@lines || $lines[-1] ne 'END';
	pop @lines;
	# Old servers begin at once.
	is(shift @lines, 'OK', 'a listing begins with OK')
	    if !Cairn::is_reference();
	return @lines;
}

# One hash of its fields per line, by key.
sub
fields
{
	my %fields;

	for my $line (@_) {
		my %field = map { /^(\w+)=(.*)$/ ? ($1, $2) : () }
		    split / /, $line;
		$field{key} =~ s/%([0-9A-F]{2})/chr hex $1/ge;
		$fields{$field{key}} = \%field;
	}
	return \%fields;
}

sub
a_line_says_what_is_known_of_an_item
{
	my $server = Cairn->start;
	my $client = $server->connect;

	$client->set('plain', 'x' x 10);
	$client->set('f%2,/', 'x' x 10, 5);
	$client->set('mortal', 'x' x 10, 0, 1000);
	$client->set('read', 'x' x 10);
	$client->set('large', 'x' x 5000);
	$client->send("gets read\r\n");
	my ($cas) = ($client->lines(3))[0] =~ /^VALUE read 0 10 (\d+)$/;
	my $now = $server->stats->{time};
	my @lines = metadump($client);
	my $of = fields(@lines);

	is(scalar @lines, 5, 'there is a line for each item');
	is(join(' ', sort keys %$of), 'f%2,/ large mortal plain read',
	    'with its key, in which odd bytes are escaped');
	like((grep { /^key=f/ } @lines)[0], qr/^key=f%252%2C%2F exp=-1 /,
	    'which looks so');
	is($of->{plain}{exp}, -1, 'exp is -1 for an item that stays');
	ok(abs($of->{mortal}{exp} - $now - 1000) <= 1,
	    'and the time of expiry for one that does not')
	    or diag("$of->{mortal}{exp} at $now");
	is($of->{plain}{fetch}, 'no', 'fetch is no');
	is($of->{read}{fetch}, 'yes', 'and yes when it was read');
	is($of->{read}{cas}, $cas, 'cas is the unique that gets gave');
	cmp_ok($of->{plain}{size}, '>', 10, 'size is more than the value');
	cmp_ok($of->{plain}{size}, '<', 100, 'but not much');
	is($of->{large}{size} - $of->{plain}{size} > 4980, 1,
	    'a large item is larger');
	cmp_ok($of->{large}{cls}, '>', $of->{plain}{cls},
	    'and of another class');
	return if Cairn::is_reference();
	is($of->{plain}{flags}, 0, 'flags are 0');
	is($of->{'f%2,/'}{flags}, 5, 'or what the client gave');
	is($lines[0] =~ s/=\S+//gr, 'key exp la cas fetch cls size flags',
	    'the fields are in their order');

	$client->send("lru_crawler mgdump all\r\n");
	is(join(' ', sort $client->lines(5)), 'mg f%2,/ mg large mg mortal ' .
	    'mg plain mg read', 'mgdump has requests for the keys');
	is($client->line, 'EN', 'and ends with EN');
}

sub
classes_are_selected_by_their_numbers
{
	my $server = Cairn->start;
	my $client = $server->connect;

	$client->set("k.$_", 'x' x $_) for map { $_ * 37 } 1 .. 60;
	my $all = fields(metadump($client));
	my %class;
	push @{$class{$all->{$_}{cls}}}, $_ for sort keys %$all;
	my ($one, $two) = sort { $a <=> $b } keys %class;

	is(scalar keys %$all, 60, 'there is a line for each item');
	is_deeply([sort keys %{fields(metadump($client, $one))}],
	    $class{$one}, 'one class');
	is_deeply([sort keys %{fields(metadump($client, "$two,$one"))}],
	    [sort @{$class{$one}}, @{$class{$two}}], 'two classes');
	is_deeply([sort keys %{fields(metadump($client, 'hash'))}],
	    [sort keys %$all], 'hash is all');
}

sub
an_empty_cache_is_listed
{
	my $server = Cairn->start;
	my $client = $server->connect;

	is(scalar(metadump($client)), 0, 'an empty cache has no lines');
	$client->set('k', 'x', 0, -1);
	is(scalar(metadump($client)), 0, 'nor has an item that is due');
}

sub
memcached_tool_dumps_what_was_stored
{
	my $server = Cairn->start;
	my $client = $server->connect;
	my %value = map { ("key/$_ " =~ tr/ /%/r => "value $_" x $_) } 1 .. 50;

	SKIP: {
		skip 'no memcached-tool here', 2 if !-x $TOOL;
		$client->set($_, $value{$_}, 3) for keys %value;
		my $pid = open3(my $in, my $out, undef, $TOOL,
		    "127.0.0.1:$server->{port}", 'dump');
		my $text = do { local $/; <$out> };
		waitpid $pid, 0;
		my %got;
		while ($text =~ /^add (\S+) 3 0 (\d+)\r\n/mg) {
			$got{$1} = substr $text, pos $text, $2;
		}
		is(scalar keys %got, 50, 'memcached-tool dumps every item');
		is_deeply(\%got, \%value, 'with its value');
	}
}

sub
keys_of_any_bytes_are_listed
{
	my $server = Cairn->start;
	my $client = $server->connect;

	SKIP: {
		skip 'no meta commands yet', 5
		    if $client->ask('mn') ne 'MN';
		$client->send("ms AAog/w== 1 b\r\nx\r\n");
		is($client->line, 'HD', 'a key of odd bytes is stored');
		is((keys %{fields(metadump($client))})[0], "\0\n \xff",
		    'metadump escapes it');
		$client->send("lru_crawler mgdump all\r\n");
		is($client->line, 'mg AAog/w== b', 'mgdump has it in base64');
		is($client->line, 'EN', 'and ends');
	}
}

# What has come, 10 KB at most; waits for it.
sub
part
{
	my ($client) = @_;
	my $bytes = '';

	$client->{select}->can_read($Cairn::TIMEOUT) or die("no listing\n");
	sysread $client->socket, $bytes, 10_000 or die("a listing broke off\n");
	return $bytes;
}

sub
store_keys
{
	my ($client, $prefix, $from, $to, $length) = @_;
	my $value = 'x' x $length;

	$client->send(join('', map { "set $prefix$_ 0 0 $length noreply\r\n" .
	    "$value\r\n" } $from .. $to) . "get none\r\n");
	$client->line eq 'END' or die("not stored\n");
}

sub
delete_keys
{
	my ($client, $prefix, $from, $to) = @_;

	$client->send(join('', map { "delete $prefix$_ noreply\r\n" }
	    $from .. $to) . "get none\r\n");
	$client->line eq 'END' or die("not deleted\n");
}

# Play a listing of keys "s<number>" against $change->(), which is called
# between two parts of it. Keys that are there at the end were there all the
# time, for they are stored only before. Returns how many these are.
sub
listed_once
{
	my ($server, $name, $count, $change) = @_;
	my $lister = $server->connect;
	my $client = $server->connect;
	my ($rest, $steps, %seen, @there) = ('', 0);

	$lister->send("lru_crawler mgdump all\r\n");
	for (; $rest ne "EN\r\n"; $steps++) {
		my @lines = split /(?<=\n)/, $rest . part($lister);
		$rest = $lines[-1] eq "EN\r\n" || $lines[-1] !~ /\n\z/
		    ? pop @lines : '';
		$seen{$_}++ for map { /^mg (s\d+)\r\n\z/ ? $1 : () } @lines;
		$change->($client, $steps);
	}
	for (my $from = 1; $from <= $count; $from += 100) {
		$client->send('get ' . join(' ', map { "s$_" }
		    $from .. $from + 99) . "\r\n");
		while ((my $line = $client->line) ne 'END') {
			push @there, $1 if $line =~ /^VALUE (s\d+) /;
		}
	}
	cmp_ok($steps, '>=', 20, "$name: much was changed meanwhile");
	is(scalar(grep { !$seen{$_} } @there), 0,
	    "$name: no key is missed that was there all the while");
	is(scalar(grep { $_ > 1 } values %seen), 0,
	    "$name: none is listed twice");
	return scalar @there;
}

# The index grows with 200,000 more keys and shrinks as they go.
sub
a_key_is_listed_once_while_the_index_changes
{
	my ($shards) = @_;
	my $server = Cairn->start(unix => 1, flags => ['-o',
	    "shards=$shards"]);
	my $client = $server->connect;
	my $power = sub { $server->stats->{hash_power_level} };
	my ($before, $most, $sizes) = (undef, 0, 0);

	store_keys($client, 's', 1, 60_000, 10);
	$before = $power->();
	is(listed_once($server, "$shards shards, index", 60_000, sub {
		my ($client, $step) = @_;
		my $from = $step % 20 * 10_000;

		if ($step < 20) {
			store_keys($client, 'c', $from, $from + 9_999, 10);
		} elsif ($step < 40) {
			delete_keys($client, 'c', $from, $from + 9_999);
		}
		my $now = $power->();
		$most = $now if $now > $most;
	}), 60_000, "$shards shards, index: nothing was evicted");
	cmp_ok($most, '>', $before, "$shards shards, index: it has grown");
	cmp_ok($power->(), '<', $most, "$shards shards, index: and shrunk");
}

# Memory is short, and the sizes of what is stored change, so that pages move
# from class to class and items on them elsewhere.
sub
a_key_is_listed_once_while_pages_move
{
	my ($shards) = @_;
	my $server = Cairn->start(unix => 1, flags => ['-m', 16, '-o',
	    "shards=$shards", '-I', '512k']);
	my $client = $server->connect;
	my $moved = sub { $server->stats->{slabs_moved} };
	my $before;

	store_keys($client, 's', 1, 60_000, 60);
	# Those that were read stay longer.
	for (my $from = 1; $from <= 60_000; $from += 100) {
		$client->send('get ' . join(' ', map { "s$_" }
		    $from .. $from + 99) . "\r\n");
		$client->until("END\r\n");
	}
	$before = $moved->();
	my $there = listed_once($server, "$shards shards, pages", 60_000,
	    sub {
		my ($client, $step) = @_;
		my $length = (300, 3_000, 20_000)[$step % 3];

		# How many steps there are is up to the sockets.
		for my $round (1 .. $step == 0 ? 50 : 1) {
			store_keys($client, "c$step.$round.", 1,
			    1_500_000 / $length, $length);
			last if $moved->() > $before;
		}
	    });
	cmp_ok($there, '>', 1000, "$shards shards, pages: some are left");
	cmp_ok($there, '<', 60_000, "$shards shards, pages: some are gone");
	cmp_ok($moved->(), '>', $before, "$shards shards, pages: some moved");
}

# With one worker, the listing and the others share a thread.
sub
nobody_waits_for_a_listing
{
	my $server = Cairn->start(unix => 1, flags => ['-t', 1]);
	my $client = $server->connect;
	my ($lister, $other) = map { $server->connect } 1 .. 2;
	my ($bytes, $answers) = (0, 0);

	store_keys($client, 's', 1, 100_000, 10);
	$lister->send("lru_crawler metadump all\r\n");
	is($other->set('k', 'v'), 'STORED', 'a listing nobody reads: a set');
	is($other->get('k'), 'v', 'a listing nobody reads: a get');
	while ($bytes += length(my $part = part($lister))) {
		last if $part =~ /END\r\n\z/;
		# Without a pause the listing would go on all the time.
		$answers++ if defined $other->get('k');
	}
	cmp_ok($bytes, '>', 5 * $MEGABYTE, 'a listing that is read is long');
	cmp_ok($answers, '>', 100, 'and others are served between its parts');
}

sub
a_listing_waits_for_its_reader
{
	my $server = Cairn->start(unix => 1, flags => ['-m', 128]);
	my $client = $server->connect;
	my @listers = map { $server->connect } 1 .. $LISTINGS_MAX;

	store_keys($client, 's' . 'k' x 200, 1, 100_000, 10);
	my $before = $server->rss;
	$_->send("lru_crawler metadump all\r\n") for @listers;
	# Long enough to have listed everything, 27 MB each.
	sleep 0.3 * $Cairn::SLOWNESS;
	SKIP: {
		skip 'a sanitizer takes its own memory', 1
		    if $server->is_instrumented;
		cmp_ok($server->rss - $before, '<', 4 * $MEGABYTE,
		    'listings that nobody reads take little memory');
	}
	my $refused = $server->connect;
	is($refused->ask('lru_crawler metadump all'),
	    'BUSY currently processing crawler request',
	    "while $LISTINGS_MAX listings run, one more is refused");
	like($refused->ask('version'), qr/^VERSION /,
	    'and its client is served');
	is($listers[0]->line, 'OK', 'the first goes on when it is read');
	is(scalar(map { $listers[0]->line =~ /^key=/ ? 1 : () }
	    1 .. 100_000), 100_000, 'and is whole');
	is($listers[0]->line, 'END', 'and ends');
	is($refused->ask('lru_crawler metadump all'), 'OK',
	    'then there is room for another one');
}

sub
there_is_an_end_to_listings
{
	my $server = Cairn->start(unix => 1);
	my $client = $server->connect;

	store_keys($client, 's', 1, 20_000, 10);
	for my $n (1 .. 3 * $LISTINGS_MAX) {
		my $lister = $server->connect;
		$lister->send("lru_crawler metadump all\r\n");
		$lister->line;
		$lister->close;
	}
	# The server hears of it when it writes, so soon.
	my $give_up = time + $Cairn::TIMEOUT;
	my $line;
	do {
		$client = $server->connect;
		$line = $client->ask('lru_crawler metadump all');
		sleep 0.01;
	} while ($line ne 'OK' && time < $give_up);
	is($line, 'OK', 'a client that goes away ends its listing');
}

sub
what_follows_a_listing_waits_for_its_end
{
	my $server = Cairn->start(unix => 1);
	my $client = $server->connect;

	store_keys($client, 's', 1, 20_000, 10);
	$client->send("lru_crawler mgdump all\r\nget s1\r\nversion\r\n" .
	    "set k 0 0 1\r\n");
	my $lines = 0;
	$lines++ while ($client->line // '') =~ /^mg s\d+$/;
	is($lines, 20_000, 'a listing with requests behind it is whole');
	is($client->line, 'VALUE s1 0 10', 'they are answered after it');
	is($client->line, 'x' x 10, 'in order');
	is($client->line, 'END', 'and');
	like($client->line, qr/^VERSION /, 'all of them');
	is($client->ask('x'), 'STORED', 'even one that was sent in part');
}

sub
a_server_ends_in_spite_of_a_listing
{
	my $server = Cairn->start(unix => 1);
	my $client = $server->connect;

	store_keys($client, 's', 1, 100_000, 10);
	$client->send("lru_crawler metadump all\r\n");
	is($client->line, 'OK', 'a listing begins');
	is($server->stop, 0, 'the server ends cleanly all the same');
}
