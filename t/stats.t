#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# stats.t - the figures are true: known traffic of every command against
# every counter, by slab class and by prefix as well; the names are those of
# memcached, in its order; and `stats reset` counts from zero again.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use List::Util qw(sum0);
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;

plan skip_all => 'these are the names of a later memcached'
    if Cairn::is_reference();

my $SEED = $ENV{CAIRN_SEED} // 20260719;

# Of 1.6.45. In brackets: what belongs to a feature that can be turned off.
my @GENERAL = qw(pid uptime time version libevent pointer_size rusage_user
    rusage_system max_connections curr_connections total_connections
    [maxconns_fast] rejected_connections []
    connection_structures response_obj_oom response_obj_count
    response_obj_bytes read_buf_count read_buf_bytes read_buf_bytes_free
    read_buf_oom reserved_fds cmd_get cmd_set cmd_flush cmd_touch cmd_meta
    get_hits get_misses get_expired get_flushed delete_misses delete_hits
    incr_misses incr_hits decr_misses decr_hits cas_misses cas_hits cas_badval
    touch_hits touch_misses store_too_large store_no_memory auth_cmds
    auth_errors [idle_timeout] idle_kicks [] bytes_read bytes_written
    limit_maxbytes accepting_conns listen_disabled_num
    time_in_listen_disabled_us threads conn_yields hash_power_level hash_bytes
    hash_is_expanding [slab_reassign] slab_reassign_rescues
    slab_reassign_chunk_rescues slab_reassign_inline_reclaim
    slab_reassign_busy_items slab_reassign_busy_deletes
    slab_reassign_busy_nomem slab_reassign_last_busy_status
    slab_reassign_running slabs_moved [lru_crawler] lru_crawler_running
    lru_crawler_starts [lru_maintainer] lru_maintainer_juggles [] malloc_fails
    log_worker_dropped log_worker_written log_watcher_skipped log_watcher_sent
    log_watchers unexpected_napi_ids round_robin_fallback bytes curr_items
    total_items slab_global_page_pool expired_unfetched evicted_unfetched
    [lru_maintainer] evicted_active [] evictions reclaimed crawler_reclaimed
    crawler_items_checked lrutail_reflocked [lru_maintainer] moves_to_cold
    moves_to_warm moves_within_lru direct_reclaims lru_bumps_dropped);

my @SETTINGS = qw(maxbytes maxconns tcpport udpport inter verbosity oldest
    evictions domain_socket umask shutdown_command growth_factor chunk_size
    num_threads num_threads_per_udp stat_key_prefix detail_enabled
    reqs_per_event cas_enabled tcp_backlog binding_protocol auth_enabled_sasl
    auth_enabled_ascii item_size_max maxconns_fast hashpower_init
    slab_reassign slab_automove slab_automove_ratio slab_automove_window
    slab_chunk_max lru_crawler lru_crawler_sleep lru_crawler_tocrawl
    tail_repair_time flush_enabled dump_enabled hash_algorithm
    lru_maintainer_thread lru_segmented hot_lru_pct warm_lru_pct
    hot_max_factor warm_max_factor temp_lru temporary_ttl idle_timeout
    watcher_logbuf_size worker_logbuf_size read_buf_mem_limit track_sizes
    inline_ascii_response drop_privileges ssl_enabled ssl_chain_cert ssl_key
    ssl_verify_mode ssl_keyformat ssl_ciphers ssl_ca_cert ssl_wbuf_size
    ssl_session_cache ssl_kernel_tls ssl_min_version num_napi_ids memory_file
    client_flags_size);

my @ITEMS = qw(number number_hot number_warm number_cold age_hot age_warm age
    mem_requested evicted evicted_nonzero evicted_time outofmemory tailrepairs
    reclaimed expired_unfetched evicted_unfetched evicted_active
    crawler_reclaimed crawler_items_checked lrutail_reflocked moves_to_cold
    moves_to_warm moves_within_lru direct_reclaims hits_to_hot hits_to_warm
    hits_to_cold hits_to_temp);

my @SLABS = qw(chunk_size chunks_per_page total_pages total_chunks used_chunks
    free_chunks free_chunks_end get_hits cmd_set delete_hits incr_hits
    decr_hits cas_hits cas_badval touch_hits);

