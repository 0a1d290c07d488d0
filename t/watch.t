#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# watch.t - the lines of watch are those of memcached, none is lost unless
# that is said, and nobody waits for a watcher that does not read.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;

my $MEGABYTE = 1 << 20;
my $WATCHERS_MAX = 20;
my $memcached = Cairn::find_program('memcached');

lines_are_those_of_memcached();
a_watcher_gets_what_it_wants_only();
deletions_are_told();
evictions_are_told();
evictions_by_calls_are_told();
pages_that_move_are_told();
connections_are_told();
commands_are_told();
an_item_that_is_due_is_told_as_expired();
there_is_a_limit_to_watchers();
a_watcher_is_deaf_and_never_idle();
each_event_has_its_number();
for my $flags ([], ['-o', 'worker_logbuf_size=4,watcher_logbuf_size=4']) {
	a_slow_watcher_is_told_what_it_missed(@$flags);
}
nobody_waits_for_a_watcher();
nothing_is_written_for_nobody();
a_server_ends_in_spite_of_watchers();
done_testing;

# A connection that watches.
sub
watcher
{
	my ($server, @kinds) = @_;
	my $watcher = $server->connect;
	my $reply = $watcher->ask(join ' ', 'watch', @kinds);

	$reply eq 'OK' or die("watch @kinds: $reply\n");
	return $watcher;
}

# Its lines up to one that matches.
sub
lines_until
{
	my ($watcher, $last) = @_;
	my @lines;

	do {
		push @lines, $watcher->line;
	} while $lines[-1] !~ $last;
	return @lines;
}

# What each request of a client makes a server tell; numbers that servers
# are free in are left out.
sub
told
{
	my ($server, @requests) = @_;
	my $watcher = watcher($server, qw(fetchers mutations connevents));
	my $client = $server->connect;
	my @told;

	$client->send($_ . "get told\r\n") for @requests;
	for (@requests) {
		my @lines = lines_until($watcher, qr/ key=told /);
		pop @lines;
		s/^ts=\d+\.\d+ gid=\d+ // or die("odd line $_\n")
		    for @lines;
		s/ (clsid|cfd|rport)=\d+/ $1=n/g for @lines;
		push @told, join "\n", @lines;
	}
	return @told;
}

sub
lines_are_those_of_memcached
{
	my @values = map { sprintf $_, 'foo' } (
	    "set %s 0 0 3\r\nbar\r\n", "set %s 1 100 3\r\nbar\r\n",
	    "add %s 0 0 1\r\na\r\n", "replace %s 0 0 5\r\n12345\r\n",
	    "append %s 0 0 1\r\nb\r\n", "prepend %s 0 0 2\r\nbb\r\n",
	    "set %s 0 0 1 noreply\r\na\r\n", "cas %s 0 0 1 1\r\nb\r\n");
	my @requests = (
	    "get foo\r\n", @values, "get foo\r\n", "get foo bar foo\r\n",
	    "gets foo\r\n", "gat 0 foo\r\n", "gat 0 none\r\n",
	    "touch foo 0\r\n", "touch none 0\r\n", "delete foo\r\n",
	    "delete foo\r\n", "add new 0 0 2\r\naa\r\n",
	    "replace none 0 0 1\r\na\r\n", "append none 0 0 1\r\na\r\n",
	    "cas none 0 0 1 1\r\na\r\n", "set n 0 0 1\r\n5\r\n",
	    "incr n 1\r\n", "incr n 100\r\n", "decr n 1\r\n",
	    "incr none 1\r\n", "set f,%a\xe9 0 0 0\r\n\r\n",
	    "get f,%a\xe9\r\n", 'get ' . 'k' x 250 . "\r\n",
	    "mg none v\r\n", "mg n v t\r\n", "mg n\r\n", "mg win v N30\r\n",
	    "ms m 3\r\nabc\r\n", "ms m 3 ME\r\nabc\r\n",
	    "ms m 3 MA\r\nabc\r\n", "ms m 3 T90\r\nabc\r\n", "ma n\r\n",
	    "md m\r\n", "md m\r\n", "md n I\r\n", "mn\r\n",
	    "ms AQIg 1 b\r\nx\r\n", "mg AQIg b v\r\n", "version\r\n",
	    "set foo 0 0 1\r\nxyz\r\n", "nonsense\r\n",
	    "set big 0 0 60000\r\n" . 'x' x 60_000 . "\r\n", "get big\r\n",
	    "append big 0 0 10\r\n0123456789\r\n",
	    "set bigger 0 0 600000\r\n" . 'x' x 600_000 . "\r\n",
	    "get bigger\r\n");

	SKIP: {
		skip 'no memcached here', 1 if !$memcached;
		my @servers = map { Cairn->start(program => $_,
		    flags => ['-t', 1]) } $memcached, Cairn::server_program();
		my ($theirs, $ours) = map { [told($_, @requests)] } @servers;
		for my $n (0 .. $#requests) {
			my $name = substr($requests[$n], 0, 40) =~
			    s/[^ -~]+/ /gr;
			is($ours->[$n], $theirs->[$n],
			    "as memcached: $name");
		}
	}
}

