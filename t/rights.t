#!/usr/bin/perl
# SPDX-License-Identifier: BSD-3-Clause
#
# rights.t - users who may not do everything, in each protocol: what is
# refused changes nothing and says so, and who may do everything meets none of
# it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Cairn;
use Cairn::Binary;
use Cairn::Resp;

my $NO = 'CLIENT_ERROR not permitted';
my $NO_KEY = '-NOPERM this user has no permissions to access one of the ' .
    'keys used as arguments';

my $dir = Cairn::scratch();
my $file = "$dir/users";
write_users(<<'USERS');
root:word
app:word
:app +@read +@write +@connection ~user:* %R~ro:*
:app -mset -@dangerous +flushdb +keys
app:second
reader:word
:reader +@read %R~*
counter:word
:counter +incr +get +config|get ~n
writer:word
:writer +@write +client|id %W~user:*
talker:word
:talker +@pubsub +@transaction +get ~a &news.* &old
caster:word
:caster +@all ~user:*
nobody:word
:nobody
USERS
my $server = Cairn->start(flags => ['-Y', $file, '-S']);

in_text();
a_line_with_keys();
long_values();
in_packets();
in_calls();
what_is_about_all_keys();
ways_around();
ways();
channels();
transactions();
about_users();
read_again();
is($server->stop, 0, 'the server ends cleanly');
done_testing;

sub
write_users
{
	my ($text) = @_;

	open my $out, '>', $file or die "$file: $!";
	print $out $text;
	close $out or die "$file: $!";
}

sub
text
{
	my ($name, $password) = (@_, 'word');
	my $client = $server->connect;
	my $both = "$name $password";

	$client->send('set login 0 0 ' . length($both) . "\r\n$both\r\n");
	is($client->line, 'STORED', "$name logs in");
	return $client;
}

# Requests in words to one user; the replies to them, one a line.
sub
calls
{
	my ($name, @requests) = @_;
	my $client = $server->connect;

	$client->send(join '', map { Cairn::Resp::request(split / /) }
	    "AUTH $name word", @requests, 'QUIT');
	my @replies = map { reply($client) } 0 .. @requests + 1;
	return @replies[1 .. @requests];
}

# A reply in one line, an array in brackets.
sub
reply
{
	my ($client) = @_;
	my $head = $client->line;

	return '[' . join(' ', map { reply($client) } 1 .. $1) . ']'
	    if $head =~ /^\*(\d+)/;
	return substr($client->exactly($1 + 2), 0, -2)
	    if $head =~ /^\$(\d+)/;
	return $head;
}

sub
in_text
{
	my ($root, $app, $reader) = map { text($_) } qw(root app reader);

	is($root->ask("set ro:a 0 0 1\r\nx"), 'STORED', 'root may set');
	is($root->ask("set secret 0 0 1\r\nx"), 'STORED', 'anything');
	is($app->ask("set user:a 0 0 1\r\n1"), 'STORED', 'app its own keys');
	is($app->ask("set ro:a 0 0 1\r\ny"), $NO, 'but none that is to read');
	is($app->get('ro:a'), 'x', 'which it reads, and has not changed');
	is($app->ask('get secret'), $NO, 'other keys it may not read');
	is($app->ask('gets secret'), $NO, 'nor gets');
	is($app->ask('gat 0 ro:a'), $NO, 'gat changes something');
	is($app->ask('incr user:a 1'), '2', 'incr');
	is($app->ask('incr ro:a 1'), $NO, 'incr of a key to read');
	is($app->ask('delete secret'), $NO, 'delete');
	is($app->ask('touch secret 0'), $NO, 'touch');
	is($app->ask('mg secret v'), $NO, 'mg');
	is($app->ask("ms secret 1\r\ny"), $NO, 'ms');
	is($app->ask('md secret'), $NO, 'md');
	is($app->ask('ma user:a'), 'HD', 'ma of its own');
	is($app->ask('mn'), 'MN', 'mn is open to all');
	like($app->ask('version'), qr/^VERSION/, 'so is version');
	is($app->ask('flush_all'), $NO, 'flush_all');
	is($app->ask('cache_memlimit 100'), $NO, 'nothing of @admin');
	is($app->ask('watch'), $NO, 'no watching, which tells keys');
	is($app->ask('stats cachedump 1 1'), $NO, 'no keys from stats');
	is($app->ask('stats detail dump'), $NO, 'nor their beginnings');
	$app->send("stats\r\n");
	like($app->until("END\r\n"), qr/^STAT pid /, 'other stats');
	is($reader->get('secret'), 'x', 'reader may read all');
	is($reader->ask("set user:a 0 0 1\r\nz"), $NO, 'and write nothing');
	is($reader->ask('incr user:a 1'), $NO, 'nor count');
	is($reader->get('user:a'), '3', 'nothing was changed');
	is(text('app', 'second')->ask('get secret'), $NO,
	    'rights are for all passwords of a name');
	is(text('nobody')->ask('get a'), $NO, 'nobody may do nothing');
}

