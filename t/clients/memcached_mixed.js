// SPDX-License-Identifier: BSD-3-Clause
//
// memcached_mixed.js - talk to servers the way npm's memcached does:
//
//	memcached_mixed.js text HOST:PORT HOST:PORT
'use strict';

const { randomBytes } = require('crypto');
const { promisify } = require('util');
const tap = require('./tap.js');
const Memcached = tap.load('memcached');

const check = tap.check;

// A client whose methods return promises.
function connect(servers, options)
{
	const client = new Memcached(servers, { retries: 1000, factor: 1,
	    minTimeout: 5, maxTimeout: 5, failures: 1000, retry: 10,
	    reconnect: 10, timeout: 10000, ...options });
	const promising = { end: () => client.end() };

	for (const name of ['get', 'gets', 'getMulti', 'set', 'add', 'replace',
	    'append', 'prepend', 'cas', 'incr', 'decr', 'touch', 'del',
	    'version', 'stats', 'settings', 'flush'])
		promising[name] = promisify(client[name]).bind(client);
	return promising;
}

async function storage(client)
{
	check('set', await client.set('a', 'one', 0), true);
	check('get', await client.get('a'), 'one');
	check('get of a missing key', await client.get('none'), undefined);
	await tap.fails('add to a key that is there', client.add('a', 'x', 0));
	check('add', await client.add('b', '3', 0), true);
	check('replace', await client.replace('b', '3', 0), true);
	await tap.fails('replace nothing', client.replace('none', 'x', 0));
	check('append', await client.append('b', '4'), true);
	check('prepend', await client.prepend('b', '2'), true);
	check('the result', await client.get('b'), '234');
	await tap.fails('append to nothing', client.append('none', 'x'));
	check('delete', await client.del('b'), true);
	check('delete again', await client.del('b'), false);
	check('gone', await client.get('b'), undefined);
}

async function values(client)
{
	const things = { text: 'gr\u00fcn \u263a', number: -42.5, empty: '',
	    list: [1, 'two', { three: null }], lines: '\r\nEND\r\n' };

	for (const name of Object.keys(things)) {
		check(`set: ${name}`,
		    await client.set('thing', things[name], 0), true);
		check(`get: ${name}`, await client.get('thing'), things[name]);
	}
	for (const length of [0, 1, 100, 10000, 900000]) {
		const value = length ? randomBytes(length).toString('hex')
		    .slice(0, length) : '';
		check(`set ${length} bytes`,
		    await client.set('large', value, 0), true);
		check(`get ${length} bytes`,
		    await client.get('large') === value, true);
	}
	const key = 'k'.repeat(250);
	check('a key of 250 bytes', await client.set(key, 'x', 0), true);
	check('comes back', await client.get(key), 'x');
}

// A SERVER_ERROR counts as trouble with the connection, so another client
// asks for it.
async function tooLarge()
{
	const client = connect(tap.servers[0], { maxValue: 1 << 30 });

	const answer = await client.set('huge', 'x'.repeat((1 << 20) + 1), 0)
	    .catch(() => false);
	check('too large a value', answer, false);
	check('was not stored', await client.get('huge').catch(() => undefined),
	    undefined);
	client.end();
}

async function counters(client)
{
	await client.set('n', 10, 0);
	check('incr', await client.incr('n', 5), 15);
	check('decr', await client.decr('n', 7), 8);
	check('decr to 0', await client.decr('n', 100), 0);
	check('incr nothing', await client.incr('nowhere', 1), false);
	await client.set('word', 'abc', 0);
	await tap.fails('incr of a word', client.incr('word', 1));
	check('the connection is in order', await client.get('word'), 'abc');
}

async function uniques(client)
{
	await client.set('c', 'one', 0);
	const { c, cas } = await client.gets('c');
	check('gets', c, 'one');
	check('cas', await client.cas('c', 'two', cas, 0), true);
	check('cas again', await client.cas('c', 'three', cas, 0), false);
	check('the value', await client.get('c'), 'two');
	check('gets of nothing', await client.gets('none'), undefined);
}