sub
a_watcher_gets_what_it_wants_only
{
	my $server = Cairn->start;
	my %watcher = map { $_ => watcher($server, $_) }
	    qw(fetchers mutations deletions connevents);
	my $default = watcher($server);
	my $client = $server->connect;

	$client->send("set k 0 0 1\r\nx\r\nget k\r\ndelete k\r\nmn\r\n");
	$client->until("MN\r\n");
	$client->close;
	my %lines = map { $_ => join ' ', map { /type=(\w+)/ ? $1 : $_ }
	    split /\n/, $watcher{$_}->within(0.2 * $Cairn::SLOWNESS) }
	    keys %watcher;
	is($lines{fetchers}, 'item_get item_get item_get',
	    'fetchers are told of each look at a key');
	is($lines{mutations}, 'item_store', 'mutations of values stored');
	is($lines{deletions}, 'deleted', 'deletions of items deleted');
	like($lines{connevents}, qr/^(conn_new )+conn_close$/,
	    'connevents of connections');
	like($default->line, qr/ type=item_get key=k status=not_found /,
	    'without words it is fetchers');
}

sub
deletions_are_told
{
	my $server = Cairn->start;
	my $watcher = watcher($server, 'deletions');
	my $client = $server->connect;

	$client->set('a,b', 'x' x 10);
	$client->set('c', 'x' x 20);
	$client->ask('delete none');
	$client->ask('delete a,b');
	$client->ask('md c');
	my @lines = map { $watcher->line } 1 .. 2;
	like($lines[0], qr{^ts=\d+\.\d{6}[ ]gid=1[ ]type=deleted[ ]key=a%2Cb
	    [ ]cmd=delete[ ]clsid=\d+[ ]size=10$}x, 'delete is told');
	like($lines[1], qr{gid=2[ ]type=deleted[ ]key=c[ ]cmd=md
	    [ ]clsid=\d+[ ]size=20$}x, 'md is told');
}

# Fill a small cache; each line of an item that went is of one that was.
sub
evictions_are_told
{
	my $server = Cairn->start(flags => ['-m', 8, '-I', '128k', '-o',
	    'shards=1,watcher_logbuf_size=4096']);
	my $watcher = watcher($server, 'evictions');
	my $client = $server->connect;
	my ($lines, $odd, %gone) = (0, '');

	$client->set('mortal', 'x' x 700, 0, 1000);
	$client->set('read', 'x' x 700);
	$client->get('read');
	for my $round (0 .. 19) {
		my $from = $round * 1000;
		$client->send(join('', map { "set k$_ 0 0 700 noreply\r\n" .
		    'x' x 700 . "\r\n" } $from .. $from + 999) . "mn\r\n");
		$client->line;
	}
	my $evictions = $server->stats->{evictions};
	while ($lines < $evictions) {
		my $line = $watcher->line;
		$line =~ m{^ts=\S+[ ]gid=\d+[ ]type=eviction[ ]key=(\w+)
		    [ ]fetch=(yes|no)[ ]ttl=(-1|9\d\d|1000)[ ]la=\d+
		    [ ]clsid=\d+[ ]size=700$}x or $odd ||= $line;
		$lines++;
		$gone{$1} = [$2, $3];
	}
	cmp_ok($lines, '>', 1000, 'each eviction is told');
	is($odd, '', 'in the words of memcached');
	is(scalar keys %gone, $lines, 'each item goes once');
	is(scalar(grep { defined $client->get($_) }
	    (sort keys %gone)[0 .. 99]), 0, 'those that went are gone');
	is((grep { $gone{$_}[0] eq 'yes' } keys %gone) <= 1, 1,
	    'fetch is yes of what was read');
	is($gone{mortal}[1] > 900, 1, 'ttl is what was left')
	    if $gone{mortal};
	is($server->stats->{log_watcher_skipped}, 0, 'none was skipped');
}

