// SPDX-License-Identifier: BSD-3-Clause
//
// node_redis_mixed.js - talk to a server the way npm's redis does:
//
//	node_redis_mixed.js resp2|resp3|login HOST:PORT
//
// With login it is the user CAIRN_USER with the password CAIRN_PASSWORD, in
// RESP3.
'use strict';

const { randomBytes } = require('crypto');
const tap = require('./tap.js');
const { RESP_TYPES, createClient } = tap.load('redis');

const check = tap.check;
const [host, port] = tap.servers[0].split(':');
const login = tap.mode === 'login' ? { username: process.env.CAIRN_USER,
    password: process.env.CAIRN_PASSWORD } : {};
const RESP = tap.mode === 'resp2' ? 2 : 3;

async function connect(options)
{
	const client = createClient({ RESP, ...login, ...options,
	    socket: { host, port: Number(port),
	    reconnectStrategy: () => 20 } });

	client.on('error', () => { });
	await client.connect();
	return client;
}

async function strings(client)
{
	check('ping', await client.ping(), 'PONG');
	check('set', await client.set('a', 'one'), 'OK');
	check('get', await client.get('a'), 'one');
	check('get of a missing key', await client.get('none'), null);
	check('set of what is there', await client.set('a', 'x',
	    { condition: 'NX' }), null);
	check('set that expires', await client.set('e', 'x',
	    { expiration: { type: 'EX', value: 100 } }), 'OK');
	check('set and get', await client.set('a', 'two', { GET: true }),
	    'one');
	check('mSet', await client.mSet({ a: '1', b: '2' }), 'OK');
	check('mGet', await client.mGet(['a', 'none', 'b']),
	    ['1', null, '2']);
	check('append', await client.append('a', '23'), 3);
	check('getRange', await client.getRange('a', 1, -1), '23');
	check('getDel', await client.getDel('a'), '123');
	check('incr', await client.incr('n'), 1);
	check('incrBy', await client.incrBy('n', 41), 42);
	check('decrBy', await client.decrBy('n', 50), -8);
	check('incrByFloat', await client.incrByFloat('n', 0.5), '-7.5');
	await tap.fails('incr of a fraction', client.incr('n'));
}

async function keys(client)
{
	const pairs = [...Array(1000).keys()].map((n) =>
	    [`s${n}`, String(n)]);
	const found = [];

	check('exists', await client.exists(['b', 'none', 'n']), 2);
	check('del', await client.del(['b', 'none']), 1);
	check('type', await client.type('n'), 'string');
	check('rename', await client.rename('n', 'm'), 'OK');
	check('pExpire', await client.pExpire('m', 100000), 1);
	check('pTTL', await client.pTTL('m') > 90000, true);
	check('persist', await client.persist('m'), 1);
	check('mSet of many', await client.mSet(pairs), 'OK');
	for await (const some of client.scanIterator({ MATCH: 's*',
	    COUNT: 100 }))
		found.push(...some);
	check('scanIterator', found.sort(), pairs.map(([name]) =>
	    name).sort());
	check('keys', (await client.keys('s99?')).length, 10);
}

async function hashes(client)
{
	const fields = Object.fromEntries([...Array(1000).keys()].map((n) =>
	    [`f${n}`, String(n)]));
	const found = [];

	check('hSet', await client.hSet('h', { a: '1', b: '2' }), 2);
	check('hGet', await client.hGet('h', 'a'), '1');
	check('hGetAll', { ...await client.hGetAll('h') },
	    { a: '1', b: '2' });
	check('hmGet', await client.hmGet('h', ['a', 'none']), ['1', null]);
	check('hIncrBy', await client.hIncrBy('h', 'a', 41), 42);
	check('hExpire', await client.hExpire('h', ['a', 'none'], 100),
	    [1, -2]);
	check('hDel', await client.hDel('h', ['a', 'none']), 1);
	check('hSet of many', await client.hSet('large', fields), 1000);
	check('hGetAll of many', { ...await client.hGetAll('large') },
	    fields);
	for await (const some of client.hScanIterator('large',
	    { COUNT: 100 }))
		found.push(...some.map((pair) => pair.field));
	check('hScanIterator', found.sort(), Object.keys(fields).sort());
	check('del', await client.del(['h', 'large']), 2);
}

