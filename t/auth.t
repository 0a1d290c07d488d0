#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# auth.t - clients that have to log in: by text, by SASL in packets, and what
# they may do before. The file of users itself is t/users.c.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);

use Cairn;
use Cairn::Binary;
use Cairn::Resp;

my $dir = Cairn::scratch();
my $file = "$dir/users";
my $UNAUTHENTICATED = 'CLIENT_ERROR unauthenticated';
my $FAILURE = 'CLIENT_ERROR authentication failure';
my $BAD_FORMAT = 'CLIENT_ERROR bad authentication token format';
my $AUTH_ERROR = 0x20;
my $CONTINUE = 0x21;

write_users("user:pass\nother:word\n");

{
	my $server = Cairn->start(flags => ['-Y', $file]);

	nothing_goes_before_the_login($server);
	a_set_logs_in($server);
	a_login_that_fails($server);
	little_is_held_for_strangers($server);
	packets_are_no_way_in($server);
	attempts_are_counted($server);
	settings_tell($server);
	redis_clients_log_in($server);
	is($server->stop, 0, 'the server ends cleanly');
}
SKIP: {
	my $program = Cairn::find_program('memcached');
	skip 'memcached is not installed', 1
	    if !$program || Cairn::is_reference();
	dialogs_are_those_of_memcached($program);
}
{
	my $server = Cairn->start(flags => ['-Y', $file, '-S']);

	sasl_logs_in($server);
	sasl_that_fails($server);
	packets_before_the_login($server);
	text_logs_in_as_well($server);
	redis_clients_log_in($server);
	attempts_are_counted_of_both($server);
	is($server->stop, 0, 'the server ends cleanly');
}
the_file_has_to_be_good();
the_file_is_read_again();
a_file_for_all_to_read_is_warned_of();
sasl_is_unknown_without_the_option();
done_testing;

sub
write_users
{
	my ($text, $mode) = @_;

	open my $users, '>', $file or die "$file: $!";
	print $users $text;
	close $users;
	chmod $mode // 0644, $file;
	return $file;
}

# The lines that come back for bytes, up to the reply to a last version.
sub
dialog
{
	my ($server, $bytes) = @_;
	my $client = $server->connect;

	$client->send($bytes);
	$client->finish_sending;
	my $reply = $client->until_close;
	$client->close;
	$reply =~ s/VERSION \S+/VERSION/;
	return join '|', split /\r\n/, $reply;
}

sub
login
{
	my ($token, $rest) = @_;

	return sprintf "set any 0 0 %d%s\r\n%s\r\n", length $token,
	    $rest // '', $token;
}

