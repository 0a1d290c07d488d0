#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# redis_exporter.pl - what Prometheus hears of a server through
# prometheus-redis-exporter:
#
#	redis_exporter.pl text|login HOST:PORT
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;
use Cairn::Resp;

my ($mode, $address) = @ARGV;
my $program = Cairn::find_program('prometheus-redis-exporter');

plan skip_all => 'prometheus-redis-exporter is not installed' if !$program;

my @login = $mode eq 'login' ? ('-redis.user', $ENV{CAIRN_USER},
    '-redis.password', $ENV{CAIRN_PASSWORD}) : ();

work();
my ($exporter, $port) = start_exporter();
my %metric = metrics();

is($metric{redis_up}, 1, 'the server is up');
is($metric{'redis_exporter_last_scrape_error{err=""}'}, 0, 'nothing went wrong');
is($metric{'redis_db_keys{db="db0"}'}, 3, 'keys');
is($metric{'redis_db_keys{db="db2"}'}, 1, 'keys of another database');
cmp_ok($metric{redis_commands_processed_total}, '>=', 4, 'requests');
is($metric{redis_connected_clients}, 1, 'clients');
is($metric{redis_keyspace_hits_total}, 2, 'hits');
is($metric{redis_keyspace_misses_total}, 1, 'misses');
cmp_ok($metric{redis_memory_used_bytes}, '>', 0, 'memory');
cmp_ok($metric{redis_memory_max_bytes}, '==', 64 << 20, 'its limit');
is($metric{redis_slowlog_length}, 0, 'slow calls');
is($metric{redis_config_maxclients}, 1024, 'an option');
like((grep { /^redis_instance_info/ } keys %metric)[0],
    qr/redis_mode="standalone".*role="master"/, 'who it is');
cmp_ok($metric{redis_uptime_in_seconds}, '>=', 0, 'since when');
ok(exists $metric{redis_cpu_sys_seconds_total}, 'processor time');
is($metric{redis_evicted_keys_total}, 0, 'evictions');

unlike($exporter->stderr, qr/error|fail/i, 'it has nothing to complain of');
kill 'TERM', $exporter->{pid};
ok(defined $exporter->wait_for_exit($Cairn::TIMEOUT), 'the exporter ends');
done_testing;

# A few requests that are counted.
sub
work
{
	my $client = Cairn::Connection->to($address);

	$client->send(join '', map { Cairn::Resp::request(split / /) }
	    @login ? "AUTH $ENV{CAIRN_USER} $ENV{CAIRN_PASSWORD}" : (),
	    'MSET a 1 b 2 c 3', 'GET a', 'GET b', 'GET x', 'SELECT 2',
	    'SET a 1', 'QUIT');
	$client->until_close;
}

sub
start_exporter
{
	for (1 .. 5) {
		my $port = Cairn::free_port();
		my $exporter = Cairn->run([$program, '-redis.addr',
		    "redis://$address", '-web.listen-address',
		    "127.0.0.1:$port", @login]);
		my $give_up = time + $Cairn::TIMEOUT;

		while ($exporter->alive && time < $give_up) {
			return ($exporter, $port)
			    if eval { Cairn::Connection->to("127.0.0.1:$port") };
			sleep 0.01;
		}
	}
	BAIL_OUT('the exporter does not start');
}

# What it tells, by name.
sub
metrics
{
	my $client = Cairn::Connection->to("127.0.0.1:$port");
	my %metric;

	$client->send("GET /metrics HTTP/1.0\r\n\r\n");
	for (split /\n/, $client->until_close) {
		$metric{$1} = $2 if /^(redis_\w+(?:\{.*\})?) (\S+)/;
	}
	return %metric;
}
