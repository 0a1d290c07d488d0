#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-3-Clause
#
# load.t - cairn-load: it asks for what it was told to, counts what a server
# counts, sees what a server does wrong, and says so.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;
use Cairn::Resp;
use Cairn::TLS;

plan skip_all => 'it is about cairnd and its own load generator'
    if $ENV{CAIRN_SERVER};

my $load = Cairn::builddir() . '/cairn-load';
my @protocols = qw(text meta binary resp);
my @fakes;

END {
	my $status = $?;
	kill 'KILL', @fakes if @fakes;
	$? = $status;
}

# Run it to its end; exit status, standard output and error.
sub
run
{
	my $process = Cairn->run([$load, @_]);
	my $status = $process->wait_for_exit($Cairn::SCRIPT_TIMEOUT);

	return ($status >> 8, $process->stdout, $process->stderr, $status);
}

# The same with the report as a hash.
sub
report
{
	my ($status, $out, $err) = run(@_, '-o', 'json');
	my $report = eval { JSON::PP::decode_json($out) };

	diag("@_: $@$out$err") if !$report;
	return ($status, $report, $err);
}

sub
address
{
	my ($server) = @_;

	return $server->{path} // "127.0.0.1:$server->{port}";
}

# The server's counters. Calls of Redis clients have counters of their own,
# and are added to those of memcached's commands.
sub
counters
{
	my ($server) = @_;
	my $stats = $server->stats;
	my $client = $server->connect;

	$client->send(Cairn::Resp::request('INFO', 'commandstats'));
	$client->line =~ /^\$(\d+)/ or die 'no INFO';
	my %calls = $client->exactly($1 + 2) =~
	    /^cmdstat_(\w+):calls=(\d+)/mg;
	$stats->{sets} = $stats->{cmd_set} + ($calls{setex} // 0);
	$stats->{incrs} = $stats->{incr_hits} + ($calls{incr} // 0);
	$stats->{deletes} = $stats->{delete_hits} + $stats->{delete_misses} +
	    ($calls{del} // 0);
	return $stats;
}

# How much some counters have grown since the last call.
my %before;
sub
grown
{
	my ($server, @names) = @_;
	my $stats = counters($server);
	my @grown = map { $stats->{$_} - ($before{$server}{$_} // 0) } @names;

	$before{$server} = $stats;
	return @grown;
}

sub
is_fine
{
	my ($status, $report, $err, $name) = @_;

	is($status, 0, "$name: exit status 0") or diag($err);
	is($err, '', "$name: nothing to complain about");
	is($report->{lost_connections} + $report->{unanswered} +
	    $report->{unsent} + $report->{operations}{all}{unexpected} +
	    $report->{operations}{all}{wrong}, 0, "$name: no faults");
}

# Each operation, by the server's own counters.
sub
counts_add_up
{
	my ($server, $protocol) = @_;
	my @to = ('-s', address($server), '-P', $protocol, '-c', 7);
	my ($status, $report, $err);

	$server->connect->ask('flush_all');
	grown($server);
	($status, $report, $err) = report(@to, '-m', 'set', '-n', 2000,
	    '-k', 500, '-t', 2, '--ttl', '100-1000');
	is_fine($status, $report, $err, "$protocol set");
	is($report->{operations}{set}{requests}, 2000,
	    "$protocol: 2000 sets");
	is(join(' ', grown($server, 'sets', 'cmd_get')), '2000 0',
	    "$protocol: the server has seen them");

	($status, $report, $err) = report(@to, '-m', 'get', '-n', 3000,
	    '-k', 1000, '-d', 8, '-V');
	is_fine($status, $report, $err, "$protocol get");
	my $get = $report->{operations}{get};
	is("$get->{requests} $get->{keys}", '3000 3000',
	    "$protocol: 3000 gets");
	cmp_ok($get->{misses}, '>', 0, "$protocol: some are misses");
	is(join(' ', grown($server, 'get_hits', 'get_misses', 'cmd_set')),
	    "$get->{hits} $get->{misses} 0", "$protocol: the server agrees");

	($status, $report, $err) = report(@to, '-m', 'multi', '-n', 500,
	    '-M', 23, '-k', 1000, '-V', '-d', 3);
	is_fine($status, $report, $err, "$protocol multi");
	my $multi = $report->{operations}{multi};
	is("$multi->{requests} $multi->{keys}", '500 11500',
	    "$protocol: 500 multi-gets of 23 keys");
	is(join(' ', grown($server, 'get_hits', 'get_misses')),
	    "$multi->{hits} $multi->{misses}",
	    "$protocol: the server has hit and missed as many");

	($status, $report, $err) = report(@to, '-m', 'get=2,multi=1', '-n',
	    1000, '-k', 3000, '-V', '-d', 4, '--set-misses');
	is_fine($status, $report, $err, "$protocol --set-misses");
	my $all = $report->{operations};
	is($all->{set}{requests}, $all->{get}{misses} + $all->{multi}{misses},
	    "$protocol: each miss is followed by a set");
	is($all->{get}{requests} + $all->{multi}{requests}, 1000,
	    "$protocol: these are beyond the 1000 requests");
	is(join(' ', grown($server, 'cmd_set')), $all->{set}{requests},
	    "$protocol: the server has seen these sets");
}

sub
mixes_add_up
{
	my ($server, $protocol) = @_;
	my @to = ('-s', address($server), '-P', $protocol, '-c', 5, '-t', 2);

	$server->connect->ask('flush_all');
	grown($server);
	my ($status, $report, $err) = report(@to, '-k', 400, '-f', '-T', 0,
	    '-m', 'get,incr', '-v', '1-3000');
	is_fine($status, $report, $err, "$protocol --fill");
	is($report->{operations}{all}{requests}, 0,
	    "$protocol: filling is no load");
	is(join(' ', grown($server, 'sets')), 800,
	    "$protocol: all keys and counters are stored");
	($status, $report, $err) = report(@to, '-k', 400, '-m',
	    'get=4,multi=1,set=2,incr=2,delete=1', '-n', 5000, '-d', 16, '-V',
	    '-v', '1-3000', '-D', 'zipf');
	is_fine($status, $report, $err, "$protocol mix");
	my $all = $report->{operations};
	is($all->{all}{requests}, 5000, "$protocol: 5000 requests");
	cmp_ok($all->{delete}{misses}, '>', 0,
	    "$protocol: some deletes find nothing");
	is($all->{incr}{misses}, 0, "$protocol: counters were filled");
	is(join(' ', grown($server, qw(get_hits get_misses sets incrs
	    deletes))), join(' ', $all->{get}{hits} + $all->{multi}{hits},
	    $all->{get}{misses} + $all->{multi}{misses},
	    $all->{set}{requests}, $all->{incr}{requests},
	    $all->{delete}{requests}),
	    "$protocol: the server has counted the same");
}

my $server = Cairn->start;
for my $protocol (@protocols) {
	counts_add_up($server, $protocol);
	mixes_add_up($server, $protocol);
}

# Sockets do not take requests of a megabyte at once, and hand values out in
# pieces.
for my $protocol (@protocols) {
	my ($status, $report, $err) = report('-s', address($server), '-P',
	    $protocol, '-f', '-k', 20, '-v', '1k:1,300k-900k:2', '-m',
	    'get=2,set=1,multi=1', '-M', 3, '-c', 3, '-d', 5, '-n', 200, '-V');

	is_fine($status, $report, $err, "$protocol, large values");
	is($report->{operations}{all}{misses}, 0,
	    "$protocol: large values are all there");
}

# What was stored by one protocol is right for all others; with another seed
# the values are others.
run('-s', address($server), '-f', '-T', 0, '-k', 300, '-v', '10-200');
for my $protocol (@protocols) {
	my @words = ('-s', address($server), '-P', $protocol, '-m', 'get',
	    '-k', 300, '-v', '10-200', '-V', '-n', 1000);
	my ($status, $report, $err) = report(@words);

	is_fine($status, $report, $err, "$protocol reads what text wrote");
	is($report->{operations}{get}{hits}, 1000, "$protocol: all are hits");
	($status, $report, $err) = report(@words, '--seed', 7);
	is($report->{operations}{get}{wrong}, 1000,
	    "$protocol: values of another seed are wrong");
	is($status, 1, "$protocol: which is exit status 1");
	like($err, qr/1000 values were not what was stored/,
	    "$protocol: and is said");
}

# Open loop.

for my $arrivals ('even', 'poisson') {
	my ($status, $report, $err) = report('-s', address($server), '-r',
	    '20000', '--arrivals', $arrivals, '-n', 3000, '-c', 10, '-t', 2,
	    '-d', 500, '-k', 300, '-v', '10-200', '-V', '-w', 0.1);

	is_fine($status, $report, $err, "$arrivals arrivals");
	is($report->{operations}{all}{requests}, 3000,
	    "$arrivals arrivals: 3000 requests after the warm-up");
	is($report->{operations}{all}{misses}, 0, "$arrivals: no misses");
}
{
	my ($status, $report, $err) = report('-s', address($server), '-r',
	    '1000:3000', '-T', 1, '-d', 500, '-k', 300);
	my $count = $report->{operations}{all}{requests};

	is($status, 0, 'the rate may climb');
	ok($count + $report->{unsent} >= 1990 &&
	    $count + $report->{unsent} <= 2010,
	    'from 1000 to 3000 a second in a second are 2000 requests') or
	    diag("$count and $report->{unsent}");
}

{
	my ($status, $report, $err) = report('-s', address($server), '-r',
	    '1000', '-T', 0.5, '-d', 500, '-k', 300, '-t', 2);

	is($report->{operations}{all}{requests} + $report->{unsent}, 500,
	    '1000 a second for half a second are 500 requests');
	($status, $report, $err) = report('-s', address($server), '-r',
	    '100000000', '-T', 0.1, '-c', 1, '-k', 300);
	cmp_ok($report->{unsent}, '>', 1_000_000,
	    'a rate that is too high is noticed');
	like($err, qr/\d+ requests were due and could not be sent/,
	    'and said');
	is($status, 0, 'though nothing is wrong with the replies');
}

# Sockets of other kinds.

# A name may have addresses at which nobody listens.
my $localhost = `getent ahosts localhost 2>/dev/null` // '';
for my $listen ('127.0.0.1', '[::1]') {
	my $here = eval { Cairn->start(listen => $listen) };
	my $address = $listen =~ tr/[]//dr;

	SKIP: {
		skip "no $listen here", 2 if !$here;
		my ($status, $report, $err) = report('-s',
		    "$listen:$here->{port}", '-n', 100);
		is($status, 0, "$listen: exit status 0") or diag($err);
		skip "localhost is not $listen here", 1
		    if $localhost !~ /^\Q$address\E\s/m;
		($status, $report, $err) = report('-s',
		    "localhost:$here->{port}", '-n', 100);
		is($status, 0, "localhost, which listens on $listen only") or
		    diag($err);
	}
}

{
	my $unix = Cairn->start(unix => 1);
	my ($status, $report, $err) = report('-s', $unix->{path}, '-f', '-V',
	    '-n', 1000, '-k', 100);

	is_fine($status, $report, $err, 'unix socket');
	is($report->{operations}{all}{requests}, 1000,
	    'unix socket: 1000 requests');
}

SKIP: {
	my $why_not = Cairn::TLS::why_not();

	skip $why_not, 12 if $why_not ne '';
	my $pki = Cairn::TLS->new;
	$pki->issue('server');
	my $tls = Cairn->start(flags => ['-Z', '-o', $pki->options('server')]);
	my @to = ('-s', address($tls), '-c', 4, '-k', 50, '-n', 400);

	for my $protocol ('text', 'resp') {
		my ($status, $report, $err) = report(@to, '-P', $protocol,
		    '-Z', '--tls-ca', $pki->file('ca.crt'), '-f', '-V',
		    '-v', '10:5,100k:1', '-d', 10);

		is_fine($status, $report, $err, "$protocol over TLS");
		is($report->{operations}{all}{requests}, 400,
		    "$protocol over TLS: 400 requests");
	}
	my ($status, undef, $err) = run(@to, '-Z', '--tls-ca',
	    $pki->file('other.crt'));
	is($status, 69, 'a certificate of strangers is refused');
	like($err, qr/^cairn-load: TLS handshake: .*verify failed/,
	    'and said to be');
	($status, undef, $err) = run(@to, '-Z', '--tls-ca', '/nowhere');
	is($status, 78, 'a missing file is an error');
	like($err, qr{/nowhere}, 'which names it');
}

# Reports.

{
	my @words = ('-s', address($server), '-k', 300, '-v', '10-200', '-m',
	    'get=3,set=1', '-n', 1000);
	my ($status, $out) = run(@words, '-o', 'csv');
	my ($names, @rows) = map { [split /,/] } split /\n/, $out;

	is($status, 0, 'a report in CSV');
	is("$names->[0] $names->[1] $names->[-1]",
	    'operation requests max_us', 'CSV: its first line has names');
	is(join(' ', map { $_->[0] } @rows), 'get set all',
	    'CSV: a line for each operation and for all');
	is(scalar(grep { @$_ != @$names } @rows), 0,
	    'CSV: all lines have as many fields');
	is($rows[0][1] + $rows[1][1], $rows[2][1], 'CSV: requests add up');
	is($rows[2][1], 1000, 'CSV: to what was asked for');

	my ($p50) = grep { $names->[$_] eq 'p50_us' } 0 .. $#$names;
	my @percentiles = @{$rows[2]}[$p50 .. $#$names];
	is(join(' ', @percentiles), join(' ', sort { $a <=> $b } @percentiles),
	    'percentiles climb');

	my $err;
	($status, $out, $err) = run(@words, '--progress');
	is($status, 0, 'a report as text');
	like($out, qr/^all +1000 /m, 'text: it has the sum');
	like($out, qr/us of CPU a request/, 'text: and what it cost itself');
	like($err, qr{^\rload .* requests/s}, '--progress shows a line');
	($status, $out, $err) = run(@words);
	is($err, '', 'without a terminal there is none');
}

# Signals.

for my $signal ('INT', 'TERM') {
	my $process = Cairn->run([$load, '-s', address($server), '-T', 1000,
	    '-o', 'json', '-k', 300]);

	grown($server, 'cmd_get');
	for (1 .. 1000) {
		last if (grown($server, 'cmd_get'))[0] > 0;
		sleep 0.01;
	}
	kill $signal, $process->{pid};
	is($process->wait_for_exit($Cairn::TIMEOUT), 0, "SIG$signal ends it");
	my $report = eval { JSON::PP::decode_json($process->stdout) };
	cmp_ok($report->{operations}{all}{requests}, '>', 0,
	    "SIG$signal: the report has what there was so far");
}

# Servers that do wrong. A fake is a process that has a line answered by a
# function, with the number of the line; undef: it closes the connection. What
# ends a line is that of Perl's $/.
sub
fake
{
	my ($answer, $end) = @_;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
	    Listen => 5) or die "listen: $!\n";
	my $port = $listener->sockport;
	my $pid = fork // die "fork: $!\n";

	if ($pid == 0) {
		alarm $Cairn::SCRIPT_TIMEOUT;
		$SIG{ALRM} = 'DEFAULT';
		while (my $client = $listener->accept) {
			my $number = 0;
			local $/ = $end // "\n";

			$client->autoflush(1);
			while (my $line = <$client>) {
				my $reply = $answer->($line, $number++) //
				    last;

				print $client $reply;
			}
			close $client;
		}
		POSIX::_exit(0);
	}
	push @fakes, $pid;
	return "127.0.0.1:$port";
}

sub
report_on_fake
{
	my ($answer, @words) = @_;

	return report('-s', fake($answer), '-c', 1, '-k', 10, '-m', 'get',
	    '-v', 10, '-V', '--timeout', 1, '-n', 20, @words);
}

sub
value_of
{
	my ($line, $bytes) = @_;
	my ($key) = $line =~ /^get (\S+)/;

	return "VALUE $key 0 " . length($bytes) . "\r\n$bytes\r\nEND\r\n";
}

{
	my ($status, $report, $err) = report_on_fake(sub {
		return value_of($_[0], 'ten bytes!');
	});
	is($report->{operations}{get}{wrong}, 20, 'wrong bytes are seen');
	is($status, 1, 'wrong bytes are exit status 1');

	($status, $report, $err) = report_on_fake(sub {
		return $_[1] == 4 ? "SERVER_ERROR out of \"memory\"\r\n" :
		    "END\r\n";
	});
	is($report->{operations}{get}{unexpected}, 1,
	    'an error among misses is unexpected');
	is($report->{operations}{get}{misses}, 19, 'the misses are misses');
	is($report->{operations}{get}{requests}, 20, 'all were answered');
	is($report->{first_unexpected}, "SERVER_ERROR out of \"memory\"\r\n",
	    'the report quotes it');
	like($err, qr/1 unexpected replies\n.*SERVER_ERROR out of/,
	    'so does standard error');
	is($status, 1, 'unexpected replies are exit status 1');

	($status, $report, $err) = report_on_fake(sub {
		return $_[1] < 5 ? "END\r\n" : undef;
	});
	is($report->{operations}{get}{requests}, 5,
	    'requests before a connection is lost count');
	is("$report->{lost_connections} $report->{unanswered}", '1 1',
	    'a lost connection is counted, and what it had been asked');
	is($status, 1, 'a lost connection is exit status 1');

	($status, $report, $err) = report_on_fake(sub {
		return $_[1] < 4 ? "END\r\n" : '';
	}, '-d', 2);
	is("$report->{lost_connections} $report->{unanswered}", '1 2',
	    'who does not answer is given up');

	($status, $report, $err) = report_on_fake(sub {
		return "END\r\nEND\r\n";
	});
	is($status, 1, 'more replies than requests are noticed');
	cmp_ok($report->{operations}{get}{unexpected}, '>', 0,
	    'more replies than requests are unexpected');

	($status, $report, $err) = report_on_fake(sub {
		return value_of('get key-000000009999', 'ten bytes!');
	});
	is($report->{operations}{get}{unexpected}, 1,
	    'a value of a key that nobody asked for is unexpected');

	($status, $report, $err) = report_on_fake(sub {
		return value_of($_[0], 'ten bytes!') =~ s/!\r/!!/r;
	});
	is($report->{operations}{get}{unexpected}, 1,
	    'a value that does not end where it should is unexpected');

	($status, $report, $err) = report_on_fake(sub {
		return 'x' x 5000;
	});
	is($report->{operations}{get}{unexpected}, 1,
	    'a line without end is unexpected');

	for my $protocol ('meta', 'binary', 'resp') {
		($status, $report, $err) = report('-s', fake(sub {
			return "hello\r\n" x 5;
		}, \24), '-c', 1, '-n', 5, '-P', $protocol, '-m', 'set', '-v', '1',
		    '--timeout', 1);
		is($status, 1, "$protocol: nonsense is exit status 1");
		cmp_ok($report->{operations}{set}{unexpected} // 0, '>', 0,
		    "$protocol: nonsense is unexpected");
	}
}

# All requests that are due while the server stalls are late, though they
# could not even be sent.
{
	my ($status, $report, $err) = report('-s', fake(sub {
		sleep 1 if $_[1] == 0;
		return "END\r\n";
	}), '-c', 1, '-m', 'get', '-n', 100, '-r', 500, '--timeout', 60);
	my $latency = $report->{operations}{get}{latency_us};

	is($report->{operations}{get}{requests}, 100,
	    'all requests are answered after a stall');
	cmp_ok($latency->{min}, '>', 700_000,
	    'an open loop does not hide a stall from any of them');
}

# Nobody there, and wrong options.

{
	my ($status, undef, $err) = run('-s',
	    '127.0.0.1:' . Cairn::free_port());

	is($status, 69, 'no server: exit status 69');
	like($err, qr/^cairn-load: cannot connect to the server: /,
	    'no server: which is said');
}

for (
    ['--connections', '0', '--connections: "0" is not a number from 1 to'],
    ['-c', 'x', '--connections: "x" is not a number'],
    ['-c', '--connections needs an argument: number'],
    ['--protocol=udp', '--protocol: "udp" is not one of text|meta|binary|resp'],
    ['--mix', 'get=1,put=2',
	'--mix: "put=2" is not get, multi, set, incr or delete'],
    ['--mix', 'get=x', '--mix: "get=x" is not get, multi, set, incr or delete'],
    ['--mix', 'get=0', '--mix: all weights are 0'],
    ['--rate', '0', '--rate: "0" is not a rate'],
    ['--rate', '10:20', '-n', '10', '--rate: to climb, it needs --time'],
    ['--arrivals', 'poisson', '--arrivals is about requests of --rate'],
    ['-D', 'zipf:9', '--distribution: "zipf:9": the exponent'],
    ['-D', 'normal', '--distribution: "normal" is not uniform, zipf'],
    ['-v', '10-x', '--value-size: "10-x" is not a number, a range'],
    ['--key-size', '251', '--key-size: "251" is not within 1 to 250'],
    ['--key-size', '7', '--key-size: 7 bytes are too few'],
    ['--key-prefix', 'a b', '--key-prefix: spaces'],
    ['-t', '60', '--threads: 60 threads need as many --connections'],
    ['--tls-key', 'x', '--tls-key needs --tls-cert'],
    ['--tls-ca', 'x', '--tls-ca and --tls-cert need --tls'],
    ['--verify=yes', '--verify takes no argument'],
    ['--nonsense', 'unknown option "--nonsense"'],
    ['-y', 'unknown option "-y"'],
    ['word', 'unexpected argument "word"'],
    ['-T', '0', '--time: 0 is for --fill without a load'],
    ['-T', '-1', '--time: "-1" is not a number of seconds from 0 to'],
) {
	my $words = pop @$_;
	my ($status, $out, $err) = run(@$_);

	is($status, 64, "@$_: exit status 64");
	is($out, '', "@$_: no report");
	is(index($err, "cairn-load: $words"), 0, "@$_: $words") or diag($err);
}
{
	my ($status, $out) = run('--version');

	is($status, 0, '--version: exit status 0');
	like($out, qr/^cairn-load \d+\.\d+/, '--version says it');
}

# Servers of others.

for my $reference (['memcached', qw(text meta binary)], ['redis-server',
    'resp']) {
	my ($name, @spoken) = @$reference;
	my $program = Cairn::find_program($name);

	SKIP: {
		skip "$name is not installed", 3 * @spoken if !$program;
		my $other = Cairn->start(program => $program);

		for my $protocol (@spoken) {
			my ($status, $report, $err) = report('-s',
			    address($other), '-P', $protocol, '-f', '-V',
			    '-m', 'get=4,multi=2,set=2,incr=1,delete=1',
			    '--set-misses', '-n', 5000, '-d', 16, '-k', 500,
			    '-v', '1-5000', '--ttl', 1000);

			is_fine($status, $report, $err, "$name, $protocol");
		}
	}
}

is($server->stop, 0, 'the server has outlived it all');

done_testing;