# Costs an attempt to log in.
sub
stats_of
{
	my ($server, $group) = @_;

	return { map { /^STAT (\S+) (.*)/ ? ($1 => $2) : () } split /\|/,
	    dialog($server, login('user pass') . 'stats ' . ($group // '') .
	    "\r\n") };
}

sub
nothing_goes_before_the_login
{
	my ($server) = @_;

	is(dialog($server, "$_\r\n"), $UNAUTHENTICATED,
	    Cairn::Connection::show($_) . ' is refused')
	    for 'get a', 'gets a b c', 'version', 'delete a noreply', '',
	    'incr a 1', 'flush_all', 'stats', 'mg a v', 'mn', 'quit',
	    "add x 0 0 9\r\nuser pass", "ms x 9\r\nuser pass",
	    "cas x 0 0 9 1\r\nuser pass", 'set x 0 0', 'nonsense',
	    'shutdown', 'watch', 'lru_crawler metadump all';
	is(dialog($server, "get a\r\nget b\r\nversion\r\n"),
	    join('|', ($UNAUTHENTICATED) x 3), 'each line for itself');
}

sub
a_set_logs_in
{
	my ($server) = @_;

	is(dialog($server, login('user pass') . "get any\r\nversion\r\n"),
	    'STORED|END|VERSION', 'a set logs in and stores nothing');
	is(dialog($server, login('other word') . "version\r\n"),
	    'STORED|VERSION', 'any user does');
	is(dialog($server, login('user pass', ' noreply') . "version\r\n"),
	    'STORED|VERSION', 'it is answered in any case');
	is(dialog($server, login("user  pass  more\t") . "version\r\n"),
	    'STORED|VERSION', 'what is behind the password does not matter');
	is(dialog($server, "get a\r\n" . login('user pass') . "version\r\n"),
	    "$UNAUTHENTICATED|STORED|VERSION", 'it may be late');
	is(dialog($server, login('user pass') . login('user pass') .
	    "get any\r\n"), 'STORED|STORED|VALUE any 0 9|user pass|END',
	    'the next set is a set');
	my $client = $server->connect;
	for my $byte (split //, login('user pass') . "version\r\n") {
		$client->send($byte);
	}
	is($client->line, 'STORED', 'it may come byte by byte');
	like($client->line, qr/^VERSION/, 'and so may what follows');
	is($client->set('big', 'x' x 500000), 'STORED',
	    'then values may be large');
	is(length $client->get('big'), 500000, 'as ever');
	$client->close;
}

sub
a_login_that_fails
{
	my ($server) = @_;

	is(dialog($server, login($_) . "get a\r\n"),
	    "$FAILURE|$UNAUTHENTICATED", "'$_' does not log in")
	    for 'user pas', 'user passs', 'use pass', 'user word', 'User pass',
	    "user pass\t", 'nobody pass', 'pass user';
	is(dialog($server, login($_) . "get a\r\n"),
	    "$BAD_FORMAT|$UNAUTHENTICATED", "'$_' has not the form")
	    for '', 'user', 'user:pass', ' user ', 'x' x 2000;
	is(dialog($server, login('user no') . login('user pass') .
	    "version\r\n"), "$FAILURE|STORED|VERSION", 'one may try again');
	is(dialog($server, "set a 0 0 9\r\nuser passxx\r\nversion\r\n"),
	    "$UNAUTHENTICATED|$UNAUTHENTICATED|$UNAUTHENTICATED",
	    'the value has to end where it said');
}

sub
little_is_held_for_strangers
{
	my ($server) = @_;
	my $client = $server->connect;
	my $items = stats_of($server)->{curr_items};

	$client->post_some('get ' . 'k ' x 2000);
	ok($client->closed, 'a long line ends the connection');
	$client->close;
	is(dialog($server, login('x' x 3000) . login('user pass')),
	    "$UNAUTHENTICATED|STORED", 'a value that is too long is skipped');
	$client = $server->connect;
	$client->send("set a 0 0 400000\r\n");
	is($client->line, $UNAUTHENTICATED, 'without waiting for it');
	for (1 .. 4) {
		$client->send('x' x 100000);
	}
	$client->send("\r\n" . login('user pass'));
	is($client->line, 'STORED', 'and then one may log in');
	$client->close;
	is(stats_of($server)->{curr_items}, $items,
	    'no value of a stranger was stored');
}

sub
packets_are_no_way_in
{
	my ($server) = @_;

	like(dialog($server, Cairn::Binary::packet(op => 'version') .
	    "\r\n"), qr/^\Q$UNAUTHENTICATED\E$/,
	    'without -S a packet is a line like any other');
}

sub
attempts_are_counted
{
	my ($server) = @_;
	my $before = stats_of($server);

	dialog($server, login('user pass'));
	dialog($server, login('user no') . login('nobody x') .
	    login('user') . "get a\r\n");
	my $after = stats_of($server);
	is($after->{auth_cmds} - $before->{auth_cmds}, 5,
	    'attempts are counted');
	is($after->{auth_errors} - $before->{auth_errors}, 3,
	    'and those that failed');
}

sub
settings_tell
{
	my ($server) = @_;
	my $settings = stats_of($server, 'settings');

	is($settings->{auth_enabled_ascii}, $file, 'the settings have the file');
	is($settings->{auth_enabled_sasl}, 'no', 'and no SASL');
	is($settings->{binding_protocol}, 'ascii', 'and the protocol');
}

# What memcached answers to one command at a time; to several at once before
# the login it answers the last only.
sub
dialogs_are_those_of_memcached
{
	my ($program) = @_;
	my %server = (memcached => Cairn->start(program => $program,
	    flags => ['-Y', $file]), cairnd => Cairn->start(
	    flags => ['-Y', $file]));

	for my $bytes ("get a\r\n", "version\r\n", "quit\r\n", "\r\n",
	    "mn\r\n", "get a b\r\n", 'get ' . 'a' x 500 . "\r\n",
	    "set x 0 0\r\n", "set x 0 0 -1\r\n",
	    map({ login($_) . "get q\r\nset b 0 0 1\r\nx\r\nget b\r\n" }
	    'user pass', 'other word', 'user pass more', 'user  pass'),
	    map({ login($_) } 'user pas', 'user passs', 'nobody x', 'user',
	    '', 'user:pass', 'user pass '),
	    login('user pass', ' noreply')) {
		my %reply = map { ($_ => one_by_one($server{$_}, $bytes)) }
		    keys %server;
		is($reply{cairnd}, $reply{memcached}, 'as memcached: ' .
		    Cairn::Connection::show($bytes));
	}
	$_->stop for values %server;
}

# Nothing is sent before the reply to what was sent before.
sub
one_by_one
{
	my ($server, $bytes) = @_;
	my $client = $server->connect;
	my $reply = '';

	for my $part (split /(?<=\r\n)(?=get|set)/, $bytes) {
		$client->send($part);
		$reply .= $client->until("\r\n");
		$reply .= $client->until("END\r\n") if $reply =~ /^VALUE/m;
	}
	$client->close;
	$reply =~ s/VERSION \S+/VERSION/;
	return $reply;
}

sub
ask
{
	return Cairn::Binary::ask(@_);
}

sub
plain
{
	my ($client, $value, %more) = @_;

	return ask($client, op => 'auth', key => 'PLAIN', value => $value,
	    %more);
}

sub
sasl_logs_in
{
	my ($server) = @_;

	for my $value ("\0user\0pass", "user\0user\0pass") {
		my $client = $server->connect;
		my $reply = plain($client, $value);
		is("$reply->{status} $reply->{value}", '0 Authenticated',
		    Cairn::Connection::show($value) . ' logs in');
		is(ask($client, op => 'set', key => 'k', value => 'v')
		    ->{status}, 0, 'then packets are served');
		is(ask($client, op => 'get', key => 'k')->{value}, 'v',
		    'as ever');
		$client->close;
	}
	my $client = $server->connect;
	is(ask($client, op => 'mechs')->{value}, 'PLAIN', 'PLAIN is offered');
	is(ask($client, op => 'auth', key => 'plain', value =>
	    "\0user\0pass")->{status}, 0, 'in any case');
	is(ask($client, op => 'set', key => 'k', value => 'x' x 100000)
	    ->{status}, 0, 'then values may be large');
	is(plain($client, "\0user\0no")->{status}, $AUTH_ERROR,
	    'to fail with another login');
	is(ask($client, op => 'get', key => 'k')->{status}, $AUTH_ERROR,
	    'is to be outside again');
	ok($client->closed, 'and nobody stays there');
	$client->close;
	$client = $server->connect;
	is(plain($client, '')->{status}, $CONTINUE, 'the value may come later');
	is(ask($client, op => 'step', key => 'PLAIN', value =>
	    "\0user\0pass")->{status}, 0, 'in a step');
	$client->close;
}

sub
sasl_that_fails
{
	my ($server) = @_;
	my @wrong = ("\0user\0pas", "\0user\0passs", "\0use\0pass",
	    "\0nobody\0pass", "other\0user\0pass", "\0user\0", "\0user",
	    'user pass', "user\0pass", "\0user\0pass\0", "\0\0", "\0",
	    "\0user\0" . 'x' x 2000, 'x' x 100000);

	for my $value (@wrong) {
		my $client = $server->connect;
		is(plain($client, $value)->{status}, $AUTH_ERROR,
		    Cairn::Connection::show($value) . ' does not log in');
		is(plain($client, "\0user\0pass")->{status}, 0,
		    'but the right one, then');
		$client->close;
	}
	my $client = $server->connect;
	is(ask($client, op => 'auth', key => 'CRAM-MD5', value =>
	    "\0user\0pass")->{status}, $AUTH_ERROR,
	    'no other mechanism is known');
	is(ask($client, op => 'step', key => 'PLAIN', value =>
	    "\0user\0pass")->{status}, $AUTH_ERROR,
	    'a step needs a beginning');
	$client->close;
}

sub
packets_before_the_login
{
	my ($server) = @_;

	for my $op (qw(get getq set setq delete noop stat flush quit 85)) {
		my $client = $server->connect;
		my $reply = ask($client, op => $op,
		    key => $op =~ /^(noop|flush|quit)$/ ? '' : 'k',
		    value => $op =~ /set/ ? 'x' x 100000 : '');
		is("$reply->{status} $reply->{value}",
		    "$AUTH_ERROR Auth failure.", "$op is refused");
		ok($client->closed, 'and the connection is closed');
		$client->close;
	}
	my $client = $server->connect;
	is(ask($client, op => 'version')->{status}, 0,
	    'the version is for everybody');
	is(ask($client, op => 'get')->{status}, 4,
	    'what is no packet is said so');
	ok($client->closed, 'and closed on');
	$client->close;
}

sub
calls
{
	return join '', map { Cairn::Resp::request(split ' ') } @_;
}

sub
redis_clients_log_in
{
	my ($server) = @_;
	my $noauth = '-NOAUTH Authentication required.';
	my $wrong = '-WRONGPASS invalid username-password pair or user is ' .
	    'disabled.';

	is(dialog($server, calls('PING', 'SET k v', 'GET k', 'MGET a b',
	    'CLIENT ID', 'NOSUCH', 'PING a b c')), join('|', ($noauth) x 5,
	    "-ERR unknown command 'NOSUCH', with args beginning with: ",
	    $noauth), 'Redis clients have to log in');
	is(dialog($server, calls('AUTH user no', 'AUTH pass', 'AUTH user pass',
	    'PING', 'AUTH user no', 'PING')), join('|', $wrong, $wrong, '+OK',
	    '+PONG', $wrong, '+PONG'), 'by AUTH');
	like(dialog($server, calls('HELLO 3 AUTH user pass SETNAME x',
	    'CLIENT GETNAME', 'GET none')),
	    qr/^%7\|.*\|\$1\|x\|_$/, 'or by HELLO');
	is(dialog($server, calls('HELLO 3 AUTH user no', 'PING')),
	    "$wrong|$noauth", 'which does not greet the others');
	like(dialog($server, calls('HELLO 3')), qr/^-NOAUTH HELLO must be /,
	    'nor those who say nothing');
	is(dialog($server, calls('AUTH other word', 'RESET', 'PING', 'QUIT',
	    'PING')), "+OK|+RESET|$noauth|+OK", 'RESET logs out');
	is(dialog($server, "*1000000000\r\n"),
	    '-ERR Protocol error: invalid multibulk length',
	    'what is no request is not taken for one');
}

sub
text_logs_in_as_well
{
	my ($server) = @_;

	is(dialog($server, "get a\r\n" . login('user pass') . "version\r\n"),
	    "$UNAUTHENTICATED|STORED|VERSION",
	    'with -S, text clients log in by text');
	my $client = $server->connect;
	is(ask($client, op => 'set', key => 'any', value => 'user pass')
	    ->{status}, $AUTH_ERROR, 'binary ones do not');
	$client->close;
}

sub
attempts_are_counted_of_both
{
	my ($server) = @_;
	my $before = stats_of($server);
	my $client = $server->connect;

	ask($client, op => 'mechs');
	plain($client, "\0user\0no");
	plain($client, '');
	plain($client, "\0user\0pass");
	my $after = stats_of($server);
	is($after->{auth_cmds} - $before->{auth_cmds}, 3,
	    'attempts are counted in both protocols');
	is($after->{auth_errors} - $before->{auth_errors}, 1,
	    'and those that failed');
	is(stats_of($server, 'settings')
	    ->{auth_enabled_sasl}, 'yes', 'the settings have SASL');
	$client->send(Cairn::Binary::packet(op => 'stat', key => 'reset'));
	Cairn::Binary::until_noop($client);
	is(stats_of($server)->{auth_errors}, 0,
	    'stats reset counts anew');
	$client->close;
}

# A server that cannot know its users does not start.
sub
the_file_has_to_be_good
{
	for (["$dir/none", qr/none: No such file or directory/],
	    [write_users("user:pass\nuser\n"), qr/users:2: not of the form/],
	    [$dir, qr/Is a directory/]) {
		my ($path, $words) = @$_;
		my $process = Cairn->run([Cairn::server_program(), '-p', -1,
		    Cairn::account_flags(), '-Y', $path]);
		is($process->wait_for_exit(10) >> 8, 1, "-Y $path ends the server");
		like($process->stderr, qr/^cairnd: .*$words.*\n\z/m,
		    'which says why');
	}
	write_users("user:pass\n");
}

sub
the_file_is_read_again
{
	write_users("user:pass\nold:one\n");
	my $server = Cairn->start(flags => ['-v', '-Y', $file]);
	my $inside = $server->connect;

	$inside->send(login('old one'));
	is($inside->line, 'STORED', 'a user logs in');
	write_users("user:pass\nnew:two\n");
	hang_up($server, qr/users: read again/);
	is(dialog($server, login('old one')), $FAILURE,
	    'who is gone from the file cannot log in');
	is(dialog($server, login('new two')), 'STORED', 'who is new can');
	like($server->stderr, qr/: tcp:127\.0\.0\.1:\d+ could not log in\n/,
	    'with -v, who could not is told');
	like($inside->ask('version'), qr/^VERSION/,
	    'who is inside stays inside');
	write_users("user:pass\nnonsense\n");
	hang_up($server, qr/those from before stay/);
	like($server->stderr, qr/\Q$file\E:2: not of the form/,
	    'a file that is wrong is complained about');
	is(dialog($server, login('new two')), 'STORED',
	    'and nothing has changed');
	is($server->stop, 0, 'the server ends cleanly');
	write_users("user:pass\n");
	chmod 0600, $file;
	SKIP: {
		skip 'this user is the one who runs the server', 1 if $> != 0;
		$server = Cairn->start(flags => ['-Y', $file]);
		like($server->stderr, qr/\Q$file\E: .*not be able to read/,
		    'a file that root only can read is warned of');
		$server->stop;
	}
	write_users("user:pass\n");
}

# Send SIGHUP and wait until the log has more of that.
sub
hang_up
{
	my ($server, $words) = @_;
	my $before = () = $server->stderr =~ /$words/g;
	my $give_up = time + $Cairn::TIMEOUT;

	kill 'HUP', $server->{pid};
	while ((() = $server->stderr =~ /$words/g) == $before) {
		die "no log of $words\n" if time > $give_up;
		sleep 0.01;
	}
}

sub
a_file_for_all_to_read_is_warned_of
{
	for my $mode (0600, 0640, 0644) {
		write_users("user:pass\n", $mode);
		my $server = Cairn->start(flags => ['-Y', $file]);
		my $warned = $server->stderr =~
		    /\Q$file\E: anybody can read the passwords/;
		is(!!$warned, $mode == 0644, sprintf 'a file of mode %o is ' .
		    '%swarned of', $mode, $mode == 0644 ? '' : 'not ');
		$server->stop;
	}
	write_users("user:pass\n");
}

sub
sasl_is_unknown_without_the_option
{
	my $server = Cairn->start;
	my $client = $server->connect;

	is(ask($client, op => 'mechs')->{status}, 0x81,
	    'without -S there are no mechanisms');
	is(plain($client, "\0user\0pass")->{status}, 0x81, 'and no login');
	is(ask($client, op => 'noop')->{status}, 0, 'and no harm done');
	$client->close;
	$server->stop;
}
