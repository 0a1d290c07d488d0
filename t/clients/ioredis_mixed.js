// SPDX-License-Identifier: BSD-3-Clause
//
// ioredis_mixed.js - talk to a server the way npm's ioredis does:
//
//	ioredis_mixed.js text|login HOST:PORT
//
// With login it is the user CAIRN_USER with the password CAIRN_PASSWORD.
'use strict';

const { randomBytes } = require('crypto');
const tap = require('./tap.js');
const { Redis } = tap.load('ioredis');

const check = tap.check;
const [host, port] = tap.servers[0].split(':');
const login = tap.mode === 'login' ? { username: process.env.CAIRN_USER,
    password: process.env.CAIRN_PASSWORD } : {};

function connect(options)
{
	const client = new Redis({ host, port: Number(port), ...login,
	    retryStrategy: () => 20, ...options });

	client.on('error', () => { });
	return client;
}

async function strings(client)
{
	check('ping', await client.ping(), 'PONG');
	check('set', await client.set('a', 'one'), 'OK');
	check('get', await client.get('a'), 'one');
	check('get of a missing key', await client.get('none'), null);
	check('set of what is there', await client.set('a', 'x', 'NX'), null);
	check('set that expires', await client.set('e', 'x', 'EX', 100),
	    'OK');
	check('set and get', await client.set('a', 'two', 'GET'), 'one');
	check('mset', await client.mset({ a: 1, b: 2 }), 'OK');
	check('mget', await client.mget('a', 'none', 'b'), ['1', null, '2']);
	check('append', await client.append('a', '23'), 3);
	check('getrange', await client.getrange('a', 1, -1), '23');
	check('getdel', await client.getdel('a'), '123');
	check('incr', await client.incr('n'), 1);
	check('incrby', await client.incrby('n', 41), 42);
	check('decrby', await client.decrby('n', 50), -8);
	check('incrbyfloat', await client.incrbyfloat('n', 0.5), '-7.5');
	await tap.fails('incr of a fraction', client.incr('n'));
}

async function keys(client)
{
	const pairs = [...Array(1000).keys()].map((n) => [`s${n}`, n]);
	const names = pairs.map(([name]) => name).sort();
	const found = [];

	check('exists', await client.exists('b', 'none', 'n'), 2);
	check('del', await client.del('b', 'none'), 1);
	check('type', await client.type('n'), 'string');
	check('rename', await client.rename('n', 'm'), 'OK');
	check('pexpire', await client.pexpire('m', 100000), 1);
	check('pttl', await client.pttl('m') > 90000, true);
	check('persist', await client.persist('m'), 1);
	check('mset of many', await client.mset(new Map(pairs)), 'OK');
	for await (const some of client.scanStream({ match: 's*',
	    count: 100 }))
		found.push(...some);
	check('scanStream', found.sort(), names);
	check('keys', (await client.keys('s99?')).length, 10);
}

async function hashes(client)
{
	const fields = Object.fromEntries([...Array(1000).keys()].map((n) =>
	    [`f${n}`, String(n)]));
	const found = [];

	check('hset', await client.hset('h', { a: 1, b: 2 }), 2);
	check('hget', await client.hget('h', 'a'), '1');
	check('hgetall', await client.hgetall('h'), { a: '1', b: '2' });
	check('hmget', await client.hmget('h', 'a', 'none'), ['1', null]);
	check('hincrby', await client.hincrby('h', 'a', 41), 42);
	check('hdel', await client.hdel('h', 'a', 'none'), 1);
	check('hset of many', await client.hset('large', fields), 1000);
	check('hgetall of many', await client.hgetall('large'), fields);
	for await (const some of client.hscanStream('large', { count: 100 }))
		found.push(...some.filter((_, n) => n % 2 === 0));
	check('hscanStream', found.sort(), Object.keys(fields).sort());
	check('del', await client.del('h', 'large'), 2);
}

async function pipelines(client)
{
	const pipeline = client.pipeline();

	for (let n = 0; n < 1000; n++)
		pipeline.set(`p${n}`, n).get(`p${n}`);
	check('a pipeline', (await pipeline.exec()).map(([, got]) => got),
	    [...Array(1000).keys()].flatMap((n) => ['OK', String(n)]));
	check('many at once', await Promise.all(
	    [...Array(500).keys()].map(() => client.incr('many'))),
	    [...Array(500).keys()].map((n) => n + 1));
	const automatic = connect({ enableAutoPipelining: true });
	check('pipelines by themselves', await Promise.all(
	    [...Array(500).keys()].map((n) => automatic.get(`p${n}`))),
	    [...Array(500).keys()].map(String));
	await automatic.quit();
}

async function transactions(client)
{
	const other = connect();

	check('a transaction', await client.multi().set('t', 1).incr('t')
	    .exec(), [[null, 'OK'], [null, 2]]);
	await client.watch('t');
	await other.set('t', 'other');
	check('one that comes too late',
	    await client.multi().set('t', 'mine').exec(), null);
	check('changes nothing', await client.get('t'), 'other');
	await other.quit();
}

async function messages(client)
{
	const listener = connect();
	const got = new Promise((resolve) => listener.on('message',
	    (channel, message) => resolve([channel, message])));

	await listener.subscribe('news');
	check('publish', await client.publish('news', 'hello'), 1);
	check('a message', await got, ['news', 'hello']);
	await listener.quit();
}

async function values(client)
{
	for (const length of [0, 1, 100, 20000, 900000]) {
		const value = randomBytes(length);
		check(`set ${length} bytes`,
		    await client.set('length', value), 'OK');
		check(`get ${length} bytes`,
		    (await client.getBuffer('length')).equals(value), true);
	}
	check('a key of any bytes',
	    await client.set(Buffer.from([0, 255, 13, 10]), 'v'), 'OK');
	check('text', [await client.set('gr\u00fcn', '\u263a'),
	    await client.get('gr\u00fcn')], ['OK', '\u263a']);
}

async function server(client)
{
	const named = connect({ db: 3, connectionName: 'mixed' });

	check('another database', [await named.set('k', 1),
	    await named.dbsize()], ['OK', 1]);
	check('its name', await named.client('GETNAME'), 'mixed');
	check('who it is', /\bdb=3\b/.test(await named.client('INFO')), true);
	check('info', /^redis_mode:standalone\r$/m.test(
	    await client.info('server')), true);
	check('flushdb', [await named.flushdb(), await named.dbsize()],
	    ['OK', 0]);
	check('quit', await named.quit(), 'OK');
	check('time', (await client.time()).length, 2);
	check('flushall', [await client.flushall(), await client.dbsize()],
	    ['OK', 0]);
}

async function strangers()
{
	const stranger = connect({ username: undefined, password: undefined,
	    retryStrategy: () => null, maxRetriesPerRequest: 0 });

	await tap.fails('nobody is let in', stranger.get('a'));
	stranger.disconnect();
}

tap.run(async () => {
	const client = connect();

	await strings(client);
	await keys(client);
	await hashes(client);
	await pipelines(client);
	await transactions(client);
	await messages(client);
	await values(client);
	await server(client);
	if (tap.mode === 'login') {
		await strangers();
	} else {
		await tap.restartServer();
		await tap.comes('a server that came back is used', async () =>
		    await client.set('again', 1) === 'OK');
	}
	client.disconnect();
});
