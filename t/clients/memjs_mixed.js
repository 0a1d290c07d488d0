// SPDX-License-Identifier: BSD-3-Clause
//
// memjs_mixed.js - talk to servers the way npm's memjs does, in the binary
// protocol:
//
//	memjs_mixed.js binary|sasl HOST:PORT HOST:PORT
//
// With sasl each connection logs in with the name and the password that the
// environment has in CAIRN_USER and CAIRN_PASSWORD.
'use strict';

const { randomBytes } = require('crypto');
const tap = require('./tap.js');
const memjs = tap.load('memjs');

const check = tap.check;
const login = tap.mode === 'sasl' ? { username: process.env.CAIRN_USER,
    password: process.env.CAIRN_PASSWORD } : {};

function connect(servers, options)
{
	return memjs.Client.create(servers.join(','), { timeout: 10,
	    retries: 1, logger: { log() { } }, ...login, ...options });
}

async function text(client, key)
{
	const { value } = await client.get(key);

	return value === null ? null : value.toString();
}

async function storage(client)
{
	check('set', await client.set('a', 'one', {}), true);
	check('get', await text(client, 'a'), 'one');
	check('get of a missing key', await text(client, 'none'), null);
	check('add to a key that is there', await client.add('a', 'x', {}),
	    false);
	check('add', await client.add('b', '2', {}), true);
	check('replace', await client.replace('b', '3', {}), true);
	check('replace nothing', await client.replace('none', 'x', {}), false);
	// The prepend of memjs 1.3 sends the opcode of append.
	check('append', await client.append('b', '4'), true);
	check('prepend', await client.prepend('b', '2'), true);
	check('the result', await text(client, 'b'), '342');
	await tap.fails('append to nothing', client.append('none', 'x'));
	await tap.fails('prepend to nothing', client.prepend('none', 'x'));
	check('delete', await client.delete('b'), true);
	check('delete again', await client.delete('b'), false);
	check('gone', await text(client, 'b'), null);
}

async function values(client)
{
	for (const length of [0, 1, 100, 10000, 900000]) {
		const value = randomBytes(length);
		check(`set ${length} bytes`,
		    await client.set('large', value, {}), true);
		check(`get ${length} bytes`,
		    (await client.get('large')).value.equals(value), true);
	}
	check('set text', await client.set('text', 'gr\u00fcn \u263a', {}),
	    true);
	check('get text', await text(client, 'text'), 'gr\u00fcn \u263a');
	const key = 'k'.repeat(250);
	check('a key of 250 bytes', await client.set(key, 'x', {}), true);
	check('comes back', await text(client, key), 'x');
	check('a key in Greek', await client.set('\u03ba\u03bb', 'y', {}),
	    true);
	check('comes back', await text(client, '\u03ba\u03bb'), 'y');
	await tap.fails('too large a value',
	    client.set('huge', randomBytes((1 << 20) + 1), {}));
	check('the connection is in order',
	    await client.set('huge', 'x', {}), true);
}

async function number(promise)
{
	const { success, value } = await promise;

	return success ? value : null;
}

async function counters(client)
{
	check('increment with an initial value',
	    await number(client.increment('n', 5, { initial: 10 })), 10);
	check('increment', await number(client.increment('n', 5, {})), 15);
	check('decrement', await number(client.decrement('n', 7, {})), 8);
	check('decrement to 0', await number(client.decrement('n', 100, {})),
	    0);
	await client.set('word', 'abc', {});
	await tap.fails('increment a word', client.increment('word', 1, {}));
	check('the connection is in order', await text(client, 'word'), 'abc');
}

async function pipeline(client)
{
	const numbers = [...Array(500).keys()];
	const sets = await Promise.all(numbers.map((n) =>
	    client.set(`m${n}`, `value ${n}`, {})));
	const gets = await Promise.all(numbers.map((n) =>
	    text(client, `m${n}`)));

	check('a pipeline of sets', sets.every((stored) => stored), true);
	check('a pipeline of gets', gets, numbers.map((n) => `value ${n}`));
}

async function expiry(client)
{
	check('an expiry to come',
	    await client.set('t', 'x', { expires: 1000 }), true);
	check('is there', await text(client, 't'), 'x');
	check('touch', await client.touch('t', 100), true);
	check('is still there', await text(client, 't'), 'x');
	check('touch nothing', await client.touch('none', 100), false);
	check('touch into 1970', await client.touch('t', 2600000), true);
	check('expires', await text(client, 't'), null);
	check('set into 1970',
	    await client.set('t', 'x', { expires: 2600000 }), true);
	check('is gone', await text(client, 't'), null);
}

function statsOf(client, key)
{
	return new Promise((resolve, reject) =>
	    client.statsWithKey(key, (error, server, stats) =>
		error ? reject(error) : resolve(stats)));
}

async function server(client)
{
	const stats = await statsOf(client, '');

	check('stats', stats.cmd_get > 0 && stats.curr_items > 0, true);
	check('version', /^1\.\d+\.\d+/.test(stats.version), true);
	check('stats settings',
	    (await statsOf(client, 'settings')).maxbytes > 0, true);
	check('flush', await client.flush(), { [tap.servers[0]]: true });
	check('flushed', await text(client, 'a'), null);
}

async function twoServers()
{
	const both = connect(tap.servers);
	const keys = [...Array(300).keys()].map((n) => `spread${n}`);

	await Promise.all(keys.map((key) => both.set(key, key, {})));
	check('two servers: get',
	    await Promise.all(keys.map((key) => text(both, key))), keys);
	const halves = await Promise.all(tap.servers.map(async (address) => {
		const one = connect([address]);
		const values = await Promise.all(keys.map((key) =>
		    text(one, key)));
		one.quit();
		return values.filter((value) => value !== null).length;
	}));
	check('two servers: both have some', halves.map((n) => n > 30),
	    [true, true]);
	check('two servers: none has another\'s', halves[0] + halves[1], 300);
	both.close();
}

async function atOnce()
{
	const shared = connect(tap.servers.slice(0, 1));

	await shared.set('sum', '0', {});
	await Promise.all([1, 2, 3, 4].map(async (name) => {
		const client = connect(tap.servers.slice(0, 1));
		for (let n = 0; n < 100; n++) {
			await client.set(`p${name}`, `${n}`, {});
			if (await text(client, `p${name}`) !== `${n}`)
				throw new Error('another value');
			await client.increment('sum', 1, {});
		}
		client.quit();
	}));
	check('clients at once count', await text(shared, 'sum'), '400');
	shared.close();
}

async function wrongPassword()
{
	const client = connect(tap.servers.slice(0, 1), { password: 'wrong' });

	await tap.fails('a wrong password', client.set('a', '1', {}));
	client.close();
}

async function restart(client)
{
	await client.set('before', 'x', {});
	await tap.restartServer();
	await tap.comes('after a restart the cache is empty', async () =>
	    await text(client, 'before') === null);
	check('set', await client.set('after', 'y', {}), true);
	check('get', await text(client, 'after'), 'y');
}

tap.run(async () => {
	const client = connect(tap.servers.slice(0, 1));

	await storage(client);
	await values(client);
	await counters(client);
	await pipeline(client);
	await expiry(client);
	await server(client);
	await client.set('brief', 'x', { expires: 1 });
	if (tap.mode === 'sasl')
		await wrongPassword();
	await twoServers();
	await atOnce();
	await tap.comes('a second later it is gone', async () =>
	    await text(client, 'brief') === null);
	await restart(client);
});
