#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# privileges.t - what the server gives up: the rights of root, the way back to
# them, and with -o drop_privileges the system calls that serving does not
# need. Then all that it does must still work: a violation is its end.
#
# t/confine tries what the filter forbids. `CAIRN_FLAGS='-o drop_privileges'
# make check` runs the whole suite behind it; here are those parts of it that
# need the most of the system.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;
use Cairn::TLS;

my @CONFINED = ('-o', 'drop_privileges');

plan skip_all => 'memcached gives up other things' if Cairn::is_reference();
plan skip_all => 'no /proc that tells about privileges'
    if Cairn::slurp('/proc/self/status') !~ /^NoNewPrivs:/m;

root_is_given_up_for_good();
no_new_privileges_are_gained();
SKIP: {
	my $why_not = why_not_confined();

	skip $why_not, 1 if $why_not ne '';
	all_threads_are_behind_the_filter();
	without_it_there_is_no_filter();
	a_relaxed_filter_is_one_as_well();
	memory_comes_and_goes();
	files_are_removed_at_the_end();
	a_daemon_is_confined_too();
	tls_works_and_its_files_are_read_again();
	a_signal_ends_it($_) for qw(TERM INT USR1);
	a_client_ends_it();
	a_test_passes($_) for qw(sessions resp_sessions garbage limits restart);
}
done_testing;

# Why there is nothing to try; '' if there is. Without libseccomp the server
# must say so and not start.
sub
why_not_confined
{
	return 'a sanitizer needs calls of its own' if $ENV{sanitize};
	my $server = Cairn->launch(flags => [@CONFINED]);
	my $give_up = time + $Cairn::TIMEOUT;

	while ($server->alive && !$server->read_port_file) {
		return 'the server does not start' if time > $give_up;
		sleep 0.005;
	}
	return '' if $server->alive && $server->wait_until_confined;
	is($server->wait_for_exit($Cairn::TIMEOUT), 256,
	    'without libseccomp it does not start');
	like($server->stderr, qr/^cairnd: -o drop_privileges: .*seccomp/,
	    'and says why');
	return 'no libseccomp, or no seccomp here';
}

# The status of a process, or of one of its threads, as a hash.
sub
status_of
{
	my ($path) = @_;

	return { Cairn::slurp($path) =~ /^(\w+):\s*(.*)$/mg };
}

sub
Cairn::wait_until_confined
{
	my ($self) = @_;
	my $give_up = time + $Cairn::TIMEOUT;

	while ($self->alive && time < $give_up) {
		return 1 if main::status_of(
		    "/proc/$self->{pid}/status")->{Seccomp} eq '2';
		sleep 0.005;
	}
	return 0;
}

# A confined server; the filter comes last, when it listens already.
sub
start
{
	my (%option) = @_;
	my $server = Cairn->start(%option,
	    flags => [@CONFINED, @{$option{flags} || []}]);

	$server->wait_until_confined or die 'no filter: ' . $server->stderr;
	return $server;
}