# What moves without anybody's asking, or with every request.
my %RESTLESS = map { $_ => 1 } qw(uptime time rusage_user rusage_system
    curr_connections total_connections connection_structures bytes_read
    bytes_written hash_bytes hash_power_level hash_is_expanding
    slab_global_page_pool conn_yields);

names_are_those_of_memcached();
settings_are_those_in_force();
for my $shards (1, 4) {
	my @flags = ('-o', "shards=$shards");

	traffic_is_counted("$shards shards: ", @flags);
	classes_add_up("$shards shards: ", @flags);
	prefixes_add_up("$shards shards: ", @flags);
	connections_and_bytes_are_counted("$shards shards: ", @flags);
	expired_items_are_counted("$shards shards: ", @flags);
}
done_testing;

# The names of a group in their order.
sub
names
{
	my ($server, $group) = @_;
	my $client = $server->connect;
	my @names;

	$client->send("stats $group\r\n");
	while ((my $line = $client->line) ne 'END') {
		push @names, $line =~ /^STAT (\S+) /;
	}
	$client->close;
	return "@names";
}

# The general names without those of features that are off.
sub
general_names
{
	my %off = map { $_ => 1 } @_;
	my $feature = '';
	my @names;

	for (@GENERAL) {
		if (/^\[(.*)\]$/) { $feature = $1 }
		elsif (!$off{$feature}) { push @names, $_ }
	}
	return "@names";
}

# The names of settings, but those of what was not built.
sub
setting_names
{
	my ($server) = @_;
	my $all = $server->stats('settings');
	my $tls = exists $all->{ssl_enabled};

	return join ' ', grep { (!/^ssl_/ || $tls) &&
	    ($_ ne 'drop_privileges' || exists $all->{$_}) } @SETTINGS;
}

sub
names_are_those_of_memcached
{
	my $server = Cairn->start;
	my $client = $server->connect;

	is(names($server, ''), general_names('idle_timeout'),
	    'the general names');
	is(names($server, 'settings'), setting_names($server),
	    'the names of settings');
	is(names($server, 'items'), '', 'no items');
	is(names($server, 'slabs'), 'active_slabs total_malloced', 'no slabs');
	$client->set('key', 'value');
	is(names($server, 'items') =~ s/items:\d+://gr, "@ITEMS",
	    'the names of items');
	is(names($server, 'slabs') =~ s/\b\d+://gr,
	    "@SLABS active_slabs total_malloced", 'the names of slabs');
	$client->ask('lru_crawler disable');
	is(names($server, ''), general_names('idle_timeout', 'lru_crawler'),
	    'the general names without lru_crawler');
	is($server->stop, 0, 'the server ends cleanly');

	$server = Cairn->start(flags => ['-o', 'no_maxconns_fast,' .
	    'no_slab_reassign,no_lru_maintainer,idle_timeout=100']);
	is(names($server, ''), general_names('maxconns_fast', 'slab_reassign',
	    'lru_maintainer'), 'the general names without some features');
	is($server->stop, 0, 'the server ends cleanly');
}

sub
settings_are_those_in_force
{
	my $server = Cairn->start(flags => [qw(-m 32 -t 3 -c 99 -R 7 -I 2m -F
	    -v -o), 'hot_lru_pct=11,slab_automove=2,track_sizes']);
	my $client = $server->connect;
	my $is = sub {
		my ($want, $name) = @_;
		my $all = $server->stats('settings');

		is_deeply({ map { ($_ => $all->{$_}) } keys %$want }, $want,
		    $name);
	};

	$is->({ maxbytes => 32 << 20, num_threads => 3, maxconns => 99,
	    reqs_per_event => 7, item_size_max => 2 << 20, verbosity => 1,
	    flush_enabled => 'no', hot_lru_pct => 11, slab_automove => 2,
	    slab_automove_ratio => '0.80', track_sizes => 'yes',
	    detail_enabled => 'no', dump_enabled => 'yes',
	    stat_key_prefix => ':', lru_crawler => 'yes' },
	    'settings of the start');
	for ('cache_memlimit 48', 'verbosity 0', 'slabs automove 0',
	    'slabs automove ratio 0.5', 'slabs automove window 40',
	    'lru tune 10 25 0.1 2.5', 'lru mode flat', 'lru temp_ttl 77',
	    'lru_crawler sleep 5', 'lru_crawler tocrawl 6',
	    'lru_crawler disable', 'stats detail on') {
		is($client->ask($_), 'OK', $_);
	}
	$is->({ maxbytes => 48 << 20, verbosity => 0, slab_automove => 0,
	    slab_automove_ratio => '0.50', slab_automove_window => 40,
	    hot_lru_pct => 10, warm_lru_pct => 25, hot_max_factor => '0.10',
	    warm_max_factor => '2.50', lru_segmented => 'no',
	    temp_lru => 'yes', temporary_ttl => 77, lru_crawler => 'no',
	    lru_crawler_sleep => 5, lru_crawler_tocrawl => 6,
	    detail_enabled => 'yes' }, 'settings after commands');
	is($server->stop, 0, 'the server ends cleanly');
}

