#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# tls.t - connections over TLS: they carry what plain ones carry, let in whom
# they should, and go on when the certificates change. Certificates are made
# here; clients are openssl s_client, and Python's and Perl's where they are.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;
use Cairn::TLS;

plan skip_all => 'memcached takes other words and says others'
    if Cairn::is_reference();
my $why_not = Cairn::TLS::why_not();
plan skip_all => $why_not if $why_not ne '';

my $pki = Cairn::TLS->new;

$pki->issue('server');
$pki->issue('client');
$pki->issue('stranger', authority => 'other');

it_answers_as_over_plain_tcp();
a_plain_address_stands_beside();
plain_text_is_not_understood();
long_values_come_and_go_whole();
a_pipeline_may_be_cut_anywhere();
replies_come_before_the_end();
a_long_listing_comes_whole();
a_watcher_hears_what_happens();
clients_are_verified_as_asked_for();
a_prefix_says_whom_an_address_lets_in();
old_versions_are_refused();
ciphers_are_those_of_the_list();
sessions_are_resumed_only_if_wanted();
a_session_does_not_open_another_door();
certificates_are_read_again('SIGHUP');
certificates_are_read_again('refresh_certs');
a_broken_file_leaves_what_was_there('SIGHUP');
a_broken_file_leaves_what_was_there('refresh_certs');
without_tls_there_is_nothing_to_refresh();
what_cannot_be_used_is_told_at_the_start();
the_key_may_be_in_the_chain_or_in_der();
a_key_of_root_is_read_but_not_again();
stats_of_tls_are_there_only_with_it();
who_does_not_shake_hands_is_closed();
who_does_not_read_harms_nobody();
one_too_many_is_closed_without_words();
it_ends_with_clients_connected();
pymemcache_works();
io_socket_ssl_works();
done_testing;

# A server with TLS on its first address; more words for -o, then flags.
sub
start
{
	my ($words, @flags) = @_;
	my $listen = '127.0.0.1';

	$words = $words eq '' ? '' : ",$words";
	if (@flags && $flags[0] eq '-l') {
		(undef, $listen) = splice @flags, 0, 2;
	}
	return Cairn->start(listen => $listen, flags => ['-v', '-Z', '-o',
	    $pki->options('server') . $words, @flags]);
}

# A client of the first address that verifies it.
sub
client
{
	my ($server, @words) = @_;

	return Cairn::TLS::connect($server->{port}, $pki->trust, @words);
}

# Does a client with these words get through?
sub
gets_in
{
	my ($server, @words) = @_;

	return gets_in_at($server->{port}, $pki->trust, @words);
}

sub
gets_in_at
{
	my ($address, @words) = @_;
	my $client = Cairn::TLS::connect($address, @words);

	return eval { $client->ask('get nothing') eq 'END' } ? 'yes' : 'no';
}

# One counter, through a plain address, as the second one here is.
sub
counter
{
	my ($server, $name) = @_;
	my $client = client($server);
	my ($line) = grep { /^STAT \Q$name\E / } stats_lines($client);

	return defined $line ? (split ' ', $line)[2] : undef;
}

sub
stats_lines
{
	my ($client) = @_;

	$client->send("stats\r\n");
	return split /\r\n/, $client->until("END\r\n");
}

# Bytes that do not compress and are the same for the same arguments.
sub
bytes
{
	my ($length, $seed) = @_;
	my $state = $seed || 1;
	my $block = '';

	for (1 .. 1024) {
		$state = ($state * 1103515245 + 12345) & 0x7fffffff;
		$block .= chr($state >> 16 & 0xff);
	}
	return substr $block x ($length / 1024 + 1), 0, $length;
}

