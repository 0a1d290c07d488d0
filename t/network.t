#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# network.t - where the server listens, whom it lets in, how it ends, and
# that no client can harm the others: by vanishing, by not reading, by taking
# all descriptors.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;

my $REFERENCE = Cairn::is_reference();
my $PATIENCE = ($REFERENCE ? 4 : 1) * $Cairn::SLOWNESS;	# for a server to end

listens_on_several_addresses();
listens_on_repeated_addresses();
listens_on_address_and_port();
listens_on_ipv6();
listens_on_addresses_with_prefixes();
a_prefix_limits_the_protocol();
connections_are_logged_with_both_addresses();
listens_on_a_unix_socket_with_a_mask();
listens_on_a_unix_socket_and_tcp();
writes_the_ports_file();
a_port_in_use_is_an_error();
clients_over_the_limit_are_turned_away();
clients_over_the_limit_wait_without_maxconns_fast();
a_signal_ends_it($_) for qw(TERM INT USR1);
a_signal_does_not_end_it($_) for qw(HUP PIPE);
a_signal_lets_replies_out();
a_client_may_vanish();
running_out_of_descriptors_does_not_spin();
a_client_that_never_reads_harms_nobody();
all_bytes_are_counted();
runs_as_a_daemon_with_a_pid_file();
idle_connections_are_closed();
memory_is_locked_when_asked_for();
done_testing;