async function pipelines(client)
{
	const numbers = [...Array(1000).keys()];
	const replies = await Promise.all(numbers.flatMap((n) =>
	    [client.set(`p${n}`, n), client.get(`p${n}`)]));

	check('a pipeline', replies,
	    numbers.flatMap((n) => ['OK', String(n)]));
	check('many at once', await Promise.all(
	    numbers.map(() => client.incr('many'))),
	    numbers.map((n) => n + 1));
	const together = client.multi();
	for (const n of numbers)
		together.get(`p${n}`);
	check('a pipeline in one', await together.execAsPipeline(),
	    numbers.map(String));
}

async function transactions(client)
{
	const other = await connect();

	check('a transaction', await client.multi().set('t', '1').incr('t')
	    .exec(), ['OK', 2]);
	await client.watch('t');
	await other.set('t', 'other');
	await tap.fails('one that comes too late',
	    client.multi().set('t', 'mine').exec());
	check('changes nothing', await client.get('t'), 'other');
	await other.close();
}

async function messages(client)
{
	const listener = await connect();
	let heard;
	const got = new Promise((resolve) => { heard = resolve; });

	await listener.subscribe('news', (message, channel) =>
	    heard([channel, message]));
	check('publish', await client.publish('news', 'hello'), 1);
	check('a message', await got, ['news', 'hello']);
	await listener.close();
}

// What another client changes is told to the cache of this one.
async function caching(client)
{
	if (RESP !== 3)
		return;
	const cached = await connect({
	    clientSideCache: { ttl: 0, maxEntries: 100 } });

	await client.set('c', 'old');
	check('a value for the cache', await cached.get('c'), 'old');
	check('from the cache', await cached.get('c'), 'old');
	await client.set('c', 'new');
	await tap.comes('the cache forgets what is changed', async () =>
	    await cached.get('c') === 'new');
	await cached.close();
}

async function values(client)
{
	const raw = client.withTypeMapping({
	    [RESP_TYPES.BLOB_STRING]: Buffer });

	for (const length of [0, 1, 100, 20000, 900000]) {
		const value = randomBytes(length);
		check(`set ${length} bytes`,
		    await client.set('length', value), 'OK');
		check(`get ${length} bytes`,
		    (await raw.get('length')).equals(value), true);
	}
	check('a key of any bytes',
	    await client.set(Buffer.from([0, 255, 13, 10]), 'v'), 'OK');
	check('text', [await client.set('gr\u00fcn', '\u263a'),
	    await client.get('gr\u00fcn')], ['OK', '\u263a']);
}

async function server(client)
{
	const named = await connect({ database: 3, name: 'mixed' });

	check('another database', [await named.set('k', '1'),
	    await named.dbSize()], ['OK', 1]);
	check('its name', await named.clientGetName(), 'mixed');
	const me = await named.clientInfo();
	check('who it is', [me.db, me.name, me.resp], [3, 'mixed', RESP]);
	check('info', /^redis_mode:standalone\r$/m.test(
	    await client.info('server')), true);
	check('config', { ...await client.configGet('databases') },
	    { databases: '16' });
	check('commands', (await client.commandInfo(['GET']))[0].arity, 2);
	check('flushDb', [await named.flushDb(), await named.dbSize()],
	    ['OK', 0]);
	await named.close();
	check('flushAll', [await client.flushAll(), await client.dbSize()],
	    ['OK', 0]);
}

async function strangers()
{
	const stranger = createClient({ RESP, socket: { host,
	    port: Number(port), reconnectStrategy: false } });

	stranger.on('error', () => { });
	await tap.fails('nobody is let in', stranger.connect().then(() =>
	    stranger.get('a')));
}

tap.run(async () => {
	const client = await connect();

	await strings(client);
	await keys(client);
	await hashes(client);
	await pipelines(client);
	await transactions(client);
	await messages(client);
	await caching(client);
	await values(client);
	await server(client);
	if (tap.mode === 'login') {
		await strangers();
	} else {
		await tap.restartServer();
		await tap.comes('a server that came back is used', async () =>
		    await client.set('again', '1') === 'OK');
	}
	client.destroy();
});