sub
it_answers_as_over_plain_tcp
{
	my $server = start('');
	my $client = client($server);

	is($client->set('key', 'value', 5), 'STORED', 'a value is stored');
	is($client->get_with_flags('key', 5), 'value', 'and given');
	is($client->ask('incr key 1'), 'CLIENT_ERROR cannot increment or ' .
	    'decrement non-numeric value', 'an error is the same');
	is($client->ask('delete key'), 'DELETED', 'and so is the rest');
	like($client->said, qr/CN = localhost/, 'the certificate was shown');
	$client->send("quit\r\n");
	ok($client->closed, 'quit closes');
	is(gets_in_at($server->{port}, '-CAfile', $pki->file('other.crt'),
	    '-verify_return_error'), 'no', 'a client that does not trust us ' .
	    'does not come in');
	is($server->stop, 0, 'a server with TLS ends cleanly');
}

sub
a_plain_address_stands_beside
{
	my $server = start('', '-l', '127.0.0.1,notls:127.0.0.2');
	my $plain = $server->connect(host => '127.0.0.2',
	    port => $server->{ports}[1]);

	client($server)->set('shared', 'value');
	is($plain->get('shared'), 'value', 'notls: what came over TLS');
	is(gets_in_at("127.0.0.2:$server->{ports}[1]"), 'no',
	    'notls: no TLS there');
}

sub
plain_text_is_not_understood
{
	my $server = start('');
	my $client = $server->connect;

	$client->send("set a 0 0 1\r\n1\r\nget a\r\n");
	unlike($client->until_close, qr/STORED|VALUE|ERROR/,
	    'plain text gets no answer but an end');
	is(client($server)->get('a'), undef, 'nothing of it was carried out');
	is(counter($server, 'ssl_handshake_errors'), 1, 'it is counted');
	like($server->stderr, qr/no TLS handshake: /, 'and logged');
}

