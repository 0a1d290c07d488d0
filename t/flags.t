#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# flags.t - a server starts with each flag of memcached, alone and with all
# others, in each of its spellings, and serves. The flags that memcached's
# --help names must be among them.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Cairn;

plan skip_all => 'memcached lacks our own' if Cairn::is_reference();

my $dir = Cairn::scratch();

# A flag, its long name, and arguments that it may have; undef: none. Those
# that turn something else off are not used together with all others (ALONE).
my @FLAGS = (
	['-p', '--port', -1],
	['-U', '--udp-port', 0],
	['-s', '--unix-socket', "$dir/socket", 'ALONE'],
	['-a', '--unix-mask', '0777'],
	['-A', '--enable-shutdown', undef],
	['-l', '--listen', '127.0.0.1'],
	['-l', '--listen', 'notls:127.0.0.1,localhost'],
	['-r', '--enable-coredumps', undef],
	['-u', '--user', scalar getpwuid($> == 0 ? getpwnam 'nobody' : $>)],
	['-m', '--memory-limit', 64],
	['-M', '--disable-evictions', undef],
	['-c', '--conn-limit', 100],
	['-k', '--lock-memory', undef, 'ALONE'],
	['-v', '--verbose', undef],
	['-vv', undef, undef],
	['-vvv', undef, undef],
	['-P', '--pidfile', "$dir/pid"],
	['-f', '--slab-growth-factor', 1.25],
	['-n', '--slab-min-size', 48],
	['-L', '--enable-largepages', undef],
	['-D', undef, ':'],
	['-t', '--threads', 4],
	['-R', '--max-reqs-per-event', 20],
	['-C', '--disable-cas', undef],
	['-b', '--listen-backlog', 1024],
	['-B', '--protocol', 'auto'],
	['-B', '--protocol', 'ascii'],
	['-I', '--max-item-size', '2m'],
	['-F', '--disable-flush-all', undef],
	['-X', '--disable-dumping', undef],
	['-W', '--disable-watch', undef],
	['-N', '--napi-ids', 1],
	['-o', '--extended', 'modern'],
	['-o', '--extended', 'hashpower=20,no_hashexpand,'],
);

my @SUBOPTIONS = qw(maxconns_fast no_maxconns_fast hashpower=16 no_hashexpand
    slab_reassign no_slab_reassign slab_automove slab_automove=0
    slab_automove=1 slab_automove=2 no_slab_automove slab_automove_ratio=.8
    slab_automove_window=10 slab_automove_freeratio=.01 tail_repair_time=10
    hash_algorithm=jenkins hash_algorithm=murmur3 hash_algorithm=xxh3
    lru_crawler no_lru_crawler lru_crawler_sleep=100 lru_crawler_tocrawl=1
    lru_maintainer no_lru_maintainer hot_lru_pct=20 warm_lru_pct=40
    hot_max_factor=.2 warm_max_factor=2 temporary_ttl=61 idle_timeout=100
    watcher_logbuf_size=256 worker_logbuf_size=64 slab_sizes=100-200-300
    slab_chunk_max=512 track_sizes no_inline_ascii_resp inline_ascii_resp
    modern no_modern no_chunked_items no_drop_privileges resp_obj_mem_limit
    resp_obj_mem_limit=1 read_buf_mem_limit=1 sock_cookie_id=1
    ext_path=/nowhere/file:1g ext_page_size=64 ext_wbuf_size=4 ext_threads=1
    ext_io_depth=1 ext_item_size=512 ext_item_age=1 ext_low_ttl=1
    ext_recache_rate=2000 ext_compact_under=1 ext_drop_under=1
    ext_max_sleep=1000000 ext_max_frag=.8 ext_drop_unread
    proxy_config=/nowhere/file proxy_arg=x proxy_uring proxy_memprofile);

for (@FLAGS) {
	my ($letter, $name, $argument) = @$_;
	my @value = defined $argument ? $argument : ();

	serves($letter, @value);
	serves($letter . $argument) if @value && $argument ne '';
	serves($name, @value) if defined $name;
	serves("$name=$argument") if defined $name && @value;
}
serves('-o', $_) for @SUBOPTIONS;
serves(map { ($_->[0], defined $_->[2] ? $_->[2] : ()) }
    grep { !$_->[3] } @FLAGS);
