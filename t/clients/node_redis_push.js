// SPDX-License-Identifier: BSD-3-Clause
//
// node_redis_push.js - messages and a cache on the side of the client, the way
// npm's redis has them:
//
//	node_redis_push.js resp2|resp3 HOST:PORT
'use strict';

const tap = require('./tap.js');
const { createClient, BasicClientSideCache } = tap.load('redis');

const check = tap.check;
const [host, port] = tap.servers[0].split(':');
const RESP = tap.mode === 'resp2' ? 2 : 3;

async function connect(options)
{
	const client = createClient({ RESP, ...options,
	    socket: { host, port: Number(port),
	    reconnectStrategy: () => 20 } });

	client.on('error', () => { });
	await client.connect();
	return client;
}

async function messages(client)
{
	const subscriber = await connect();
	const got = [];
	const note = (message, channel) => got.push([channel, message]);

	await subscriber.subscribe(['news', 'other'], note);
	await subscriber.pSubscribe('n*', note);
	check('publish', await client.publish('news', 'one'), 2);
	check('publish to nobody', await client.publish('none', 'x'), 1);
	check('long messages', await client.publish('other',
	    'x'.repeat(100000)), 1);
	await tap.comes('messages come', async () => got.length === 4);
	check('in order', got.map(([channel, message]) =>
	    [channel, message.length]), [['news', 3], ['news', 3],
	    ['none', 1], ['other', 100000]]);
	check('channels', (await client.pubSubChannels()).sort(),
	    ['news', 'other']);
	check('subscribers', { ...await client.pubSubNumSub(['news', 'x']) },
	    { news: 1, x: 0 });
	check('patterns', await client.pubSubNumPat(), 1);
	await subscriber.unsubscribe('news');
	check('unsubscribe', await client.publish('news', 'two'), 1);
	await subscriber.pUnsubscribe('n*');
	await subscriber.unsubscribe('other');
	check('and from all', await client.publish('news', 'three'), 0);
	check('it is a client like any other', await subscriber.get('none'),
	    null);
	await subscriber.close();
}

async function copies(client)
{
	const clientSideCache = new BasicClientSideCache({ ttl: 0,
	    maxEntries: 0 });
	const cached = await connect({ clientSideCache });
	const hits = () => clientSideCache.stats().hitCount;

	await client.set('k', 'one');
	check('get', await cached.get('k'), 'one');
	check('get again', await cached.get('k'), 'one');
	check('is from the cache', hits(), 1);
	await client.set('k', 'two');
	await tap.comes('a change is seen', async () =>
	    await cached.get('k') === 'two');
	await client.hSet('h', 'a', '1');
	check('hGet', await cached.hGet('h', 'a'), '1');
	await client.hIncrBy('h', 'a', 1);
	await tap.comes('a change of a hash is seen', async () =>
	    await cached.hGet('h', 'a') === '2');
	check('what it sets', await cached.set('k', 'own'), 'OK');
	await tap.comes('it sees itself', async () =>
	    await cached.get('k') === 'own');
	await client.flushAll();
	await tap.comes('all is gone', async () =>
	    await cached.get('k') === null &&
	    await cached.hGet('h', 'a') === null);
	await client.set('k', 'three');
	await tap.comes('what was missing is seen', async () =>
	    await cached.get('k') === 'three');
	for (let n = 0; n < 500; n++) {
		client.set('count', String(n));
		await cached.get('count');
	}
	await client.ping();
	await tap.comes('nothing stale is left', async () =>
	    await cached.get('count') === '499');
	await cached.close();
}

tap.run(async () => {
	const client = await connect();

	await messages(client);
	if (RESP === 3)
		await copies(client);
	await client.close();
});