# One error is the reply to a line, and the next line has its own.
sub
a_line_with_keys
{
	my $app = text('app');

	$app->send("get user:a secret ro:a\r\nget ro:a\r\n" .
	    "get secret user:a  \r\nget user:a\r\n" .
	    "set secret 0 0 5 noreply\r\nget x\r\nmn\r\n");
	is_deeply([$app->lines(12)], ['VALUE user:a 0 1', '3', $NO,
	    'VALUE ro:a 0 1', 'x', 'END', $NO, 'VALUE user:a 0 1', '3',
	    'END', $NO, 'MN'], 'a pipeline keeps its place');
}

sub
long_values
{
	my $app = text('app');
	my $value = "get a\r\n" x 100_000;

	is($app->set('secret', $value), $NO, 'a long value is swallowed');
	is($app->set('user:l', $value), 'STORED', 'another is not');
	$app->send(Cairn::Resp::request('PING'));
	is($app->line, 'ERROR', 'the connection speaks text');
	my $client = $server->connect;
	$client->send(join '', map { Cairn::Resp::request(@$_) }
	    ['AUTH', 'app', 'word'], ['SET', 'secret', $value],
	    ['SET', 'user:l', $value], ['STRLEN', 'user:l']);
	is_deeply([map { reply($client) } 1 .. 4], ['+OK', $NO_KEY, '+OK',
	    ':700000'], 'in RESP, too');
	is(text('root')->get('secret'), 'x', 'nothing was changed');
}

sub
in_packets
{
	my $client = $server->connect;

	is(Cairn::Binary::ask($client, op => 'auth', key => 'PLAIN',
	    value => "\0app\0word")->{status}, 0, 'SASL');
	for my $request ([get => 'secret', 0x20], [get => 'ro:a', 0],
	    [get => 'user:a', 0], [delete => 'secret', 0x20],
	    [delete => 'user:none', 1], [noop => '', 0], [flush => '', 0x20]) {
		my ($op, $key, $status) = @$request;

		is(Cairn::Binary::ask($client, op => $op, key => $key)
		    ->{status}, $status, "$op '$key'");
	}
}

sub
in_calls
{
	is_deeply([calls('app', 'GET secret', 'GET ro:a', 'SET ro:a 1',
	    'SET user:b 1', 'GET user:b', 'INCR user:b', 'DEL user:b secret',
	    'EXISTS user:b ro:a', 'MGET user:b ro:a secret', 'RENAME user:b s',
	    'RENAME user:b user:c', 'COPY ro:a user:d', 'COPY user:d ro:a')],
	    [$NO_KEY, 'x', $NO_KEY, '+OK', '1', ':2', $NO_KEY, ':2', $NO_KEY,
	    $NO_KEY, '+OK', ':1', $NO_KEY], 'keys of calls');
	is_deeply([calls('app', 'MSET user:a 1', 'CONFIG GET save', 'PING',
	    'INFO server', 'CLIENT ID x', 'CLIENT LIST', 'ACL USERS')],
	    [no_call('mset'), no_call('config|get'), '+PONG', no_call('info'),
	    "-ERR wrong number of arguments for 'client|id' command",
	    no_call('client|list'), no_call('acl|users')], 'classes of calls');
	is_deeply([calls('counter', 'INCR n', 'GET n', 'SET n 1', 'GET m',
	    'CONFIG GET save', 'CONFIG SET save 1', 'PING', 'RESET')],
	    [':1', '1', no_call('set'), $NO_KEY, '[save ]',
	    no_call('config|set'), no_call('ping'), '+RESET'],
	    'single calls, and RESET for all');
	is((calls('nobody', 'GET a'))[0], no_call('get'), 'nobody');
	is_deeply([calls('root', 'MSET a 1 secret 2', 'MGET a secret')],
	    ['+OK', '[1 2]'], 'root may do all of it');
}

sub
no_call
{
	my ($name) = @_;

	return "-NOPERM this user has no permissions to run the '$name' " .
	    'command';
}