# What `stats` counts more than before; what stays is left out.
sub
difference
{
	my ($before, $after) = @_;

	return { map { ($_ => $after->{$_} - $before->{$_}) }
	    grep { $before->{$_} =~ /^\d+$/ && !$RESTLESS{$_} &&
	    $after->{$_} != $before->{$_} } keys %$after };
}

# Each row: a request, the first words of its replies, and what it counts.
sub
traffic_is_counted
{
	my ($name, @flags) = @_;
	my $server = Cairn->start(flags => [@flags]);
	my $client = $server->connect;
	my $big = 'x' x 2_000_000;
	my ($unique, @rows);

	$client->set('there', 'x' x 50);
	$client->set('number', '10');
	$client->send("gets there\r\n");
	($unique) = $client->until("END\r\n") =~ / (\d+)\r\n/;
	@rows = (
		['get there', 'VALUE', { cmd_get => 1, get_hits => 1 }],
		['get not', 'END', { cmd_get => 1, get_misses => 1 }],
		['get there not number not2', 'VALUE',
		    { cmd_get => 4, get_hits => 2, get_misses => 2 }],
		['gets there', 'VALUE', { cmd_get => 1, get_hits => 1 }],
		['gat 0 there not', 'VALUE', { cmd_get => 2, get_hits => 1,
		    get_misses => 1, cmd_touch => 2, touch_hits => 1,
		    touch_misses => 1 }],
		['touch there 0', 'TOUCHED',
		    { cmd_touch => 1, touch_hits => 1 }],
		['touch not 0', 'NOT_FOUND',
		    { cmd_touch => 1, touch_misses => 1 }],
		["set new 0 0 1\r\nx", 'STORED', { cmd_set => 1,
		    total_items => 1, curr_items => 1, bytes => 12 }],
		["set new 0 0 1\r\ny", 'STORED',
		    { cmd_set => 1, total_items => 1 }],
		["add new 0 0 1\r\nx", 'NOT_STORED', { cmd_set => 1 }],
		["add newer 0 0 1\r\nx", 'STORED', { cmd_set => 1,
		    total_items => 1, curr_items => 1, bytes => 14 }],
		["replace not 0 0 1\r\nx", 'NOT_STORED', { cmd_set => 1 }],
		["replace newer 0 0 1\r\ny", 'STORED',
		    { cmd_set => 1, total_items => 1 }],
		["append newer 0 0 2\r\nxx", 'STORED',
		    { cmd_set => 1, total_items => 1, bytes => 2 }],
		["prepend newer 0 0 2\r\nxx", 'STORED',
		    { cmd_set => 1, total_items => 1, bytes => 2 }],
		["append not 0 0 1\r\nx", 'NOT_STORED', { cmd_set => 1 }],
		["cas not 0 0 1 1\r\nx", 'NOT_FOUND',
		    { cmd_set => 1, cas_misses => 1 }],
		["cas there 0 0 1 1\r\nx", 'EXISTS',
		    { cmd_set => 1, cas_badval => 1 }],
		["cas there 0 0 50 $unique\r\n" . 'y' x 50, 'STORED',
		    { cmd_set => 1, cas_hits => 1, total_items => 1 }],
		["set big 0 0 2000000\r\n$big", 'SERVER_ERROR',
		    { store_too_large => 1 }],
		['incr number 5', '15', { incr_hits => 1 }],
		['incr not 5', 'NOT_FOUND', { incr_misses => 1 }],
		['incr there 5', 'CLIENT_ERROR', {}],
		['decr number 5', '10', { decr_hits => 1 }],
		['decr not 5', 'NOT_FOUND', { decr_misses => 1 }],
		['delete newer', 'DELETED',
		    { delete_hits => 1, curr_items => -1, bytes => -18 }],
		['delete newer', 'NOT_FOUND', { delete_misses => 1 }],
		['mg there v', 'VA', { cmd_get => 1, get_hits => 1 }],
		['mg not v', 'EN', { cmd_get => 1, get_misses => 1 }],
		["ms new 1\r\nz", 'HD', { cmd_set => 1, total_items => 1 }],
		['md new', 'HD',
		    { delete_hits => 1, curr_items => -1, bytes => -12 }],
		['md new', 'NF', { delete_misses => 1 }],
		['ma number', 'HD', { incr_hits => 1 }],
		['ma number MD', 'HD', { decr_hits => 1 }],
		['ma not', 'NF', { incr_misses => 1 }],
		['nonsense', 'ERROR', {}],
		['set', 'ERROR', {}],
		['verbosity 0', 'OK', {}],
		['version', 'VERSION', {}],
		['lru_crawler crawl 1', 'OK', { lru_crawler_starts => 1 }],
		['flush_all 100', 'OK', { cmd_flush => 1 }],
	);
	for my $row (@rows) {
		my ($request, $want, $counted) = @$row;
		my $before = $server->stats;

		$client->send("$request\r\nmn\r\n");
		my $reply = $client->until("MN\r\n");
		my ($what) = $request =~ /^([^\r]*)/;
		like($reply, qr/^\Q$want/, "$name$what");
		my $now = difference($before, $server->stats);
		delete @$now{qw(lru_crawler_running crawler_items_checked)};
		is_deeply($now, gets_of_gats($request, $counted),
		    "$name$what is counted") or diag(explain($now));
	}
	$client->ask('flush_all');
	my $all = $server->stats;
	is($all->{curr_items}, 0, "${name}flush_all leaves no item");
	is($all->{bytes}, 0, "${name}and no byte");
	reset_counts_from_zero($name, $server);
	is($server->stop, 0, "${name}the server ends cleanly");
}

