<?php
# SPDX-License-Identifier: BSD-3-Clause
#
# php_memcached_mixed.php - talk to servers the way php-memcached does:
#
#	php_memcached_mixed.php text|binary|sasl HOST:PORT HOST:PORT
#
# With sasl each connection logs in with the name and the password that the
# environment has in CAIRN_USER and CAIRN_PASSWORD.

if (!class_exists('Memcached')) {
	echo "1..0 # SKIP php-memcached is not installed\n";
	exit(0);
}

$mode = $argv[1];
$servers = array_slice($argv, 2);
$count = $failures = 0;

function
check($name, $got, $want)
{
	global $count, $failures;

	$count++;
	if ($got === $want) {
		echo "ok $count - $name\n";
		return;
	}
	$failures++;
	echo "not ok $count - $name\n";
	echo '# got  ', substr(json_encode($got), 0, 200), "\n";
	echo '# want ', substr(json_encode($want), 0, 200), "\n";
}

# What the last call of the client came to.
function
outcome($name, $client, $want)
{
	check($name, $client->getResultCode(), $want);
}

function
connect($servers, $options = [])
{
	global $mode;
	$client = new Memcached();

	$client->setOptions($options + [
		Memcached::OPT_BINARY_PROTOCOL => $mode != 'text',
		Memcached::OPT_TCP_NODELAY => true,
		Memcached::OPT_CONNECT_TIMEOUT => 10000,
		Memcached::OPT_RETRY_TIMEOUT => 0,
	]);
	if ($mode == 'sasl')
		$client->setSaslAuthData(getenv('CAIRN_USER'),
		    getenv('CAIRN_PASSWORD'));
	foreach ($servers as $server) {
		[$host, $port] = explode(':', $server);
		$client->addServer($host, (int)$port);
	}
	return $client;
}

function
storage($client)
{
	check('set', $client->set('a', 'one'), true);
	check('get', $client->get('a'), 'one');
	check('get of a missing key', $client->get('none'), false);
	outcome('is a miss', $client, Memcached::RES_NOTFOUND);
	check('get with a callback', $client->get('made',
	    function ($client, $key, &$value) {
		$value = "$key up";
		return true;
	    }), 'made up');
	check('is stored', $client->get('made'), 'made up');
	check('add to a key that is there', $client->add('a', 'x'), false);
	check('add', $client->add('b', '2'), true);
	check('replace', $client->replace('b', '3'), true);
	check('replace nothing', $client->replace('none', '3'), false);
	$client->setOption(Memcached::OPT_COMPRESSION, false);
	check('append', $client->append('b', '4'), true);
	check('prepend', $client->prepend('b', '2'), true);
	check('the result', $client->get('b'), '234');
	check('append to nothing', $client->append('none', '4'), false);
	check('prepend to nothing', $client->prepend('none', '4'), false);
	$client->setOption(Memcached::OPT_COMPRESSION, true);
	check('delete', $client->delete('b'), true);
	check('delete again', $client->delete('b'), false);
	outcome('is a miss', $client, Memcached::RES_NOTFOUND);
}

function
values($client)
{
	$things = ['string' => "gr\u{fc}n", 'bytes' => "\0\r\nEND\r\n",
	    'empty' => '', 'number' => -42, 'float' => 0.5, 'true' => true,
	    'false' => false, 'null' => null, 'array' => [1, 'two' => [3]]];

	foreach ($things as $name => $thing) {
		check("set: $name", $client->set('thing', $thing), true);
		check("get: $name", $client->get('thing'), $thing);
	}
	foreach ([0, 1, 100, 10000, 900000] as $length) {
		$value = $length ? random_bytes($length) : '';
		check("set $length bytes", $client->set('large', $value), true);
		check("get $length bytes",
		    $client->get('large') === $value, true);
	}
	$text = str_repeat('compress me ', 10000);
	check('set what can be compressed', $client->set('large', $text), true);
	check('get it', $client->get('large') === $text, true);
	check('too large a value', $client->set('large',
	    random_bytes((1 << 20) + 1)), false);
	outcome('is too large', $client, Memcached::RES_E2BIG);
	check('the connection is in order', $client->set('large', 'x'), true);
	$key = str_repeat('k', 250);
	check('a key of 250 bytes', $client->set($key, 'x'), true);
	check('comes back', $client->get($key), 'x');
}