# A connection works if it can store and fetch.
sub
works
{
	my ($client, $name) = @_;
	my $key = 'works.' . int rand 1e9;
	my $got = eval {
		$client->set($key, 'value') . ' ' . $client->get($key);
	};

	is($got // $@, 'STORED value', $name);
}

sub
listens_on_several_addresses
{
	my $server = Cairn->start(listen => '127.0.0.1,127.0.0.2');
	my @ports = @{$server->{ports}};

	is(scalar @ports, 2, 'two addresses, two ports in the file');
	for my $n (1, 2) {
		works($server->connect(host => "127.0.0.$n",
		    port => $ports[$n - 1]), "127.0.0.$n of a list answers");
	}
	is($server->stop, 0, 'a server of two addresses ends cleanly');
}

sub
listens_on_repeated_addresses
{
	my $server = Cairn->start(listen => '127.0.0.1',
	    flags => ['-l', '127.0.0.3']);
	my @answers;

	for my $host ('127.0.0.1', '127.0.0.3') {
		for my $port (@{$server->{ports}}) {
			push @answers, $host if eval {
				$server->connect(host => $host,
				    port => $port)->ask('get a') eq 'END';
			};
		}
	}
	is("@answers", '127.0.0.1 127.0.0.3', '-l may be given twice');
}

sub
listens_on_address_and_port
{
	my @ports = map { Cairn::free_port() } 1, 2;
	my $server = Cairn->start(listen =>
	    "127.0.0.1:$ports[0],127.0.0.1:$ports[1]");

	for my $port (@ports) {
		works($server->connect(port => $port),
		    "-l address:port listens there");
	}
}

sub
listens_on_ipv6
{
	SKIP: {
		skip 'no IPv6 here', 2
		    if !IO::Socket::IP->new(LocalHost => '::1', Listen => 1);
		my $server = Cairn->start(listen => '::1');
		works($server->connect(host => '::1'), 'IPv6 answers');
		my $port = Cairn::free_port();
		$server = Cairn->start(listen => "[::1]:$port");
		works($server->connect(host => '::1', port => $port),
		    '[IPv6]:port answers');
	}
}

sub
listens_on_addresses_with_prefixes
{
	SKIP: {
		skip 'memcached 1.6.18 lacks most of them', 3 if $REFERENCE;
		my $server = Cairn->start(listen => 'tag[blue]:127.0.0.1,' .
		    'proto[ascii]:notls:tag[12345678]:127.0.0.2');
		for my $n (1, 2) {
			works($server->connect(host => "127.0.0.$n",
			    port => $server->{ports}[$n - 1]),
			    "127.0.0.$n behind prefixes answers");
		}
		is($server->stats('settings')->{inter},
		    'tag[blue]:127.0.0.1,' .
		    'proto[ascii]:notls:tag[12345678]:127.0.0.2',
		    'stats settings shows them as they were given');
	}
}

# A noop packet, and what it is answered with.
sub
a_prefix_limits_the_protocol
{
	SKIP: {
		skip 'memcached 1.6.18 has no such prefix', 1 if $REFERENCE;
		my $server = Cairn->start(listen => 'proto[ascii]:127.0.0.1,' .
		    'proto[binary]:127.0.0.2,127.0.0.3');
		my $noop = pack 'CCnCCnNNNN', 0x80, 0x0a, (0) x 8;
		my @understood;

		for my $n (1 .. 3) {
			my %where = (host => "127.0.0.$n",
			    port => $server->{ports}[$n - 1]);
			my $text = $server->connect(%where);
			my $binary = $server->connect(%where);
			$text->send("get a\r\n\r\n" x 10);
			push @understood, "$n text" if eval {
			    $text->line eq 'END' };
			$binary->send("$noop\r\nget a\r\n");
			push @understood, "$n binary" if eval {
			    $binary->exactly(2) eq "\x81\x0a" };
		}
		is("@understood", '1 text 2 binary 3 text 3 binary',
		    'proto[] limits what is understood');
	}
}

sub
connections_are_logged_with_both_addresses
{
	SKIP: {
		skip 'memcached has other words', 3 if $REFERENCE;
		my $server = Cairn->start(flags => ['-vv'],
		    listen => 'tag[a]:127.0.0.1');
		my $own = $server->connect;
		$own->ask('version');
		my $port = $own->socket->sockport;
		like($server->stderr, qr/\ from\ tcp:127\.0\.0\.1:$port
		    \ to\ tcp:127\.0\.0\.1:$server->{port}\ tag\ a$/mx, 'TCP');
		$server = Cairn->start(flags => ['-vv'], unix => 1);
		$server->connect->ask('version');
		like($server->stderr, qr/from unix:\Q$server->{path}\E to unix:/,
		    'a unix socket');
		skip 'no IPv6 here', 1
		    if !IO::Socket::IP->new(LocalHost => '::1', Listen => 1);
		$server = Cairn->start(flags => ['-vv'], listen => '::1');
		$server->connect(host => '::1')->ask('version');
		like($server->stderr, qr/from tcp6:\[::1\]:\d+ to tcp6:\[::1\]:/,
		    'IPv6');
	}
}

sub
mode
{
	return sprintf '%o', (stat $_[0])[2] & 0777;
}

sub
listens_on_a_unix_socket_with_a_mask
{
	my $server = Cairn->start(unix => 1);

	is(mode($server->{path}), '700', 'a unix socket has mode 0700');
	works($server->connect, 'a unix socket answers');
	for my $mask (qw(0777 0770 660)) {
		my $other = Cairn->start(unix => 1, flags => ['-a', $mask]);
		is(mode($other->{path}), $mask =~ s/^0//r, "-a $mask");
	}
	is($server->stop, 0, 'a server of a unix socket ends cleanly');
}

sub
listens_on_a_unix_socket_and_tcp
{
	SKIP: {
		skip 'memcached listens on one of them', 3 if $REFERENCE;
		my $dir = Cairn::scratch();
		my $server = Cairn->start(flags => ['-s', "$dir/socket"]);
		my $client = $server->connect;
		works($client, 'TCP answers beside a unix socket');
		$client->set('shared', 'value');
		is($server->connect(path => "$dir/socket")->get('shared'),
		    'value', 'a unix socket answers beside TCP');
		is($server->stop, 0, 'a server of both ends cleanly');
	}
}

sub
writes_the_ports_file
{
	my $server = Cairn->start(listen => '127.0.0.1');
	my $text = Cairn::slurp("$server->{dir}/ports");

	like($text, qr/\ATCP INET: \d+\n\z/, 'the file of ports');
	isnt($server->{port}, 11211, 'an ephemeral port is not the usual one');
	is($server->stats('settings')->{inter}, '127.0.0.1',
	    'stats settings names the address');
}

sub
a_port_in_use_is_an_error
{
	my $server = Cairn->start;
	my $other = Cairn->launch(port => $server->{port});
	my $status = $other->wait_for_exit(5);

	ok(defined $status && $status != 0 && !($status & 127),
	    'a port in use: the second server fails')
	    or diag('wait status ' . ($status // 'none'));
	is(($status // 0) >> 8, 1, 'a port in use: its exit status is 1')
	    if !$REFERENCE;
	like($other->stderr, qr/\b(in use|$server->{port})\b/,
	    'a port in use: it says why');
	works($server->connect, 'a port in use: the first server goes on');
}

# Connections that the server has answered, until it refuses one or $most are
# open; and the one that was refused.
sub
fill
{
	my ($server, $most) = @_;
	my @clients;

	while (@clients < $most) {
		my $client = $server->connect;
		$client->send("get a\r\n");
		my $line = eval { $client->line } // $@;
		return (\@clients, $client, $line) if $line ne 'END';
		push @clients, $client;
	}
	return (\@clients, undef, '');
}

sub
clients_over_the_limit_are_turned_away
{
	my $server = Cairn->start(flags => ['-c', 100]);
	my ($clients, $refused, $line) = fill($server, 200);
	my $count = @$clients;

	cmp_ok($count, '<=', 100, '-c 100 lets in at most 100');
	cmp_ok($count, '>=', 50, '-c 100 lets in no less than 50');
	is($line, 'ERROR Too many open connections',
	    'a client over the limit is told');
	ok($refused && $refused->closed, 'a client over the limit is closed');
	works($clients->[$_], "client $_ below the limit goes on")
	    for 0, $#$clients;
	$_->close for splice @$clients, 0, 10;
	my $client = again_until($server, 3);
	ok($client, 'others are let in when some have left');
	works($client, 'and served') if $client;
	$_->close for splice @$clients, 0, 10;
	my $stats = $server->stats;
	cmp_ok($stats->{rejected_connections} // 0, '>=', 1,
	    'stats counts rejected_connections');
}

# Connect until a connection is served, for so many seconds.
sub
again_until
{
	my ($server, $seconds) = @_;
	my $give_up = time + $seconds;

	while (time < $give_up) {
		my $client = eval { $server->connect(patience => 0.5) }
		    or next;
		return $client
		    if (eval { $client->ask('get a') } // '') eq 'END';
		sleep 0.02;
	}
	return undef;
}

sub
answered
{
	my ($client, $seconds) = @_;

	return IO::Select->new($client->socket)->can_read($seconds);
}

sub
clients_over_the_limit_wait_without_maxconns_fast
{
	my $server = Cairn->start(flags => ['-c', 60,
	    '-o', 'no_maxconns_fast']);
	my (@clients, $waiting);

	while (@clients < 100) {
		my $client = $server->connect;
		$client->send("get a\r\n");
		if (@clients >= 30 && !answered($client, 0.3)) {
			$waiting = $client;
			last;
		}
		$client->line;
		push @clients, $client;
	}
	ok($waiting && !$waiting->{eof},
	    'no_maxconns_fast: a client over the limit waits');
	cmp_ok(scalar @clients, '<=', 60,
	    'no_maxconns_fast: others were let in before');
	return if !$waiting;
	works($clients[-1], 'no_maxconns_fast: the others are served');
	my $before = $server->cpu_seconds;
	is($waiting->within(0.5), '', 'no_maxconns_fast: it still waits');
	cmp_ok($server->cpu_seconds - $before, '<', 0.25,
	    'no_maxconns_fast: the server does not spin meanwhile');
	$_->close for splice @clients, 0, 3;
	is(eval { $waiting->line } // $@, 'END',
	    'no_maxconns_fast: it is served when others leave');
}

sub
a_signal_ends_it
{
	my ($signal) = @_;
	my $server = Cairn->start;
	my @idle = map { $server->connect } 1 .. 10;
	my $half = $server->connect;
	my $line = $server->connect;

	$_->ask('get a') for @idle;
	$half->send("set half 0 0 1000\r\nabc");
	$line->send('get ab');
	sleep 0.02;
	my $start = time;
	kill $signal, $server->{pid};
	my $status = $server->wait_for_exit($PATIENCE + 4);
	my $took = time - $start;
	is($status, 0, "SIG$signal: exit status 0");
	cmp_ok($took, '<', $PATIENCE, "SIG$signal: soon");
	ok($idle[0]->closed && $half->closed && $line->closed,
	    "SIG$signal: its clients are closed");
}

# Gets whose replies are far more than the kernel takes; once the first of
# them is here the server has read all of them. A reply that it has begun
# must come whole.
sub
a_signal_does_not_end_it
{
	my ($signal) = @_;
	my $server = Cairn->start;
	my $client = $server->connect;

	works($client, "before SIG$signal");
	kill $signal, $server->{pid};
	sleep 0.05;
	works($client, "SIG$signal: a client goes on");
	works($server->connect, "SIG$signal: another comes");
	is($server->stop, 0, "SIG$signal: it ends cleanly later");
}

sub
a_signal_lets_replies_out
{
	my $server = Cairn->start;
	my $client = $server->connect;
	my $value = 'v' x 10_000;
	my $reply = "VALUE big 0 10000\r\n$value\r\nEND\r\n";

	$client->set('big', $value);
	$client->send("get big\r\n" x 200);
	my $first = $client->exactly(length $reply);
	kill 'TERM', $server->{pid};
	my $rest = eval { $client->until_close } // '';
	is($first, $reply, 'SIGTERM in a pipeline: the first reply');
	SKIP: {
		skip 'memcached just stops', 1 if $REFERENCE;
		is(length($rest) % length $reply, 0,
		    'SIGTERM in a pipeline: replies are whole')
		    or diag(length($first . $rest) . ' bytes');
	}
	is($server->wait_for_exit(5 * $Cairn::SLOWNESS), 0,
	    'SIGTERM in a pipeline: exit status 0');
}

sub
a_client_may_vanish
{
	my $server = Cairn->start;
	my $witness = $server->connect;

	for my $how (qw(close reset)) {
		for my $part ('set gone 0 0 100000', "set gone 0 0 100000\r\n",
		    "set gone 0 0 100000\r\n" . 'x' x 50_000,
		    "set gone 0 0 100000\r\n" . 'x' x 100_000,
		    "set gone 0 0 100000\r\n" . 'x' x 100_000 . "\r",
		    "set gone 0 0 5000000\r\n" . 'x' x 50_000,
		    "append witness 0 0 100\r\nabc") {
			my $client = $server->connect;
			$client->send($part);
			sleep 0.005;
			setsockopt $client->socket, SOL_SOCKET, SO_LINGER,
			    pack 'ii', 1, 0 if $how eq 'reset';
			$client->close;
			$witness->set('witness', 'w');
		}
	}
	sleep 0.02;
	is($witness->get('gone'), undef, 'a half value is not there');
	is($witness->get('witness'), 'w', 'half an append changes nothing');
	works($witness, 'the others go on');
	works($server->connect, 'and new ones come in');
	for (1 .. 50) {
		my $client = $server->connect;
		$client->set('big', 'x' x 500_000) if $_ == 1;
		$client->post_some("get big\r\n" x 20);
		setsockopt $client->socket, SOL_SOCKET, SO_LINGER,
		    pack 'ii', 1, 0 if $_ % 2;
		$client->close;
	}
	works($witness, 'clients may vanish while they are answered');
	my $give_up = time + 3;
	my $open;
	do {
		$open = $server->stats->{curr_connections};
		sleep 0.02;
	} while ($open > 5 && time < $give_up);
	cmp_ok($open, '<=', 5, 'no connection of them is left');
}

# Lower the limit of descriptors of a server that runs: one that starts with
# privileges may raise the limit it is given. The account of the server may
# do that where even root may not.
sub
limit_descriptors
{
	my ($server, $limit) = @_;
	my $program = Cairn::find_program('prlimit') or return 0;
	my $pid = fork // return 0;

	if ($pid == 0) {
		if ($> == 0) {
			my (undef, undef, $uid, $gid) = getpwnam 'nobody';
			$( = $) = "$gid $gid";
			$< = $> = $uid;
		}
		open STDERR, '>', '/dev/null';
		exec $program, '--pid', $server->{pid},
		    "--nofile=$limit:$limit" or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	return $? == 0;
}

sub
running_out_of_descriptors_does_not_spin
{
	SKIP: {
		my $server = Cairn->start;
		my $limit = 20 + scalar(() = glob "/proc/$server->{pid}/fd/*");
		skip 'the program prlimit cannot limit descriptors', 6
		    if !limit_descriptors($server, $limit);

		# Some may not get as far as the queue of the kernel.
		my @clients;
		for (1 .. 40) {
			push @clients, eval { $server->connect(patience =>
			    0.2) } || last;
		}
		cmp_ok(scalar @clients, '>', 10,
		    'without descriptors: clients connect');
		is($clients[0]->ask('get a'), 'END',
		    'without descriptors: the first client is served');
		my $before = $server->cpu_seconds;
		sleep 1;
		cmp_ok($server->cpu_seconds - $before, '<', 0.3,
		    'without descriptors: the server does not spin');
		works($clients[1],
		    'without descriptors: the others go on');
		$_->close for @clients;
		my $client = again_until($server, 5);
		ok($client, 'without descriptors: it recovers');
		ok($server->alive, 'without descriptors: it lives');
	}
}

# Whether the kernel takes them at once or they wait for the client.
sub
all_bytes_are_counted
{
	my $server = Cairn->start(flags => ['-t', 1]);
	my $other = $server->connect;
	my $count = sub {
		$other->send("stats\r\n");
		my ($read, $written) = $other->until("END\r\n") =~
		    /^STAT bytes_(?:read|written) (\d+)\r$/mg;
		return ($read, $written);
	};
	my $client = $server->connect;
	my $request = "get long\r\n" x 60;
	my $reply = length("VALUE long 0 500000\r\n") + 500_000 + 7;

	$client->set('long', 'x' x 500_000);
	my ($read, $written) = $count->();
	$client->post($request);
	sleep 0.2;	# the kernel does not take all of it
	$client->exactly(60 * $reply);
	my ($read_then, $written_then) = $count->();
	is($read_then - $read, length($request) + length "stats\r\n",
	    'bytes_read counts all') if !$REFERENCE;
	my $stats = $written_then - $written - 60 * $reply;
	cmp_ok($stats, '>', 1000, 'bytes_written counts all that waited');
	cmp_ok($stats, '<', 20_000, 'and nothing twice');
}

sub
a_client_that_never_reads_harms_nobody
{
	my $server = Cairn->start;
	my $other = $server->connect;
	my $value = '0123456789' x 50_000;
	my $reply = 'VALUE big 0 ' . length($value) . "\r\n$value\r\nEND\r\n";

	$other->set('big', $value);
	is($other->get('big'), $value,
	    'clients that do not read: a large value is stored');
	my $before = $server->rss;
	my @clients = map { $server->connect } 1 .. 3;
	my $request = "get big\r\n" x 100_000;
	my $sent = 0;
	for (1 .. 40) {		# as much as goes in, for two seconds
		for my $client (@clients) {
			$sent += $client->post_some(substr $request, 0, 90_000);
		}
		sleep 0.05;
	}
	my $growth = $server->rss - $before;
	SKIP: {
		skip 'memory means little here', 1 if $server->is_instrumented;
		cmp_ok($growth, '<', 32 << 20,
		    "clients that do not read: memory after $sent bytes");
	}
	works($other, 'clients that do not read: others are served');
	works($server->connect, 'clients that do not read: also new ones');
	$before = $server->cpu_seconds;
	sleep 0.5;
	cmp_ok($server->cpu_seconds - $before, '<', 0.2,
	    'clients that do not read: the server does not spin');
	my $wrong = 0;
	for (1 .. 100) {
		$wrong++ if $clients[0]->exactly(length $reply) ne $reply;
	}
	is($wrong, 0, 'clients that do not read: they may begin to');
	$_->close for @clients;
	works($other, 'clients that do not read: they may leave');
}

sub
runs_as_a_daemon_with_a_pid_file
{
	my $dir = Cairn::scratch();
	my $parent = Cairn->launch(flags => ['-d', '-P', "$dir/pid"]);

	is($parent->wait_for_exit(5), 0, '-d: the first process ends');
	my $give_up = time + 5;
	sleep 0.01 while !(-s "$dir/pid" && -s "$parent->{dir}/ports")
	    && time < $give_up;
	my ($pid) = Cairn::slurp("$dir/pid") =~ /\A(\d+)\n\z/;
	ok($pid, '-P: a pid in the file') or return;
	isnt($pid, $parent->{pid}, '-d: another process');
	my $answer = eval {
		$parent->read_port_file;
		my $stats = $parent->stats;
		$stats->{pid};
	};
	is($answer // $@, $pid, '-d: that process answers');
	kill 'TERM', $pid;
	$give_up = time + 5;
	sleep 0.01 while -e "/proc/$pid/stat" && time < $give_up &&
	    Cairn::slurp("/proc/$pid/stat") !~ /\) Z /;
	ok(!kill(0, $pid) || Cairn::slurp("/proc/$pid/stat") =~ /\) Z /,
	    '-d: SIGTERM ends it') or kill 'KILL', $pid;
	ok(!-e "$dir/pid", '-P: the file is gone');
}

sub
idle_connections_are_closed
{
	my $server = Cairn->start(flags => ['-o', 'idle_timeout=1']);
	my $idle = $server->connect;
	my $busy = $server->connect;
	my $start = time;

	$idle->ask('get a');
	while (time - $start < 5 && !$idle->{eof}) {
		$idle->within(0.1);
		$busy->ask('get a');
	}
	my $took = time - $start;
	ok($idle->{eof}, 'idle_timeout=1: an idle client is closed');
	cmp_ok($took, '>', 0.9, 'idle_timeout=1: not at once');
	is(eval { $busy->ask('get a') } // $@, 'END',
	    'idle_timeout=1: a busy client stays');
	cmp_ok($server->stats->{idle_kicks} // 0, '>=', 1,
	    'idle_timeout=1: stats counts idle_kicks');
}

# Where the limit on locked memory cannot be raised, it goes on without.
sub
memory_is_locked_when_asked_for
{
	my $server = Cairn->start(flags => ['-k', '-m', 64]);
	my ($locked) = Cairn::slurp("/proc/$server->{pid}/status") =~
	    /^VmLck:\s+(\d+)/m;

	is($server->connect->set('k', 'value'), 'STORED',
	    '-k: a server that is to lock its memory serves');
	SKIP: {
		skip 'the limit on locked memory cannot be raised', 1
		    if system('sh', '-c', 'ulimit -l unlimited 2>/dev/null');
		cmp_ok($locked, '>', 0, '-k: and has locked it');
	}
	is($server->stop, 0, '-k: and ends cleanly');
}