# gat counts as a touch and as nothing else here.
sub
gets_of_gats
{
	my ($request, $counted) = @_;

	return $counted if $request !~ /^gats? /;
	return { map { ($_ => $counted->{$_}) } grep { !/get/ }
	    keys %$counted };
}

sub
reset_counts_from_zero
{
	my ($name, $server) = @_;
	my $client = $server->connect;
	my %state = map { $_ => 1 } qw(pid pointer_size max_connections
	    curr_connections connection_structures read_buf_count
	    read_buf_bytes limit_maxbytes accepting_conns threads
	    hash_power_level hash_bytes slab_global_page_pool uptime time
	    rusage_user rusage_system bytes_written bytes_read);

	my $give_up = time + $Cairn::TIMEOUT;
	sleep 0.01 while $server->stats->{lru_crawler_running} &&
	    time < $give_up;
	$client->set('after', 'x');
	$client->get('after');
	is($client->ask('stats reset'), 'RESET', "${name}stats reset");
	my $all = $server->stats;
	my @left = grep { $all->{$_} =~ /^\d+$/ && $all->{$_} != 0 &&
	    !$state{$_} } sort keys %$all;
	is_deeply(\@left, [qw(bytes curr_items total_connections)],
	    "${name}after it nothing is counted but what is there")
	    or diag("@left");
	is($all->{total_connections}, 1, "${name}and the connection that asks");
	cmp_ok($all->{bytes_read}, '<', 100, "${name}bytes_read is low");
	cmp_ok($all->{bytes_written}, '<', 100, "${name}bytes_written, too");
	my $classes = by_class($server, 'slabs');
	is(sum0(map { $classes->{$_}{get_hits} + $classes->{$_}{cmd_set} }
	    keys %$classes), 0, "${name}neither is anything by class");
}