function
counters($client)
{
	global $mode;

	$client->set('n', 10);
	check('increment', $client->increment('n', 5), 15);
	check('decrement', $client->decrement('n', 7), 8);
	check('decrement to 0', $client->decrement('n', 100), 0);
	check('increment nothing', $client->increment('nowhere', 1), false);
	outcome('is a miss', $client, Memcached::RES_NOTFOUND);
	$client->set('word', 'abc');
	check('increment a word', @$client->increment('word'), false);
	check('the connection is in order', $client->get('word'), 'abc');
	if ($mode == 'text')
		return;
	check('increment with an initial value',
	    $client->increment('fresh', 1, 100), 100);
	check('increment goes on', $client->increment('fresh', 1, 100), 101);
	check('decrement with an initial value',
	    $client->decrement('fresher', 1, 50, 1000), 50);
	check('decrement goes on',
	    $client->decrement('fresher', 1, 50, 1000), 49);
}

function
uniques($client)
{
	$client->set('c', 'one');
	$got = $client->get('c', null, Memcached::GET_EXTENDED);
	check('get extended', $got['value'], 'one');
	check('cas', $client->cas($got['cas'], 'c', 'two'), true);
	check('cas again', $client->cas($got['cas'], 'c', 'three'), false);
	outcome('has changed', $client, Memcached::RES_DATA_EXISTS);
	check('the value', $client->get('c'), 'two');
	check('cas of nothing', $client->cas(1, 'none', 'x'), false);
	outcome('is a miss', $client, Memcached::RES_NOTFOUND);
	$client->setOption(Memcached::OPT_USER_FLAGS, 12345);
	check('user flags are set', $client->set('flags', 'x'), true);
	$client->setOption(Memcached::OPT_USER_FLAGS, -1);
	$got = $client->get('flags', null, Memcached::GET_EXTENDED);
	check('user flags come back', $got['flags'], 12345);
}

function
many($client)
{
	$values = [];
	for ($n = 0; $n < 300; $n++)
		$values["m$n"] = str_repeat('v', $n);
	check('setMulti', $client->setMulti($values), true);
	$got = $client->getMulti(array_keys($values));
	ksort($got);
	ksort($values);
	check('getMulti', $got, $values);
	check('getMulti with misses', $client->getMulti(['none', 'm1']),
	    ['m1' => 'v']);
	check('getMulti in order',
	    $client->getMulti(['m2', 'none', 'm1'],
	    Memcached::GET_PRESERVE_ORDER),
	    ['m2' => 'vv', 'none' => null, 'm1' => 'v']);
	check('getDelayed', $client->getDelayed(['m1', 'none', 'm2']), true);
	$got = array_column($client->fetchAll(), 'value', 'key');
	ksort($got);
	check('fetchAll', $got, ['m1' => 'v', 'm2' => 'vv']);
	$gone = $client->deleteMulti(['m1', 'none']);
	check('deleteMulti', $gone['m1'], true);
	check('deleteMulti of a missing key', $gone['none'],
	    Memcached::RES_NOTFOUND);
	$client->deleteMulti(array_keys($values));
	check('all gone', $client->getMulti(array_keys($values)), []);
}

function
expiry($client)
{
	check('an expiry to come', $client->set('t', 'x', 1000), true);
	check('is there', $client->get('t'), 'x');
	check('touch', $client->touch('t', 100), true);
	check('is still there', $client->get('t'), 'x');
	check('touch nothing', $client->touch('none', 100), false);
	check('touch into 1970', $client->touch('t', 2600000), true);
	check('expires', $client->get('t'), false);
	$client->set('t', 'x', 2600000);
	check('set into 1970', $client->get('t'), false);
	check('an hour from now', $client->set('t', 'x', time() + 3600), true);
	check('is there', $client->get('t'), 'x');
}