# A user sees the keys that he may read, and removes none of the others.
sub
what_is_about_all_keys
{
	my @seen = calls('app', 'FLUSHDB', 'FLUSHALL', 'KEYS *',
	    'SCAN 0 COUNT 1000', ('RANDOMKEY') x 20);

	is($seen[0], $NO_KEY, 'FLUSHDB is about all keys');
	is($seen[1], no_call('flushall'), 'FLUSHALL is not given');
	is(sorted($seen[2]), 'ro:a user:a user:c user:d user:l', 'KEYS');
	like($seen[3], qr/^\[\d+ \[/, 'SCAN');
	is_deeply([grep { !/^(?:user|ro):\w$/ } map { /([^\[\] ]+)/g }
	    $seen[3] =~ s/^\[\d+//r, @seen[4 .. 23]], [],
	    'what is not seen there');
	is((calls('root', 'FLUSHDB'))[0], '+OK', 'root removes all');
}

sub
sorted
{
	return join ' ', sort $_[0] =~ /[^\[\] ]+/g;
}

# Scripts and caches are no way around.
sub
ways_around
{
	is_deeply([calls('app', "EVAL return(redis.call('get','user:c')) 0")],
	    [no_call('eval')], 'scripts are not given');
	my @replies = calls('caster', 'EVAL return(redis.pcall(\'get\',' .
	    '\'secret\')) 0', 'CLIENT TRACKING ON BCAST',
	    'CLIENT TRACKING OFF');
	SKIP: {
		skip 'no Lua here', 1 if $replies[0] =~ /Lua/;
		is($replies[0], $NO_KEY, 'a script has the rights of its user');
	}
	is_deeply([@replies[1, 2]], [$NO_KEY, '+OK'],
	    'to be told of all keys needs a right to them');
}

# To write is not to read.
sub
ways
{
	is_deeply([calls('writer', 'SET user:a 1', 'SET user:a 2 GET',
	    'APPEND user:a 1', 'INCR user:a', 'GETDEL user:a', 'GET user:a',
	    'EXPIRE user:a 100', 'DEL user:a', 'CLIENT LIST')],
	    ['+OK', $NO_KEY, ':2', $NO_KEY, $NO_KEY, no_call('get'), ':1',
	    ':1', no_call('client|list')], 'writing tells nothing');
	my $writer = text('writer');
	is($writer->ask("set user:a 0 0 1\r\n1"), 'STORED', 'set');
	is($writer->ask('incr user:a 1'), $NO, 'incr tells the sum');
	is($writer->ask('gat 0 user:a'), $NO, 'gat tells the value');
	is($writer->ask('delete user:a'), 'DELETED', 'delete');
}

sub
channels
{
	is_deeply([calls('talker', 'PUBLISH news.a x', 'PUBLISH other x',
	    'SUBSCRIBE old other', 'PSUBSCRIBE *', 'PSUBSCRIBE news.a*',
	    'PSUBSCRIBE news.*')],
	    [':0', ($NO_KEY =~ s/keys/channels/r) x 4,
	    '[psubscribe news.* :1]'], 'channels');
}

sub
transactions
{
	is_deeply([calls('talker', 'MULTI', 'GET a', 'GET b', 'EXEC',
	    'MULTI', 'GET a', 'EXEC', 'WATCH b')], ['+OK', '+QUEUED', $NO_KEY,
	    '-EXECABORT Transaction discarded because of previous errors.',
	    '+OK', '+QUEUED', '[$-1]', $NO_KEY], 'transactions');
}

sub
about_users
{
	my ($users, $list, $app, $none, @dry) = calls('root', 'ACL USERS',
	    'ACL LIST', 'ACL GETUSER app', 'ACL GETUSER none',
	    'ACL DRYRUN app GET secret', 'ACL DRYRUN app GET user:a',
	    'ACL DRYRUN app MSET user:a 1', 'ACL DRYRUN none GET a',
	    'ACL DRYRUN app NOSUCH', 'ACL DRYRUN app GET',
	    'ACL DRYRUN root FLUSHALL', 'ACL DRYRUN app CONFIG SET a b');

	is($users, '[app caster counter nobody reader root talker writer]', 'ACL USERS');
	like($list, qr/user counter on ~n resetchannels  -\@all \+incr/,
	    'ACL LIST');
	like($list, qr/user root on ~\* &\* \+\@all /, 'all rights');
	is($app, '[flags [on] passwords [] commands -@all +@read +@write ' .
	    '+@connection -mset -@dangerous +flushdb +keys keys ~user:* ' .
	    '%R~ro:* channels  selectors []]', 'ACL GETUSER');
	is($none, '$-1', 'of nobody');
	is_deeply(\@dry, ["This user has no permissions to access the " .
	    "'secret' key", '+OK', "This user has no permissions to run the " .
	    "'mset' command", "-ERR User 'none' not found",
	    "-ERR Command 'NOSUCH' not found",
	    "-ERR wrong number of arguments for 'get' command", '+OK',
	    "This user has no permissions to run the 'config|set' command"],
	    'ACL DRYRUN');
	like((calls('root', 'ACL GENPASS'))[0], qr/^[0-9a-f]{64}$/,
	    'ACL GENPASS');
}

# Who is in stays as he is; who comes finds the new rights.
sub
read_again
{
	my $before = text('app');

	write_users("root:word\napp:word\n:app +get ~*\n");
	is((calls('root', 'ACL LOAD'))[0], '+OK', 'ACL LOAD');
	is($before->ask('get secret'), $NO, 'who was in keeps his rights');
	is((calls('app', 'GET secret'))[0], '$-1', 'who comes has the new');
	is((calls('app', 'EXISTS secret'))[0], no_call('exists'),
	    'and no others');
	write_users("root:word\n:app +get ~*\n");
	like((calls('root', 'ACL LOAD'))[0], qr/^-ERR .*the log says why/,
	    'a wrong file');
	like($server->stderr, qr/:2: rights of a user who has no password/,
	    'is explained');
	is((calls('app', 'GET secret'))[0], '$-1', 'and changes nothing');
}