serves('-o', join ',', @SUBOPTIONS);
serves(map { ('-o', $_) } @SUBOPTIONS);
serves('-m', 32, '-m', 64, '-vvF', '-c100', '-o', 'modern', '-o', 'modern');
backgrounds($_) for qw(-d --daemon);
knows_what_memcached_knows();
tells_what_has_no_effect();
settings_follow_what_commands_change();
done_testing;

sub
serves
{
	my @words = @_;
	my $server = eval { Cairn->start(flags => \@words) };

	if (!$server) {
		fail("@words: the server starts");
		diag($@);
		return;
	}
	# It may listen on a unix socket, too, which is another test's.
	my $client = $server->connect;
	my @got = ($client->set('key', 'value', 7),
	    $client->get_with_flags('key', 7));
	my $status = $server->stop;

	is_deeply([@got, $status], ['STORED', 'value', 0], "@words");
}

# -d returns when the server listens.
sub
backgrounds
{
	my ($flag) = @_;
	my $pid_file = "$dir/daemon.pid";
	my $socket = "$dir/daemon.socket";
	my @command = (Cairn::server_program(), Cairn::account_flags(),
	    $flag, '-s', $socket, '-P', $pid_file);

	is(system(@command), 0, "@command[-5 .. -1] returns");
	my $pid = Cairn::slurp($pid_file);
	my $client = Cairn::connect({}, path => $socket);
	is($client->set('key', 'value'), 'STORED', "$flag: and it serves");
	$client->close;
	kill 'TERM', $pid;
	for (1 .. 500 * $Cairn::SLOWNESS) {
		last if !-e $pid_file;
		select undef, undef, undef, 0.01;
	}
	ok(!-e $pid_file, "$flag: it ends and takes its pid file along");
}

# Each flag and sub-option that memcached's own help lists has been tried, or
# asks for something that other tests try.
sub
knows_what_memcached_knows
{
	my $memcached = Cairn::find_program('memcached');
	my %elsewhere = map { $_ => 1 } qw(-h --help -i --license -V --version
	    -d --daemon --large-pages --napi_ids
	    -S --enable-sasl -Y --auth-file -Z --enable-ssl -e --memory-file
	    no_modern relaxed_privileges drop_privileges);
	my %tried = map { defined $_ ? ($_ => 1) : () }
	    map { @$_[0, 1] } @FLAGS;

	s/=.*// for my @names = @SUBOPTIONS;
	$tried{$_} = 1 for @names;
	SKIP: {
		skip 'no memcached here', 1 if !defined $memcached;
		my @missing;

		for (split /\n/, `$memcached -h`) {
			push @missing, $1 if /^(-\w+)\b/ && !$tried{$1} &&
			    !$elsewhere{$1};
			push @missing, $1 if /^-\w,? +(--[\w-]+)/ &&
			    !$tried{$1} && !$elsewhere{$1};
			push @missing, $1 if /^   - (\w+):/ && !$tried{$1} &&
			    !$elsewhere{$1} && $1 !~ /^ssl_/;
		}
		is("@missing", '', 'whatever memcached -h names was tried');
	}
}

sub
tells_what_has_no_effect
{
	my $server = Cairn->start(flags => ['-v', '-N', 1, '-o',
	    'hashpower=20,idle_timeout=100,no_lru_maintainer']);

	is($server->stop, 0);
	like($server->stderr,
	    qr/without effect: -N, -o hashpower, -o no_lru_maintainer$/m,
	    '-v tells what has no effect');
	like($server->stderr, qr/listening on tcp:127\.0\.0\.1:\d+$/m,
	    'and where the server listens');
	like($server->stderr, qr/version \S+: \d+ threads, \d+ shards, 64 megabytes/,
	    'and how it is set up');
}

sub
settings_follow_what_commands_change
{
	my $server = Cairn->start(flags => ['-m', 100]);
	my $client = $server->connect;
	my $shown = sub {
		my $settings = $server->stats('settings');
		return "@$settings{qw(maxbytes verbosity detail_enabled)}";
	};

	is($shown->(), (100 << 20) . ' 0 no', 'what was given at the start');
	is($client->ask($_), 'OK')
	    for 'cache_memlimit 200', 'verbosity 1', 'stats detail on';
	is($shown->(), (200 << 20) . ' 1 yes', 'and what commands made of it');
	is($server->stop, 0);
}
