<?php
# SPDX-License-Identifier: BSD-3-Clause
#
# php_redis_mixed.php - talk to a server the way php-redis does:
#
#	php_redis_mixed.php text|login HOST:PORT
#
# With login it is the user CAIRN_USER with the password CAIRN_PASSWORD.

require __DIR__ . '/tap.php';

if (!class_exists('Redis'))
	skip_all('php-redis is not installed');

function
connect($options = [])
{
	global $mode, $servers;
	[$host, $port] = explode(':', $servers[0]);
	$client = new Redis();

	$client->connect($host, (int)$port, 20);
	if ($mode == 'login')
		$client->auth([getenv('CAIRN_USER'),
		    getenv('CAIRN_PASSWORD')]);
	foreach ($options as $option => $value)
		$client->setOption($option, $value);
	return $client;
}

function
strings($client)
{
	check('ping', $client->ping(), true);
	check('set', $client->set('a', 'one'), true);
	check('get', $client->get('a'), 'one');
	check('get of a missing key', $client->get('none'), false);
	check('set with options',
	    $client->set('a', 'x', ['nx', 'ex' => 10]), false);
	check('set that expires', $client->set('e', 'x', ['ex' => 100]),
	    true);
	check('mset', $client->mSet(['a' => '1', 'b' => '2']), true);
	check('mget', $client->mGet(['a', 'none', 'b']), ['1', false, '2']);
	check('msetnx', $client->msetnx(['b' => '3', 'c' => '4']), false);
	check('append', $client->append('a', '23'), 3);
	check('strlen', $client->strlen('a'), 3);
	check('getrange', $client->getRange('a', 1, 2), '23');
	check('setrange', $client->setRange('a', 1, 'x'), 3);
	check('getset', $client->getSet('a', 'y'), '1x3');
	check('incr', $client->incr('n'), 1);
	check('incrby', $client->incrBy('n', 10), 11);
	check('decrby', $client->decrBy('n', 20), -9);
	check('incrbyfloat', $client->incrByFloat('n', 0.5), -8.5);
	check('incr of a fraction', $client->incr('n'), false);
	// There is a NUL behind it in 5.3.7.
	check('the error', rtrim($client->getLastError(), "\0"),
	    'ERR value is not an integer or out of range');
}

function
keys($client)
{
	check('exists', $client->exists('a', 'b', 'none'), 2);
	check('del', $client->del('b', 'none'), 1);
	check('unlink', $client->unlink('b'), 0);
	check('type', $client->type('a'), Redis::REDIS_STRING);
	check('rename', $client->rename('a', 'b'), true);
	check('expire', $client->expire('b', 100), true);
	check('ttl', $client->ttl('b') > 90, true);
	check('pttl', $client->pttl('b') > 90000, true);
	check('persist', $client->persist('b'), true);
	check('ttl of what stays', $client->ttl('b'), -1);
	check('setex', $client->setex('s', 1000, 'v'), true);
	check('psetex', $client->psetex('s', 100000, 'v'), true);
	check('object', $client->object('encoding', 's'), 'embstr');
}

function
scans($client)
{
	$want = $got = [];
	$place = null;

	for ($n = 0; $n < 1000; $n++)
		$want["scan$n"] = (string)$n;
	$client->mSet($want);
	$client->setOption(Redis::OPT_SCAN, Redis::SCAN_RETRY);
	while (($keys = $client->scan($place, 'scan*', 100)) !== false)
		$got = array_merge($got, $keys);
	sort($got);
	$want = array_keys($want);
	sort($want);
	check('scan', $got, $want);
	check('keys', count($client->keys('scan99?')), 10);
}

function
pipelines($client)
{
	$client->multi(Redis::PIPELINE);
	for ($n = 0; $n < 1000; $n++)
		$client->set("p$n", $n)->get("p$n");
	$got = $client->exec();
	$want = [];
	for ($n = 0; $n < 1000; $n++)
		array_push($want, true, (string)$n);
	check('a pipeline', $got, $want);
}