# The lines of a group by class: class => name => value.
sub
by_class
{
	my ($server, $group) = @_;
	my $all = $server->stats($group);
	my %classes;

	for (keys %$all) {
		$classes{$1}{$2} = $all->{$_} if /^(?:items:)?(\d+):(\w+)$/;
	}
	return \%classes;
}

sub
total
{
	my ($classes, $name) = @_;

	return sum0(map { $_->{$name} } values %$classes);
}

# Random traffic, some of it on items in pieces, until some are evicted.
sub
classes_add_up
{
	my ($name, @flags) = @_;
	my $server = Cairn->start(flags => ['-m', 4, '-I', '256k',
	    '-o', 'track_sizes', @flags]);
	my $client = $server->connect;

	srand $SEED;
	for my $round (1 .. 40) {
		my $script = join '', map { random_request() } 1 .. 250;

		$client->send("${script}mn\r\n");
		$client->until("MN\r\n");
	}
	my ($all, $slabs, $items) = ($server->stats, by_class($server,
	    'slabs'), by_class($server, 'items'));
	for (qw(get_hits cmd_set delete_hits incr_hits decr_hits cas_badval
	    touch_hits)) {
		is(total($slabs, $_), $all->{$_}, "$name$_ by class");
		cmp_ok($all->{$_}, '>', 0, "${name}there were some");
	}
	for ([number => 'curr_items'], [mem_requested => 'bytes'],
	    [evicted => 'evictions'], ['evicted_unfetched'],
	    ['evicted_active'], [hits_to_cold => 'get_hits']) {
		is(total($items, $_->[0]), $all->{$_->[1] // $_->[0]},
		    "$name$_->[0] by class");
	}
	cmp_ok($all->{evictions}, '>', 0, "${name}items were evicted");
	chunks_fit($name, $slabs, $items, $server->stats('slabs'));
	my $sizes = $server->stats('sizes');
	is(sum0(values %$sizes), $all->{curr_items},
	    "${name}every item has a size");
	is(scalar(grep { $_ % 32 != 0 } keys %$sizes), 0,
	    "${name}in steps of 32 bytes");
	is($server->stop, 0, "${name}the server ends cleanly");
}

sub
random_request
{
	my $key = 'key' . int rand 3000;
	my $length = (10, 100, 1000, 5000, 20_000, 100_000)[rand(rand 6)];
	my $way = int rand 10;

	return "set $key 0 0 $length\r\n" . '1' x $length . "\r\n" if $way < 4;
	return "get $key\r\n" if $way < 6;
	return "set $key 0 0 2\r\n10\r\nincr $key 1\r\ndecr $key 1\r\n"
	    if $way == 6;
	return "touch $key 1000\r\n" if $way == 7;
	return "delete $key\r\n" if $way == 8;
	return "cas $key 0 0 1 1\r\nx\r\n";
}

sub
chunks_fit
{
	my ($name, $slabs, $items, $totals) = @_;
	my @wrong;

	for my $class (keys %$slabs) {
		my $slab = $slabs->{$class};
		my $number = $items->{$class}{number} // 0;
		my $bytes = $items->{$class}{mem_requested} // 0;

		push @wrong, $class
		    if $slab->{total_chunks} != $slab->{total_pages} *
		    $slab->{chunks_per_page} ||
		    $slab->{used_chunks} + $slab->{free_chunks} !=
		    $slab->{total_chunks} || $slab->{used_chunks} < $number ||
		    $bytes > $slab->{used_chunks} * $slab->{chunk_size};
	}
	is("@wrong", '', "${name}the chunks of each class add up");
	is($totals->{active_slabs},
	    scalar(grep { $_->{total_pages} > 0 } values %$slabs),
	    "${name}active_slabs");
	cmp_ok($totals->{total_malloced}, '<=', 4 << 20,
	    "${name}total_malloced is within the limit");
	cmp_ok($totals->{total_malloced}, '>=', sum0(map {
	    $_->{total_chunks} * $_->{chunk_size} } values %$slabs),
	    "${name}and holds all chunks");
}

# Several connections, so that several workers count.
sub
prefixes_add_up
{
	my ($name, @flags) = @_;
	my $server = Cairn->start(flags => ['-t', 4, '-D', '/', @flags]);
	my @clients = map { $server->connect } 1 .. 8;
	my (%want, %there);

	srand $SEED;
	for my $n (1 .. 4000) {
		my $prefix = ('', 'a', 'b', 'longer prefix')[rand 4] =~
		    s/ /_/gr;
		my $key = "$prefix/" . int rand 50;
		my $client = $clients[rand @clients];
		my $count = $want{$prefix} //= { get => 0, hit => 0, set => 0,
		    del => 0 };

		if (rand() < .5) {
			my $hit = defined $client->get($key);

			$count->{get}++;
			$count->{hit}++ if $hit;
		} elsif (rand() < .6) {
			$client->set($key, 'x');
			$count->{set}++;
		} else {
			$client->ask("delete $key");
			$count->{del}++;
		}
		$client->get('without');
	}
	$clients[0]->send("stats detail dump\r\n");
	my $dump = $clients[0]->until("END\r\n");
	my %got = $dump =~ /^PREFIX\ (\S*)\ (.*)\r$/mg;
	is_deeply({ map { ($_ => { split ' ', $got{$_} }) } keys %got },
	    \%want, "${name}prefixes are counted by all workers");
	is($server->stats('prefix')->{prefixes}, 4, "${name}stats prefix");
	is($server->stop, 0, "${name}the server ends cleanly");
}

