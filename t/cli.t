#!/usr/bin/env perl
# SPDX-License-Identifier: BSD-3-Clause
#
# cli.t - the command line from outside: what is printed, where, and the exit
# status. Every option of memcached is known.

use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

my $build = $ENV{top_builddir} || '.';
my $cairnd = "$build/cairnd";
my $dir = tempdir(CLEANUP => 1);

sub
slurp
{
	my ($file) = @_;

	open my $in, '<', $file or die "$file: $!\n";
	local $/;
	return scalar <$in>;
}

# Run cairnd with words, for at most ten seconds. Returns the exit status,
# standard output and standard error.
sub
cairnd
{
	my $pid = fork;

	die "fork: $!\n" if !defined $pid;
	if ($pid == 0) {
		alarm 10;
		open STDOUT, '>', "$dir/out" or die;
		open STDERR, '>', "$dir/err" or die;
		exec $cairnd, @_ or die "$cairnd: $!\n";
	}
	waitpid $pid, 0;
	my $status = $? & 127 ? "signal $?" : $? >> 8;
	return $status, slurp("$dir/out"), slurp("$dir/err");
}

# The words are refused with status 64 and the one line.
sub
refused
{
	my ($wanted, @words) = @_;
	my ($status, $out, $err) = cairnd(@words);

	subtest "@words is refused" => sub {
		is($status, 64, 'status');
		is($out, '', 'nothing on standard output');
		like($err, qr/\Acairnd: [^\n]*\n\z/, 'one line');
		like($err, $wanted, 'which says why');
	};
}

# The words are understood: the action after them is done.
sub
accepted
{
	my ($status, $out, $err) = cairnd(@_, '--version');

	is("$status $err", '0 ', "@_ is accepted");
}

my ($config) = grep { -e } "$build/src/config.h", "$build/config.h";
my ($version) = slurp($config) =~ /^#define PACKAGE_VERSION "(.*)"/m;

for my $flag (qw(-V --version)) {
	is_deeply([cairnd($flag)], [0, "cairnd $version\n", ''], $flag);
}
for my $flag (qw(-h --help)) {
	my ($status, $out, $err) = cairnd($flag);

	is($status, 0, "$flag exits with 0");
	like($out, qr/\Ausage: cairnd /, "$flag says how to use it");
	is($err, '', "$flag has no complaint");
	is_deeply([grep { length > 80 } split /\n/, $out], [],
	    "$flag fits a terminal");
}
for my $flag (qw(-i --license)) {
	my ($status, $out, $err) = cairnd($flag);

	is("$status $err", '0 ', "$flag exits with 0");
	like($out, qr/license|redistribution|copyright/i, "$flag prints it");
}

refused(qr/unknown option "--foo"; see cairnd --help/, '--foo');
refused(qr/unknown option "-z"/, '-z');
refused(qr/unknown option "-o foo"/, '-o', 'foo');
refused(qr/unexpected argument "foo"/, 'foo');
refused(qr/unexpected argument ""/, '');
refused(qr/-p needs an argument/, '-p');
refused(qr/--port: "x" is not a number/, '--port', 'x');
refused(qr/--port: "65536" is not a number from -1 to 65535/,
    '--port=65536');
refused(qr/-t: "0" is not a number from 1 to 1024/, '-t', '0');
refused(qr/-f: "1" is not a number above 1/, '-f', '1');
refused(qr/-I: "1" is not a size/, '-I', '1');
refused(qr/more than half of --memory-limit/, '-I', '40m');
refused(qr/UDP is not offered/, '-U', '11211');
refused(qr/"tls" is no protocol/, '-B', 'tls');
refused(qr/--enable-sasl needs users/, $_) for qw(-S --enable-sasl);
refused(qr/"x" is not a number/, '--version', '-m', 'x');

accepted(split)
    for '-p 1', '-p -1', '-U 0', '-s /s', '-a 0770', '-A', '-l ::1,a:1', '-d',
    '-r', '-u nobody', '-m 128', '-M', '-c 10', '-k', '-v', '-vv', '-vvv',
    '-P /p', '-f 1.1', '-n 64', '-L', '-D :', '-t 2', '-R 10', '-C', '-b 10',
    '-B auto', '-B ascii', '-B negotiating', '-I 2m', '-F', '-X', '-W',
    '-e /f', '-N 1', '-o modern', '-Z -o ssl_chain_cert=/f';
accepted(split)
    for '--port 1', '--udp-port 0', '--unix-socket /s', '--unix-mask 700',
    '--enable-shutdown', '--listen ::1', '--daemon', '--enable-coredumps',
    '--user nobody', '--memory-limit 128', '--disable-evictions',
    '--conn-limit 10', '--lock-memory', '--verbose', '--pidfile /p',
    '--slab-growth-factor 1.1', '--slab-min-size 64', '--enable-largepages',
    '--threads 2', '--max-reqs-per-event 10', '--disable-cas',
    '--listen-backlog 10', '--protocol auto', '--max-item-size 2m',
    '--disable-flush-all', '--disable-dumping', '--disable-watch',
    '--memory-file /f', '--napi-ids 1', '--extended modern',
    '--enable-ssl -o ssl_chain_cert=/f';
accepted('-o', $_) for qw(maxconns_fast no_maxconns_fast hashpower=16
    no_hashexpand slab_reassign no_slab_reassign slab_automove
    slab_automove=2 no_slab_automove slab_automove_ratio=.8
    slab_automove_window=10 slab_automove_freeratio=.01 tail_repair_time=10
    hash_algorithm=murmur3 lru_crawler no_lru_crawler lru_crawler_sleep=100
    lru_crawler_tocrawl=1 lru_maintainer no_lru_maintainer hot_lru_pct=20
    warm_lru_pct=40 hot_max_factor=.2 warm_max_factor=2 temporary_ttl=61
    idle_timeout=10 watcher_logbuf_size=1 worker_logbuf_size=1
    slab_sizes=100-200 slab_chunk_max=512 track_sizes inline_ascii_resp
    no_inline_ascii_resp modern no_modern no_chunked_items
    drop_privileges no_drop_privileges relaxed_privileges resp_obj_mem_limit=1 read_buf_mem_limit=1
    proxy_config=/f proxy_arg=x proxy_uring proxy_memprofile
    sock_cookie_id=1 ext_path=/f:1m ext_page_size=1 ext_wbuf_size=1
    ext_threads=1 ext_io_depth=1 ext_item_size=1 ext_item_age=1
    ext_low_ttl=1 ext_recache_rate=1 ext_compact_under=1 ext_drop_under=1
    ext_max_sleep=1 ext_max_frag=.8 ext_drop_unread ssl_chain_cert=/f
    ssl_key=/f ssl_verify_mode=0 ssl_keyformat=1 ssl_ciphers=x ssl_ca_cert=/f
    ssl_wbuf_size=1 ssl_session_cache ssl_kernel_tls ssl_min_version=2);
accepted('-o', 'shards=4,slab_reassign,hashpower=20,no_maxconns_fast');

done_testing;
