// SPDX-License-Identifier: BSD-3-Clause
//
// ioredis_push.js - messages and MONITOR, the way npm's ioredis has them:
//
//	ioredis_push.js text HOST:PORT
'use strict';

const tap = require('./tap.js');
const Redis = tap.load('ioredis');

const check = tap.check;
const [host, port] = tap.servers[0].split(':');

function connect()
{
	const client = new Redis({ host, port: Number(port),
	    retryStrategy: () => 20 });

	client.on('error', () => { });
	return client;
}

async function messages(client)
{
	const subscriber = connect();
	const got = [];

	subscriber.on('message', (channel, message) =>
	    got.push([channel, message]));
	subscriber.on('pmessage', (pattern, channel, message) =>
	    got.push([pattern, channel, message]));
	check('subscribe', await subscriber.subscribe('a', 'b'), 2);
	check('psubscribe', await subscriber.psubscribe('a*'), 3);
	check('publish', await client.publish('a', 'one'), 2);
	check('publish binary', await client.publish('b',
	    Buffer.from([0, 13, 10])), 1);
	await tap.comes('messages come', async () => got.length === 3);
	check('in order', got, [['a', 'one'], ['a*', 'a', 'one'],
	    ['b', '\0\r\n']]);
	check('numsub', await client.pubsub('NUMSUB', 'a', 'c'),
	    ['a', 1, 'c', 0]);
	check('unsubscribe', await subscriber.unsubscribe('a', 'b'), 1);
	check('punsubscribe', await subscriber.punsubscribe('a*'), 0);
	check('get', await subscriber.get('none'), null);
	subscriber.disconnect();
}

// One that was subscribed is so again.
async function returns(client)
{
	const subscriber = connect();
	const got = [];

	subscriber.on('message', (channel, message) => got.push(message));
	await subscriber.subscribe('again');
	await tap.restartServer();
	await tap.comes('a server that came back has its subscribers',
	    async () => await client.publish('again', 'x') === 1);
	await tap.comes('who hear', async () => got.length > 0);
	subscriber.disconnect();
}

async function monitors(client)
{
	const monitor = await client.monitor();
	const got = [];

	monitor.on('monitor', (time, args) => got.push(args));
	await client.set('k', 'a b');
	await tap.comes('monitor', async () => got.length > 0);
	check('what was called', got[0], ['set', 'k', 'a b']);
	monitor.disconnect();
}

tap.run(async () => {
	const client = connect();

	await messages(client);
	await monitors(client);
	await returns(client);
	client.disconnect();
});