sub
connections_and_bytes_are_counted
{
	my ($name, @flags) = @_;
	my $server = Cairn->start(flags => [@flags]);
	my $client = $server->connect;
	my $before = stats_by($client);
	my @more = map { $server->connect } 1 .. 7;
	my ($request, $reply) = ("get nothing\r\n" x 10, "END\r\n" x 10);

	$_->ask('version') for @more;
	my $after = stats_by($client);
	is($after->{curr_connections} - $before->{curr_connections}, 7,
	    "${name}curr_connections");
	is($after->{total_connections} - $before->{total_connections}, 7,
	    "${name}total_connections");
	$_->close for @more;
	my $give_up = time + $Cairn::TIMEOUT;
	sleep 0.01 while stats_by($client)->{curr_connections} !=
	    $before->{curr_connections} && time < $give_up;
	is(stats_by($client)->{curr_connections}, $before->{curr_connections},
	    "${name}curr_connections when they have gone");
	$before = stats_by($client);
	$client->send($request);
	$client->exactly(length $reply);
	$after = stats_by($client);
	is($after->{bytes_read} - $before->{bytes_read}, length($request) +
	    length "stats\r\n", "${name}bytes_read");
	cmp_ok($after->{bytes_written} - $before->{bytes_written}, '>',
	    length($reply) + 1000, "${name}bytes_written");
	is($server->stop, 0, "${name}the server ends cleanly");
}

# As $server->stats, by a connection that stays.
sub
stats_by
{
	my ($client) = @_;

	$client->send("stats\r\n");
	return { $client->until("END\r\n") =~ /^STAT (\S+) (.*)\r$/mg };
}

sub
expired_items_are_counted
{
	my ($name, @flags) = @_;
	my $server = Cairn->start(flags => [@flags]);
	my $client = $server->connect;

	$client->set("mortal$_", 'x', 0, 1) for 1 .. 20;
	$client->set("immortal$_", 'x') for 1 .. 20;
	$client->get("mortal$_") for 1 .. 5;
	my $give_up = time + $Cairn::TIMEOUT;
	sleep 0.05 while $server->stats->{curr_items} > 20 && time < $give_up;
	my $all = $server->stats;
	is($all->{curr_items}, 20, "${name}the others are there");
	is($all->{reclaimed}, 20, "${name}reclaimed");
	is($all->{expired_unfetched}, 15, "${name}expired_unfetched");
	is($all->{get_expired}, 0, "${name}nobody asked");
	$client->get("mortal$_") for 1 .. 5;
	is($server->stats->{get_misses}, 5, "${name}get_misses");
	is($server->stop, 0, "${name}the server ends cleanly");
}