# What clients of another protocol store makes others go, too.
sub
evictions_by_calls_are_told
{
	my $server = Cairn->start(flags => ['-m', 8, '-I', '128k', '-o',
	    'shards=1,watcher_logbuf_size=4096']);
	my $watcher = watcher($server, 'evictions');
	my $client = $server->connect;
	my $value = 'x' x 700;

	for my $n (1 .. 20_000) {
		$client->send("*3\r\n\$3\r\nSET\r\n\$" . length("k$n") .
		    "\r\nk$n\r\n\$700\r\n$value\r\n");
	}
	is(scalar(grep { $_ eq '+OK' } $client->lines(20_000)), 20_000,
	    'calls store');
	my $evictions = $server->stats->{evictions};
	cmp_ok($evictions, '>', 1000, 'and others have to go');
	is(scalar(grep { $watcher->line =~ / type=eviction key=k\d+ / }
	    1 .. $evictions), $evictions, 'each of which is told');
}

sub
pages_that_move_are_told
{
	my $server = Cairn->start(flags => ['-m', 8, '-I', '128k', '-o',
	    'shards=1']);
	my $watcher = watcher($server, 'sysevents');
	my $client = $server->connect;

	for my $length (50, 3_000, 20_000, 100) {
		$client->send(join('', map { "set k$length.$_ 0 0 $length " .
		    "noreply\r\n" . 'x' x $length . "\r\n" }
		    1 .. 16 * $MEGABYTE / $length) . "mn\r\n");
		$client->line;
	}
	my $moved = $server->stats->{slabs_moved};
	cmp_ok($moved, '>', 0, 'pages have moved');
	is(scalar(grep { $watcher->line =~
	    /gid=\d+ type=slab_move src=\d+ dst=\d+$/ } 1 .. $moved),
	    $moved, 'each of which is told');
}

sub
connections_are_told
{
	for my $unix (0, 1) {
		my $server = Cairn->start(unix => $unix, flags => ['-o',
		    'idle_timeout=1']);
		my $name = $unix ? 'unix' : 'tcp';
		my $watcher = watcher($server, 'connevents');
		my $place = $unix ? qr/rip=unix rport=0 transport=local/
		    : qr/rip=127\.0\.0\.1 rport=\d+ transport=tcp/;
		# Whoever asked whether the server listens has to be gone.
		$watcher->within(0.1 * $Cairn::SLOWNESS);
		my $client = $server->connect;
		my $opened = $watcher->line;

		like($opened, qr/ type=conn_new $place cfd=\d+$/,
		    "$name: a new connection is told");
		my ($port) = $opened =~ /rport=(\d+)/;
		is($port, $client->socket->sockport,
		    "$name: with its port") if !$unix;
		my ($fd) = $opened =~ /cfd=(\d+)$/;
		$client->close;
		my $closed = $watcher->line;
		like($closed, qr/ type=conn_close $place reason=normal cfd=/,
		    "$name: and its end");
		like($closed, qr/rport=$port .* cfd=$fd$/,
		    "$name: with the same numbers");
		$client = $server->connect;
		$client->post_some('x' x 3000);
		lines_until($watcher, qr/conn_new/);
		like($watcher->line, qr/ reason=error cfd=\d+$/,
		    "$name: one that is no client's");
		$client = $server->connect;
		lines_until($watcher, qr/conn_new/);
		like($watcher->line, qr/ reason=idle_timeout cfd=\d+$/,
		    "$name: one that was idle");
	}
}