function
transactions($client)
{
	check('a transaction', $client->multi()->set('t', '1')->incr('t')
	    ->get('t')->exec(), [true, 2, '2']);
	$client->watch('t');
	connect()->set('t', 'other');
	check('one that comes too late', $client->multi()->set('t', 'mine')
	    ->exec(), false);
	check('changes nothing', $client->get('t'), 'other');
}

function
values($client)
{
	foreach ([0, 1, 100, 20000, 900000] as $length) {
		$value = $length ? random_bytes($length) : '';
		check("set $length bytes", $client->set('l', $value), true);
		check("get $length bytes", $client->get('l') === $value,
		    true);
	}
	$packed = connect([Redis::OPT_SERIALIZER => Redis::SERIALIZER_PHP,
	    Redis::OPT_PREFIX => 'app:']);
	check('set an array', $packed->set('list', [1, 'two', null]), true);
	check('get it', $packed->get('list'), [1, 'two', null]);
	check('the prefix', $client->exists('app:list'), 1);
}

function
server($client)
{
	check('select', $client->select(4), true);
	check('another database', $client->get('b'), false);
	$client->set('four', 4);
	check('dbsize', $client->dbSize(), 1);
	check('flushdb', $client->flushDB(), true);
	check('back again', $client->select(0), true);
	check('info', $client->info()['redis_mode'], 'standalone');
	check('config', $client->config('GET', 'databases'),
	    ['databases' => '16']);
	check('time', count($client->time()), 2);
	check('echo', $client->echo('hello'), 'hello');
	check('name', [$client->client('setname', 'php'),
	    $client->client('getname')], [true, 'php']);
	check('flushall', $client->flushAll(), true);
	check('is empty', $client->dbSize(), 0);
}

function
strangers()
{
	global $servers;
	[$host, $port] = explode(':', $servers[0]);
	$client = new Redis();

	$client->connect($host, (int)$port, 20);
	fails('nobody is let in', fn() => $client->get('a'));
	fails('nor with a wrong password',
	    fn() => $client->auth(['cairn', 'no']));
}

function
hashes($client)
{
	$fields = [];

	foreach (range(0, 999) as $n)
		$fields["f$n"] = (string)$n;
	check('hset', $client->hSet('h', 'a', '1'), 1);
	check('hmset', $client->hMSet('h', ['a' => '2', 'b' => '3']), true);
	check('hget', $client->hGet('h', 'a'), '2');
	check('hgetall', $client->hGetAll('h'), ['a' => '2', 'b' => '3']);
	check('hmget', $client->hMGet('h', ['a', 'none']),
	    ['a' => '2', 'none' => false]);
	check('hincrby', $client->hIncrBy('h', 'a', 40), 42);
	check('hsetnx', $client->hSetNx('h', 'a', 'x'), false);
	check('hexists', $client->hExists('h', 'b'), true);
	check('hdel', $client->hDel('h', 'b', 'none'), 1);
	check('hlen', $client->hLen('h'), 1);
	check('type', $client->type('h'), Redis::REDIS_HASH);
	check('hmset of many', $client->hMSet('large', $fields), true);
	$found = $client->hGetAll('large');
	ksort($found);
	ksort($fields);
	check('hgetall of many', $found, $fields);
	check('del', $client->del('h', 'large'), 2);
}

function
restart()
{
	$client = connect();
	$pid = (int)getenv('CAIRN_PID');

	posix_kill($pid, SIGTERM);
	comes('a server that came back is used',
	    fn() => !posix_kill($pid, 0) && connect()->set('again', 1));
}

$client = connect();
strings($client);
keys($client);
hashes($client);
scans($client);
pipelines($client);
transactions($client);
values($client);
server($client);
if ($mode == 'login')
	strangers();
else
	restart();
finish();