async function many(client)
{
	const want = {};

	for (let n = 0; n < 200; n++)
		want[`m${n}`] = 'v'.repeat(n);
	const results = await Promise.all(Object.keys(want).map((key) =>
	    client.set(key, want[key], 0)));
	check('many sets', results.every((result) => result === true), true);
	check('getMulti', await client.getMulti(Object.keys(want)), want);
	check('getMulti with misses', await client.getMulti(['m1', 'none']),
	    { m1: 'v' });
	await Promise.all(Object.keys(want).map((key) => client.del(key)));
	check('all gone', await client.getMulti(Object.keys(want)), {});
}

async function expiry(client)
{
	check('an expiry to come', await client.set('t', 'x', 1000), true);
	check('is there', await client.get('t'), 'x');
	check('touch', await client.touch('t', 100), true);
	check('touch nothing', await client.touch('none', 100), false);
	check('touch into the past', await client.touch('t', -1), true);
	check('expires', await client.get('t'), undefined);
}

async function server(client)
{
	const [version] = await client.version();
	const [stats] = await client.stats();
	const [settings] = await client.settings();

	check('version', typeof version.version, 'string');
	check('stats', stats.cmd_get > 0 && stats.curr_items > 0, true);
	check('stats settings', settings.maxbytes > 0, true);
	check('flush', await client.flush(), [true]);
	check('flushed', await client.get('a'), undefined);
}

async function twoServers()
{
	const both = connect(tap.servers, { namespace: 'two:' });
	const want = {};

	for (let n = 0; n < 300; n++)
		want[`spread${n}`] = `value ${n}`;
	await Promise.all(Object.keys(want).map((key) =>
	    both.set(key, want[key], 0)));
	check('two servers: getMulti', await both.getMulti(Object.keys(want)),
	    want);
	const halves = [];
	for (const address of tap.servers) {
		const one = connect(address, { namespace: 'two:' });
		halves.push(Object.keys(
		    await one.getMulti(Object.keys(want))).length);
		one.end();
	}
	check('two servers: both have some', halves.map((n) => n > 30),
	    [true, true]);
	check('two servers: none has another\'s', halves[0] + halves[1], 300);
	check('two servers: stats of both', (await both.stats()).length, 2);
	both.end();
}

// Clients that add by gets and cas, and by incr, lose nothing.
async function atOnce()
{
	const shared = connect(tap.servers[0]);

	await shared.set('sum', 0, 0);
	await shared.set('total', 0, 0);
	await Promise.all([1, 2, 3, 4].map(async (name) => {
		const client = connect(tap.servers[0], { poolSize: 2 });
		for (let n = 0; n < 50; n++) {
			await client.set(`p${name}`, n, 0);
			if (await client.get(`p${name}`) !== n)
				throw new Error('another value');
			await client.incr('sum', 1);
			let got;
			do {
				got = await client.gets('total');
			} while (!await client.cas('total', got.total + 1,
			    got.cas, 0));
		}
		client.end();
	}));
	check('clients at once count', await shared.get('sum'), 200);
	check('clients at once add by cas', await shared.get('total'), 200);
	shared.end();
}

async function restart(client)
{
	await client.set('before', 'x', 0);
	await tap.restartServer();
	await tap.comes('after a restart it works', async () =>
	    await client.set('after', 'y', 0) === true);
	check('it remembers', await client.get('after'), 'y');
	check('but nothing of before', await client.get('before'), undefined);
}

tap.run(async () => {
	const client = connect(tap.servers[0]);

	await storage(client);
	await values(client);
	await tooLarge();
	await counters(client);
	await uniques(client);
	await many(client);
	await expiry(client);
	await server(client);
	await client.set('brief', 'x', 1);
	await twoServers();
	await atOnce();
	await tap.comes('a second later it is gone', async () =>
	    await client.get('brief') === undefined);
	await restart(client);
});