sub
commands_are_told
{
	my $server = Cairn->start;
	my $watcher = watcher($server, 'rawcmds');
	my $client = $server->connect;
	my $long = 'get ' . join ' ', map { "k$_" } 1 .. 200;

	$client->send("get a b c\r\nset k 0 0 3\r\nget\r\nnonsense\r\n" .
	    "set l 0 0 100000\r\n" . "get none\r\n" x 10_000 . "\r\n" .
	    "mg k v\r\n$long\r\nquit\r\n");
	$client->until_close;
	my @lines = map { $watcher->line =~
	    /^ts=\S+ gid=\d+ <\d+ (.*)$/ ? $1 : 'odd' } 1 .. 7;
	is_deeply(\@lines, ['get a b c', 'set k 0 0 3', 'nonsense',
	    'set l 0 0 100000', 'mg k v', substr($long, 0, 512), 'quit'],
	    'each command is told once');
}

sub
an_item_that_is_due_is_told_as_expired
{
	my $server = Cairn->start;
	my $watcher = watcher($server);
	my $client = $server->connect;

	# It may be reclaimed before it is looked for; most are not.
	my @lines;
	for my $n (1 .. 50) {
		$client->send("set due 0 -1 1\r\nx\r\nget due\r\n");
		$client->until("END\r\n");
		push @lines, grep { / status=expired / }
		    map { $watcher->line } 1 .. 2;
	}
	cmp_ok(scalar @lines, '>', 25, 'an item that is due is expired');
	like($lines[0], qr/key=due status=expired clsid=0 cfd=\d+ size=0$/,
	    'and nothing else is known of it');
}

sub
there_is_a_limit_to_watchers
{
	my $server = Cairn->start;
	my @watchers = map { watcher($server) } 1 .. $WATCHERS_MAX;
	my $more = $server->connect;

	is($more->ask('watch'), 'WATCHER_TOO_MANY log watcher limit reached',
	    "$WATCHERS_MAX can watch");
	like($more->ask('version'), qr/^VERSION /,
	    'one more is a client like any other');
	is($server->stats->{log_watchers}, $WATCHERS_MAX, 'log_watchers');
	is($more->get('k'), undef, 'a get');
	is(scalar(grep { $_->line =~ / key=k / } @watchers), $WATCHERS_MAX,
	    'is told to all of them');
	$watchers[$_]->close for 5 .. 9;
	my $give_up = time + $Cairn::TIMEOUT;
	sleep 0.01 while time < $give_up &&
	    $server->stats->{log_watchers} > $WATCHERS_MAX - 5;
	is($more->ask('watch'), 'OK', 'when some leave there is room');
}

sub
a_watcher_is_deaf_and_never_idle
{
	my $server = Cairn->start(flags => ['-o', 'idle_timeout=1']);
	my $watcher = watcher($server);
	my $client = $server->connect;

	$watcher->send("version\r\nget k\r\nquit\r\n");
	is($watcher->within(2.5), '', 'what a watcher sends has no answer');
	ok($client->closed, 'while a client that is idle is sent away');
	is($server->connect->get('there'), undef, 'somebody gets a key');
	like($watcher->line, qr/ key=there /, 'and the watcher is told');
}

# Four workers make events at once; their numbers leave no gap.
sub
each_event_has_its_number
{
	my $server = Cairn->start(flags => ['-t', 4, '-o', 'shards=4,' .
	    'watcher_logbuf_size=8192']);
	my $watcher = watcher($server, qw(fetchers mutations));
	my @clients = map { $server->connect } 1 .. 8;
	my ($rounds, $width) = (20, 50);
	my $wanted = @clients * $rounds * $width * 3;
	my @gid;

	for my $round (1 .. $rounds) {
		for my $n (0 .. $#clients) {
			$clients[$n]->send(join '', map {
			    my $key = "k$n.$round.$_";
			    "set $key 0 0 1\r\nx\r\nget $key\r\n"
			} 1 .. $width);
		}
	}
	for my $client (@clients) {
		$client->until("END\r\n") for 1 .. $rounds * $width;
	}
	for (1 .. $wanted) {
		my $line = $watcher->line;
		push @gid, $1 if $line =~ / gid=(\d+) type=item_/;
	}
	is(join(',', sort { $a <=> $b } @gid), join(',', 1 .. $wanted),
	    "$wanted events are told with the numbers from 1 on");
}