sub
works
{
	my ($server, $name) = @_;
	my $client = eval { $server->connect };
	my $got = eval { $client->set('a', 'value') . ' ' . $client->get('a') };

	is($got // $@, 'STORED value', $name);
}

sub
root_is_given_up_for_good
{
	SKIP: {
		skip 'only root has something to give up', 4 if $> != 0;
		my ($uid, $gid) = (getpwnam 'nobody')[2, 3];
		# Started with groups that nobody has.
		local ($(, $)) = (0, '0 0 4 6');
		my $server = Cairn->start;
		my $status = status_of("/proc/$server->{pid}/status");

		is($status->{Uid}, join("\t", ($uid) x 4), 'no user is root');
		is($status->{Gid}, join("\t", ($gid) x 4), 'no group is');
		is(join(' ', sort split ' ', $status->{Groups}), $gid,
		    'no group is left over');
		like($status->{CapEff}, qr/^0+$/, 'no capability is');
	}
}

sub
no_new_privileges_are_gained
{
	my $server = Cairn->start;

	is(status_of("/proc/$server->{pid}/status")->{NoNewPrivs}, 1,
	    'no new privileges, always');
	is($server->stop, 0, 'it ends cleanly');
}

sub
seccomp_of_threads
{
	my ($server) = @_;

	return [map { status_of($_)->{Seccomp} }
	    glob "/proc/$server->{pid}/task/*/status"];
}

sub
all_threads_are_behind_the_filter
{
	my $server = start(flags => ['-t', 3]);
	my $threads = seccomp_of_threads($server);

	cmp_ok(scalar @$threads, '>=', 4, 'main and workers were looked at');
	is("@$threads", join(' ', (2) x @$threads),
	    'all of them are behind the filter');
	works($server, 'it serves there');
	is($server->stop, 0, 'it ends there');
}

sub
without_it_there_is_no_filter
{
	my $server = Cairn->start(flags => ['-o', 'no_drop_privileges']);

	is(seccomp_of_threads($server)->[0], status_of(
	    '/proc/self/status')->{Seccomp}, 'none without the option');
	is($server->stats('settings')->{drop_privileges}, 'no',
	    'settings say so');
}

sub
a_relaxed_filter_is_one_as_well
{
	my $server = start(flags => ['-o', 'relaxed_privileges']);

	works($server, 'a relaxed filter');
	is($server->stats('settings')->{drop_privileges}, 'yes',
	    'settings say so');
	is($server->stop, 0, 'it ends there');
}

sub
memory_comes_and_goes
{
	my $server = start(flags => ['-m', 64, '-I', '8m', '-A']);
	my $client = $server->connect;
	my $value = 'x' x 5_000_000;

	for my $n (1 .. 30) {
		$client->set("k$n", $value);
	}
	ok($client->get('k30') eq $value, 'long values');
	$client->send(join '', map { "set s$_ 0 0 1\r\n1\r\n" } 1 .. 20_000);
	$client->exactly(20_000 * 8);
	is($client->get('s20000'), 1, 'many short ones');
	is($client->ask('cache_memlimit 24'), 'OK', 'less memory');
	is($client->ask('cache_memlimit 64'), 'OK', 'more again');
	is($client->ask('flush_all'), 'OK', 'none');
	for my $group ('', qw(settings items slabs sizes conns detail\ dump
	    reset)) {
		$client->send("stats $group\r\nmn\r\n");
		like($client->until("MN\r\n"), qr/\r\nMN\r\n/,
		    "stats $group");
	}
	$client->send("lru_crawler metadump all\r\n");
	like($client->until("END\r\n"), qr/END/, 'a listing of the keys');
	is($server->stop, 0, 'it ends cleanly');
}

sub
files_are_removed_at_the_end
{
	my $dir = Cairn::scratch();
	my $server = start(unix => 1, flags => ['-P', "$dir/pid"]);

	works($server, 'a unix socket');
	ok(-e "$dir/pid", 'the pid file is there');
	is($server->stop, 0, 'it ends cleanly');
	ok(!-e "$dir/pid", 'the pid file was removed');
	ok(!-e $server->{path}, 'the socket was, too');
}

sub
a_daemon_is_confined_too
{
	my $dir = Cairn::scratch();
	my $server = Cairn->launch(flags => [@CONFINED, '-d', '-P',
	    "$dir/pid"]);

	is($server->wait_for_exit($Cairn::TIMEOUT), 0,
	    'the start of a daemon succeeds');
	my ($pid) = Cairn::slurp("$dir/pid") =~ /^(\d+)$/ or die 'no pid';
	is(status_of("/proc/$pid/status")->{Seccomp}, 2, 'it is confined');
	kill 'TERM', $pid;
	my $give_up = time + $Cairn::TIMEOUT;
	sleep 0.01 while -e "$dir/pid" && time < $give_up;
	ok(!-e "$dir/pid", 'and removes its pid file at its end');
}

sub
tls_works_and_its_files_are_read_again
{
	SKIP: {
		my $why_not = Cairn::TLS::why_not();
		skip $why_not, 5 if $why_not ne '';
		my $pki = Cairn::TLS->new;
		$pki->issue('server');
		my $server = start(flags => ['-Z', '-o',
		    $pki->options('server')]);
		my $client = Cairn::TLS::connect($server->{port}, $pki->trust);
		my $value = 'x' x 500_000;

		is($client->set('a', $value), 'STORED', 'TLS works');
		my $serial = $pki->issue('server');
		is($client->ask('refresh_certs'), 'OK', 'refresh_certs');
		is($pki->serial($server->{port}), $serial,
		    'a new certificate is read');
		unlink $pki->file('server.key');
		kill 'HUP', $server->{pid};
		my $give_up = time + $Cairn::TIMEOUT;
		sleep 0.01 while $server->stderr !~ /stay in force/ &&
		    time < $give_up;
		ok($client->get('a') eq $value, 'SIGHUP with a file missing');
		is($server->stop, 0, 'it ends cleanly');
	}
}

sub
a_signal_ends_it
{
	my ($signal) = @_;
	my $server = start();
	my $client = $server->connect;

	$client->get('nothing');
	kill 'HUP', $server->{pid};
	works($server, "SIGHUP before SIG$signal");
	is($server->stop($signal), 0, "SIG$signal ends it cleanly");
}

sub
a_client_ends_it
{
	my $server = start(flags => ['-A']);

	$server->connect->send("shutdown graceful\r\n");
	is($server->wait_for_exit($Cairn::TIMEOUT), 0, 'shutdown ends it');
}

# Another script of the suite, with all its servers confined.
sub
a_test_passes
{
	my ($name) = @_;

	local $ENV{CAIRN_FLAGS} = join ' ', @CONFINED;
	my $said = `$^X $FindBin::Bin/$name.t 2>&1`;
	is($?, 0, "t/$name.t passes") or diag(grep { !/^ok/ }
	    $said =~ /^.*\n/mg);
}