sub
long_values_come_and_go_whole
{
	for my $words ('', 'ssl_wbuf_size=1', 'ssl_wbuf_size=100',
	    'ssl_kernel_tls') {
		my $server = start($words, '-I', '8m', '-m', '64');
		my $client = client($server);
		my @wrong;

		for my $length (1, 16383, 16384, 16385, 100_000, 1_000_000,
		    5_000_000) {
			my $value = bytes($length, $length);
			push @wrong, "set $length" if
			    $client->set("k$length", $value) ne 'STORED';
			push @wrong, "get $length" if
			    ($client->get("k$length") // '') ne $value;
		}
		is("@wrong", '', "values of many lengths, $words");
		my $value = bytes(100_000, 100_000);
		my $count = 100;
		$client->send("get k100000\r\n" x $count);
		for (1 .. $count) {
			$client->line;
			push @wrong, 'pipeline' if
			    $client->exactly(100_000 + 7) ne
			    "$value\r\nEND\r\n";
		}
		is("@wrong", '', "many long replies at once, $words");
		is($server->stop, 0, "and it ends, $words");
	}
}

# What a pipeline does must not depend on how it is cut into records, or
# records into packets.
sub
a_pipeline_may_be_cut_anywhere
{
	my $server = start('');
	my $value = bytes(20_000, 3);
	my $request = "set a 0 0 20000\r\n$value\r\nget a b a\r\n" .
	    "set b 1 0 3\r\nabc\r\ngets b\r\nbogus\r\nincr b 1\r\n";
	my $plain = Cairn->start->connect;
	my $want;

	$plain->send("$request" . "quit\r\n");
	$want = $plain->until_close;
	like($want, qr/\ASTORED\r\nVALUE a 0 20000\r\n/, 'there are replies');
	$want =~ s/^VALUE b 1 3 \d+/VALUE b 1 3 N/mg;
	for my $step (1, 7, 1000, 4096, 16000, 30_000) {
		my $client = client($server);
		my $at = 0;
		$client->ask('flush_all');
		while ($at < length $request) {
			# The last bytes of each kind one by one.
			my $length = $step == 1 && $at > 20 && $at < 19_990 ?
			    500 : $step;
			$client->send(substr $request, $at, $length);
			$at += $length;
			sleep 0.0005 if $step < 4096;
		}
		$client->send("quit\r\n");
		my $got = $client->until_close;
		$got =~ s/^VALUE b 1 3 \d+/VALUE b 1 3 N/mg;
		ok($got eq $want, "cut every $step bytes");
	}
}

# Replies that wait for the client when it says quit must still come.
sub
replies_come_before_the_end
{
	my $server = start('');
	my $client = client($server);
	my $value = bytes(500_000, 9);
	my $count = 40;

	$client->set('long', $value);
	$client->post("get long\r\n" x $count . "quit\r\n");
	sleep 0.2;	# the server cannot get rid of all of it
	my $got = $client->until_close;
	is(length $got, $count * (length("VALUE long 0 500000\r\n") + 500_007),
	    'all replies came before the end');
}

sub
a_long_listing_comes_whole
{
	my $server = start('', '-m', 128);
	my $client = client($server);
	my $count = 50_000;

	$client->send(join '', map { "set key$_ 0 0 1 noreply\r\n1\r\n" }
	    1 .. $count);
	is($client->get("key$count"), 1, 'many keys are there');
	$client->send("lru_crawler metadump all\r\n");
	my %seen = map { /^key=(\S+)/ ? ($1 => 1) : () }
	    split /\n/, $client->until("END\r\n");
	is(scalar keys %seen, $count, 'a listing has them all');
	is($client->get('key1'), 1, 'and the connection goes on');
}

sub
a_watcher_hears_what_happens
{
	my $server = start('');
	my $watcher = client($server);
	my $client = client($server);

	is($watcher->ask('watch mutations'), 'OK', 'a watcher over TLS');
	for my $n (1 .. 3) {
		$client->set("key$n", 'value');
		like($watcher->line, qr/type=item_store key=key$n /,
		    "hears of key $n");
	}
	undef $watcher;
	is($client->set('key', 'value'), 'STORED', 'and may leave');
}

sub
clients_are_verified_as_asked_for
{
	my $ca = 'ssl_ca_cert=' . $pki->file('ca.crt');
	# verify mode: without a certificate, with a good one, a bad one
	my %want = (0 => 'yes yes yes', 1 => 'yes yes no', 2 => 'no yes no',
	    3 => 'no yes no');

	for my $mode (sort keys %want) {
		my $server = start("ssl_verify_mode=$mode,$ca");
		is(join(' ', gets_in($server),
		    gets_in($server, $pki->identity('client')),
		    gets_in($server, $pki->identity('stranger'))),
		    $want{$mode}, "ssl_verify_mode=$mode lets in whom it " .
		    'should');
		is(gets_in($server, '-tls1_2', $pki->identity('stranger')),
		    (split ' ', $want{$mode})[2],
		    "ssl_verify_mode=$mode does so with TLS 1.2");
	}
}

sub
a_prefix_says_whom_an_address_lets_in
{
	my $ca = 'ssl_ca_cert=' . $pki->file('ca.crt');
	my $server = start("ssl_verify_mode=2,$ca", '-l',
	    '127.0.0.1,btls:127.0.0.2,mtls:127.0.0.3');
	my @at = map { "127.0.0.$_:$server->{ports}[$_ - 1]" } 1 .. 3;

	is(join(' ', map { gets_in_at($_) } @at), 'no yes no',
	    'btls: needs no certificate of a client');
	is(join(' ', map { gets_in_at($_, $pki->identity('client')) } @at),
	    'yes yes yes', 'a good one is let in everywhere');
	$server = start($ca, '-l', '127.0.0.1,btls:127.0.0.2,mtls:127.0.0.3');
	@at = map { "127.0.0.$_:$server->{ports}[$_ - 1]" } 1 .. 3;
	is(join(' ', map { gets_in_at($_) } @at), 'yes yes no',
	    'mtls: needs one where others do not');
	is(gets_in_at($at[2], $pki->identity('stranger')), 'no',
	    'mtls: does not take a bad one');
}

sub
old_versions_are_refused
{
	my @weak = ('-cipher', 'DEFAULT@SECLEVEL=0');
	my $server = start('');

	is(gets_in($server, '-tls1_2'), 'yes', 'TLS 1.2 is spoken');
	is(gets_in($server, '-tls1_3'), 'yes', 'TLS 1.3 is spoken');
	is(gets_in($server, '-tls1_1', @weak), 'no', 'TLS 1.1 is not');
	$server = start('ssl_min_version=3');
	is(gets_in($server, '-tls1_2'), 'no', 'ssl_min_version=3: no TLS 1.2');
	is(gets_in($server, '-tls1_3'), 'yes', 'ssl_min_version=3: TLS 1.3');
	SKIP: {
		$server = start('ssl_min_version=1,' .
		    'ssl_ciphers=DEFAULT@SECLEVEL=0');
		skip 'this OpenSSL has no TLS 1.1', 1
		    if gets_in($server, '-tls1_1', @weak) eq 'no' &&
		    client($server, '-tls1_1', @weak)->closed;
		is(gets_in($server, '-tls1_1', @weak), 'yes',
		    'ssl_min_version=1: TLS 1.1');
	}
}

sub
ciphers_are_those_of_the_list
{
	my $old = 'ECDHE-RSA-AES128-GCM-SHA256';
	my $new = 'TLS_CHACHA20_POLY1305_SHA256';
	my $server = start("ssl_ciphers=$old:$new");

	is(gets_in($server, '-tls1_2', '-cipher', $old), 'yes',
	    'a cipher of the list is used');
	is(gets_in($server, '-tls1_2', '-cipher',
	    'ECDHE-RSA-AES256-GCM-SHA384'), 'no', 'another is not');
	is(gets_in($server, '-tls1_3', '-ciphersuites', $new), 'yes',
	    'a cipher of TLS 1.3 is used');
	is(gets_in($server, '-tls1_3', '-ciphersuites',
	    'TLS_AES_128_GCM_SHA256'), 'no', 'another of TLS 1.3 is not');
}

# What the words make of a second connection with the session of a first.
sub
resumes
{
	my ($server, $first, $second, @words) = @_;
	my $session = $pki->file('session');
	my $client;

	unlink $session;
	$client = Cairn::TLS::connect($first, @words, '-sess_out', $session);
	$client->ask('get nothing');
	$client->send("quit\r\n");
	$client->until_close;
	return 'no session' if !-s $session;
	$client = Cairn::TLS::connect($second, @words, '-sess_in', $session,
	    '-brief');
	my $answer = eval { $client->ask('get nothing') } // '';
	return 'refused' if $answer ne 'END';
	my $reused = `openssl s_client -connect $second @words \\
	    -sess_in $session </dev/null 2>&1`;
	return $reused =~ /^Reused, /m ? 'resumed' : 'anew';
}

sub
sessions_are_resumed_only_if_wanted
{
	for my $version ('-tls1_2', '-tls1_3') {
		my $server = start('ssl_session_cache');
		my $at = "127.0.0.1:$server->{port}";
		is(resumes($server, $at, $at, $version), 'resumed',
		    "ssl_session_cache: a session is resumed, $version");
		cmp_ok(counter($server, 'ssl_new_sessions'), '>', 0,
		    'and sessions are counted');
		$server = start('');
		$at = "127.0.0.1:$server->{port}";
		isnt(resumes($server, $at, $at, $version), 'resumed',
		    "without it none is, $version");
	}
}

# A session that needed no certificate must not be good where one is needed.
sub
a_session_does_not_open_another_door
{
	for my $version ('-tls1_2', '-tls1_3') {
		my $server = start('ssl_session_cache,ssl_ca_cert=' .
		    $pki->file('ca.crt'),
		    '-l', 'btls:127.0.0.1,mtls:127.0.0.2');
		my @at = map { "127.0.0.$_:$server->{ports}[$_ - 1]" } 1, 2;
		is(resumes($server, $at[0], $at[0], $version), 'resumed',
		    "a session is good at its own address, $version");
		is(resumes($server, $at[0], $at[1], $version), 'refused',
		    "it is not where a certificate is needed, $version");
	}
}

# Make the server read its files again; the reply of the command.
sub
refresh
{
	my ($server, $how) = @_;

	return client($server)->ask('refresh_certs') if $how ne 'SIGHUP';
	my $lines = () = $server->stderr =~ /^cairnd: certificates: /mg;
	kill 'HUP', $server->{pid};
	my $give_up = time + $Cairn::TIMEOUT;
	while (time < $give_up) {
		my $now = () = $server->stderr =~ /^cairnd: certificates: /mg;
		last if $now > $lines;
		sleep 0.01;
	}
	return '';
}

sub
certificates_are_read_again
{
	my ($how) = @_;
	my $before = $pki->issue('server');
	my $server = start('');
	my $client = client($server);

	$client->set('key', bytes(100_000, 1));
	is($pki->serial($server->{port}), $before, "$how: the first serial");
	my $after = $pki->issue('server');
	is($pki->serial($server->{port}), $before,
	    "$how: a new file alone changes nothing");
	is(refresh($server, $how), $how eq 'SIGHUP' ? '' : 'OK',
	    "$how is carried out");
	is($pki->serial($server->{port}), $after, "$how: the new serial");
	isnt($before, $after, 'which is another');
	ok($client->get('key') eq bytes(100_000, 1),
	    "$how: an old connection goes on");
	is(gets_in($server), 'yes', "$how: new ones come");
	is($server->stop, 0, "$how: and it ends");
}

sub
spoil
{
	my ($name) = @_;

	open my $file, '>', $pki->file($name) or die;
	print $file "-----BEGIN CERTIFICATE-----\nnonsense\n";
	close $file;
}

sub
a_broken_file_leaves_what_was_there
{
	my ($how) = @_;
	my $serial = $pki->issue('server');
	my $server = start('');
	my $want = $how eq 'SIGHUP' ? '' : 'Error loading the certificates, ' .
	    'those from before stay in force';
	my $client = client($server);

	spoil('server.crt');
	is(refresh($server, $how), $want, "$how: a broken certificate");
	like($server->stderr, qr/certificates:.*server\.crt: cannot load/,
	    'the log says which');
	is($pki->serial($server->{port}), $serial, "$how: the old one is used");
	$pki->issue('server');
	$pki->issue('mismatch');
	rename $pki->file('mismatch.key'), $pki->file('server.key');
	is(refresh($server, $how), $want, "$how: a key of another certificate");
	unlink $pki->file('server.key');
	is(refresh($server, $how), $want, "$how: no key");
	like($server->stderr,
	    qr/server\.key: cannot load the private key: No such file/,
	    'the log says so');
	$pki->issue('server');
	chmod 0, $pki->file('server.key');
	is(refresh($server, $how), $want, "$how: a key that it may not read");
	like($server->stderr, qr/server\.key: .*: Permission denied/,
	    'the log says so, too');
	is($pki->serial($server->{port}), $serial, "$how: the old one is used");
	is($client->get('nothing'), undef, "$how: the connection goes on");
	my $new = $pki->issue('server');
	refresh($server, $how);
	is($pki->serial($server->{port}), $new, "$how: a good one is used");
	is($server->stop, 0, "$how: and it ends");
}

sub
without_tls_there_is_nothing_to_refresh
{
	my $server = Cairn->start;

	is($server->connect->ask('refresh_certs'), 'Error TLS not enabled',
	    'refresh_certs needs TLS');
	is($server->connect->ask('refresh_certs now'), 'ERROR',
	    'and takes no argument');
	kill 'HUP', $server->{pid};
	sleep 0.05;
	is($server->connect->get('nothing'), undef, 'SIGHUP without TLS');
}

# The server must not start with these words, and say something like it.
sub
refuses
{
	my ($words, $like, $name) = @_;
	my $server = Cairn->launch(flags => ['-Z', '-o', $words]);

	is($server->wait_for_exit($Cairn::TIMEOUT) // 'runs on', 256,
	    "$name: it does not start");
	like($server->stderr, $like, "$name: it says why");
	is(scalar(() = $server->stderr =~ /\n/g), 1, "$name: in one line");
}

sub
what_cannot_be_used_is_told_at_the_start
{
	my $good = $pki->file('server.crt');

	refuses('ssl_chain_cert=/nowhere/cert',
	    qr{/nowhere/cert: .*: No such file or directory$}m,
	    'no certificate');
	refuses("ssl_chain_cert=$good,ssl_key=/nowhere/key",
	    qr{/nowhere/key: .*: No such file or directory$}m, 'no key');
	refuses("ssl_chain_cert=$good,ssl_key=" . $pki->file('client.key'),
	    qr/client\.key: cannot load the private key: .*mismatch/,
	    'the key of another');
	spoil('broken.crt');
	refuses('ssl_chain_cert=' . $pki->file('broken.crt'),
	    qr/broken\.crt: cannot load the certificate chain: /,
	    'a broken certificate');
	Cairn::TLS::openssl('rsa', '-aes128', '-passout', 'pass:secret',
	    '-in', $pki->file('server.key'), '-out', $pki->file('locked.key'));
	chmod 0644, $pki->file('locked.key');
	refuses("ssl_chain_cert=$good,ssl_key=" . $pki->file('locked.key'),
	    qr/locked\.key: the private key has a passphrase/,
	    'a key with a passphrase');
	refuses($pki->options('server') . ',ssl_ciphers=NONE-SUCH',
	    qr/NONE-SUCH: cannot use these ciphers/, 'an unknown cipher');
	refuses($pki->options('server') . ',ssl_ca_cert=/nowhere/ca',
	    qr{/nowhere/ca: cannot load the authorities.*: No such file},
	    'no authorities');
}

sub
the_key_may_be_in_the_chain_or_in_der
{
	my $both = $pki->file('both.pem');
	my $der = $pki->file('server.der');

	open my $out, '>', $both or die;
	print $out Cairn::slurp($pki->file("server.$_")) for qw(crt key);
	close $out;
	my $server = Cairn->start(flags => ['-Z', '-o',
	    "ssl_chain_cert=$both"]);
	is(gets_in($server), 'yes', 'one file may have both');
	Cairn::TLS::openssl('rsa', '-in', $pki->file('server.key'),
	    '-outform', 'DER', '-out', $der);
	chmod 0644, $der;
	$server = Cairn->start(flags => ['-Z', '-o', 'ssl_chain_cert=' .
	    $pki->file('server.crt') . ",ssl_key=$der,ssl_keyformat=DER"]);
	is(gets_in($server), 'yes', 'a key may be in DER format');
}

sub
a_key_of_root_is_read_but_not_again
{
	SKIP: {
		skip 'only root has such a key', 3 if $> != 0;
		$pki->issue('server');
		chmod 0600, $pki->file('server.key');
		my $server = start('');
		is(gets_in($server), 'yes', 'root reads a key for nobody');
		like($server->stderr,
		    qr/server\.key: this user will not be able/, 'and warns');
		like(refresh($server, 'refresh_certs'), qr/^Error loading/,
		    'for nobody cannot read it');
		$pki->issue('server');
	}
}

sub
stats_of_tls_are_there_only_with_it
{
	my $server = start('');
	my @names = map { /^STAT (\S+)/ } stats_lines(client($server));
	my @want = qw(ssl_new_sessions ssl_handshake_errors ssl_proto_errors
	    time_since_server_cert_refresh unexpected_napi_ids);
	my ($at) = grep { $names[$_] eq $want[0] } 0 .. $#names;

	is("@names[$at .. $at + 4]", "@want",
	    'stats of TLS are in their place');
	my $stats = Cairn->start->stats;
	is(join(' ', grep { /ssl|cert/ } keys %$stats), '',
	    'without TLS there are none');
	my $client = client($server);
	$client->send("stats settings\r\n");
	like($client->until("END\r\n"), qr/^STAT ssl_enabled yes\r$/m,
	    'settings tell that it is on');
}

# The limit of the handshake is the idle timeout when that is shorter.
sub
who_does_not_shake_hands_is_closed
{
	my $server = start('idle_timeout=1');
	my $silent = $server->connect;
	my $half = $server->connect;

	$half->post("\x16\x03\x01\x02");
	ok($silent->closed, 'a client that says nothing is closed');
	ok($half->closed, 'one that stops in between is closed');
	is(counter($server, 'ssl_handshake_errors'), 2, 'both are counted');
	my $idle = client($server);
	is($idle->get('nothing'), undef, 'one that shook hands is served');
	ok($idle->closed, 'and closed when it is idle');
	cmp_ok(counter($server, 'idle_kicks'), '>', 0, 'as idle');
}

sub
who_does_not_read_harms_nobody
{
	my $server = start('', '-t', 1);
	my $greedy = client($server);
	my $other = client($server);
	my $count = 400;
	my $value = bytes(1_000_000, 5);

	$greedy->set('long', $value);
	is($greedy->get('long'), $value, 'a long value') or return;
	my $before = $server->rss;
	$greedy->post_some("get long\r\n" x $count);
	sleep 0.5;
	is($other->get('nothing'), undef, 'others are served meanwhile');
	SKIP: {
		skip 'memory means little here', 1
		    if $server->is_instrumented;
		cmp_ok($server->rss - $before, '<', 20 << 20,
		    'what waits for it is bounded');
	}
	my $wrong = 0;
	for (1 .. $count) {
		$greedy->line;
		$wrong++ if $greedy->exactly(1_000_007) ne "$value\r\nEND\r\n";
	}
	is($wrong, 0, 'when it reads, all is there');
}

sub
one_too_many_is_closed_without_words
{
	my $server = start('', '-c', 1);
	my $first = client($server);

	is($first->get('nothing'), undef, 'one client is served');
	my $second = $server->connect;
	is($second->until_close, '', 'the next gets no plain text');
}

sub
it_ends_with_clients_connected
{
	my $server = start('');
	my @idle = map { client($server) } 1 .. 3;

	$_->get('nothing') for @idle;
	my $silent = $server->connect;
	is($server->stop, 0, 'it ends');
	ok($_->closed, 'and its clients are closed') for @idle;
}

sub
pymemcache_works
{
	SKIP: {
		# Debian's clients are there for Debian's interpreter.
		my $python = -x '/usr/bin/python3' ? '/usr/bin/python3'
		    : Cairn::find_program('python3');
		skip 'no pymemcache here', 1 if !$python ||
		    system("$python -c 'import pymemcache, ssl' 2>/dev/null");
		my $ca = 'ssl_ca_cert=' . $pki->file('ca.crt');
		my $server = start("ssl_verify_mode=2,$ca");
		my $program = <<'PYTHON';
import os, ssl, sys
from pymemcache.client.base import Client
port, ca, cert, key = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.check_hostname = False
context.load_cert_chain(cert, key)
client = Client(('localhost', int(port)), tls_context=context, timeout=10)
values = {'key%d' % n: os.urandom(n * 997) for n in range(200)}
assert client.set_many(values) == []
assert client.get_many(values.keys()) == values
big = os.urandom(900000)
assert client.set('big', big)
assert client.get('big') == big
assert client.incr('none', 1) is None
assert client.set('number', '41') and client.incr('number', 1) == 42
client.quit()
print('done')
PYTHON
		my $file = $pki->file('client.py');
		open my $out, '>', $file or die;
		print $out $program;
		close $out;
		is(`$python $file $server->{port} @{[ map { $pki->file($_) }
		    qw(ca.crt client.crt client.key) ]} 2>&1`, "done\n",
		    'pymemcache with a certificate');
	}
}

sub
io_socket_ssl_works
{
	SKIP: {
		skip "no IO::Socket::SSL here", 3
		    if !eval { require IO::Socket::SSL };
		my $server = start('');
		my $socket = IO::Socket::SSL->new(PeerHost => '127.0.0.1',
		    PeerPort => $server->{port},
		    SSL_verifycn_name => 'localhost',
		    SSL_ca_file => $pki->file('ca.crt'),
		    Timeout => $Cairn::TIMEOUT);
		ok($socket, 'IO::Socket::SSL connects')
		    or skip IO::Socket::SSL::errstr(), 2;
		print $socket "set key 0 0 5\r\nvalue\r\nget key\r\n";
		my @got = map { scalar <$socket> } 1 .. 4;
		is(join('', @got), "STORED\r\nVALUE key 0 5\r\nvalue\r\n" .
		    "END\r\n", 'and is answered');
		print $socket "quit\r\n";
		is(scalar <$socket>, undef, 'and closed');
	}
}