sub
a_slow_watcher_is_told_what_it_missed
{
	my @flags = @_;
	my $server = Cairn->start(unix => 1, flags => \@flags);
	my $watcher = watcher($server);
	my $client = $server->connect;
	my ($count, $lines, $skipped) = (50_000, 0, 0);

	for (1 .. $count / 1000) {
		$client->send('get' . ' some.key' x 1000 . "\r\n");
		$client->until("END\r\n");
	}
	my $stats = $server->stats;
	while ($lines + $skipped < $count) {
		my $line = $watcher->line;
		if ($line =~ /^skipped=(\d+)$/) {
			$skipped += $1;
		} elsif ($line =~ m{^ts=\d+\.\d+[ ]gid=\d+[ ]type=item_get
		    [ ]key=some.key[ ]status=not_found[ ]clsid=0[ ]cfd=\d+
		    [ ]size=0$}x) {
			$lines++;
		} else {
			die("odd line $line\n");
		}
	}
	cmp_ok($skipped, '>', 0, "@flags: a slow watcher misses lines");
	cmp_ok($lines, '>', 10, "@flags: it gets others");
	is($lines + $skipped, $count,
	    "@flags: it is told how many it missed");
	$client->get('last');
	like($watcher->line, qr/ key=last /, "@flags: and goes on");
	is($stats->{log_watcher_sent} + $stats->{log_watcher_skipped},
	    $count, "@flags: log_watcher_sent and log_watcher_skipped");
	is($stats->{log_worker_written}, $count,
	    "@flags: log_worker_written");
	is($stats->{log_worker_dropped}, 0, "@flags: log_worker_dropped");
}

sub
nobody_waits_for_a_watcher
{
	my $server = Cairn->start(unix => 1, flags => ['-t', 1]);
	my @watchers = map { watcher($server, qw(fetchers mutations)) }
	    1 .. $WATCHERS_MAX;
	my $client = $server->connect;
	my $before = $server->rss;

	for (1 .. 100) {
		$client->send("set k 0 0 1\r\nx\r\nget k\r\n" x 500);
		$client->until("END\r\n") for 1 .. 500;
	}
	is($client->get('k'), 'x', 'watchers that do not read: others are ' .
	    'served');
	SKIP: {
		skip 'a sanitizer takes its own memory', 1
		    if $server->is_instrumented;
		# 256 KB of ring each, and as much on its way out.
		cmp_ok($server->rss - $before, '<', 16 * $MEGABYTE,
		    'watchers that do not read: they take little memory');
	}
}

sub
nothing_is_written_for_nobody
{
	my $server = Cairn->start;
	my $client = $server->connect;

	$client->set('k', 'x');
	is($server->stats->{log_worker_written}, 0,
	    'nothing is written when nobody watches');
	my $watcher = watcher($server, 'mutations');
	$client->get('k');
	is($server->stats->{log_worker_written}, 0,
	    'nor when nobody wants it');
	$client->set('k', 'y');
	is($server->stats->{log_worker_written}, 1, 'but what is wanted');
	like($watcher->line, qr/ gid=1 type=item_store key=k /, 'is told');
	$watcher->close;
	my $give_up = time + $Cairn::TIMEOUT;
	sleep 0.01 while time < $give_up && $server->stats->{log_watchers};
	$client->set('k', 'z');
	is($server->stats->{log_worker_written}, 1,
	    'nor when nobody watches any more');
}

sub
a_server_ends_in_spite_of_watchers
{
	my $server = Cairn->start(flags => ['-t', 2]);
	my @watchers = map { watcher($server, qw(fetchers connevents)) }
	    1 .. 3;

	is($server->stop, 0, 'a server with watchers ends cleanly');
	ok($watchers[$_]->until_close !~ /[^\n]\z/,
	    'their lines are whole') for 0 .. 2;
}