function
statistics($client)
{
	global $servers;
	$stats = $client->getStats()[$servers[0]];
	$version = $client->getVersion()[$servers[0]];

	check('getStats', $stats['cmd_get'] > 0 && $stats['curr_items'] > 0,
	    true);
	check('getVersion', preg_match('/^1\.\d+\.\d+/', $version), 1);
	check('flush', $client->flush(), true);
	check('flushed', $client->get('a'), false);
}

# Keys spread over two servers by consistent hashing.
function
two_servers($servers)
{
	$both = connect($servers, [
		Memcached::OPT_LIBKETAMA_COMPATIBLE => true,
		Memcached::OPT_PREFIX_KEY => 'two:',
	]);
	$values = [];
	for ($n = 0; $n < 500; $n++)
		$values["spread$n"] = "value $n";
	check('two servers: setMulti', $both->setMulti($values), true);
	$got = $both->getMulti(array_keys($values));
	ksort($got);
	ksort($values);
	check('two servers: getMulti', $got, $values);
	$here = array_filter(array_keys($values), fn ($key) =>
	    $both->getServerByKey($key)['port'] ==
	    explode(':', $servers[0])[1]);
	check('two servers: both have some',
	    count($here) > 50 && count($here) < 450, true);
	$first = connect([$servers[0]], [Memcached::OPT_PREFIX_KEY => 'two:']);
	$found = array_keys($first->getMulti(array_keys($values)));
	sort($here);
	sort($found);
	check('two servers: each has its own', $found, $here);
	$all = count(array_filter($both->deleteMulti(array_keys($values)),
	    fn ($gone) => $gone === true));
	check('two servers: deleteMulti', $all, 500);
}

# Processes that add by cas, and by increment, lose nothing.
function
at_once($servers)
{
	$children = [];

	$client = connect($servers);
	$client->setMulti(['sum' => 0, 'total' => 0]);
	for ($n = 0; $n < 4; $n++) {
		$pid = pcntl_fork();
		if ($pid == 0) {
			work(connect($servers), $n);
			# An exit would say quit on its parent's connection.
			posix_kill(posix_getpid(), SIGKILL);
		}
		$children[] = $pid;
	}
	foreach ($children as $pid)
		pcntl_waitpid($pid, $status);
	check('processes read their own', $client->get('wrong'), false);
	check('processes count', $client->get('sum'), 400);
	check('processes add by cas', $client->get('total'), 400);
}

function
work($client, $name)
{
	for ($n = 0; $n < 100; $n++) {
		$key = "p$name." . $n % 10;
		$client->set($key, [$name, $n]);
		if ($client->get($key) !== [$name, $n])
			$client->set('wrong', $key);
		$client->increment('sum');
		do {
			$got = $client->get('total', null,
			    Memcached::GET_EXTENDED);
		} while (!$client->cas($got['cas'], 'total',
		    $got['value'] + 1));
	}
}

# Call it until it is true, but not for ever.
function
comes($name, $function)
{
	$give_up = microtime(true) + 20;

	while (!$function() && microtime(true) < $give_up)
		usleep(20000);
	check($name, $function(), true);
}

function
restart($client)
{
	$client->set('before', 'x');
	posix_kill((int)getenv('CAIRN_PID'), SIGTERM);
	comes('after a restart the cache is empty', fn () =>
	    $client->get('before') === false &&
	    $client->getResultCode() == Memcached::RES_NOTFOUND);
	check('set', $client->set('after', 'y'), true);
	check('get', $client->get('after'), 'y');
}

function
wrong_password($servers)
{
	$client = connect($servers);

	$client->setSaslAuthData(getenv('CAIRN_USER'), 'wrong');
	check('a wrong password', $client->set('a', '1'), false);
}

$client = connect([$servers[0]]);
if ($mode == 'sasl')
	wrong_password([$servers[0]]);
storage($client);
values($client);
counters($client);
uniques($client);
many($client);
expiry($client);
statistics($client);
$client->set('brief', 'x', 1);
two_servers($servers);
at_once([$servers[0]]);
comes('a second later it is gone', fn () => $client->get('brief') === false);
restart($client);
echo "1..$count\n";
exit($failures ? 1 : 0);
