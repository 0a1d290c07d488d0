// SPDX-License-Identifier: BSD-3-Clause
//
// tap.js - the Test Anything Protocol for the clients in JavaScript.
//
//	tap.check(name, got, want)
//	await tap.fails(name, promise)
//	tap.end()			the last thing that a program does
'use strict';

const { isDeepStrictEqual } = require('util');

let count = 0;
let failures = 0;

exports.mode = process.argv[2];
exports.servers = process.argv.slice(3);

exports.skipAll = function (why) {
	console.log(`1..0 # SKIP ${why}`);
	process.exit(0);
};

exports.load = function (name) {
	try {
		return require(name);
	} catch (error) {
		if (error.code !== 'MODULE_NOT_FOUND')
			throw error;
		return exports.skipAll(`${name} is not installed`);
	}
};

exports.check = function (name, got, want) {
	count++;
	if (isDeepStrictEqual(got, want)) {
		console.log(`ok ${count} - ${name}`);
		return;
	}
	failures++;
	console.log(`not ok ${count} - ${name}`);
	console.log('# got  ' + String(JSON.stringify(got)).slice(0, 200));
	console.log('# want ' + String(JSON.stringify(want)).slice(0, 200));
};

exports.fails = async function (name, promise) {
	exports.check(name, await promise.then(() => 'no error',
	    () => 'an error'), 'an error');
};

exports.sleep = function (milliseconds) {
	return new Promise((resolve) => setTimeout(resolve, milliseconds));
};

// Ask until it is true, but not for ever; an error is not.
exports.comes = async function (name, question) {
	const giveUp = Date.now() + 20000;
	let yes = false;

	while (!yes && Date.now() < giveUp) {
		yes = await question().catch(() => false);
		if (!yes)
			await exports.sleep(20);
	}
	exports.check(name, yes, true);
};

// End the first server and wait until it has gone; it will come back.
exports.restartServer = async function () {
	const pid = Number(process.env.CAIRN_PID);

	process.kill(pid, 'SIGTERM');
	for (;;) {
		try {
			process.kill(pid, 0);
		} catch (error) {
			return;
		}
		await exports.sleep(10);
	}
};

// Run a program to its end, whatever happens to its promises.
exports.run = function (main) {
	process.on('uncaughtException', (error) => {
		console.error(error);
		process.exit(70);
	});
	main().then(() => {
		console.log(`1..${count}`);
		process.exit(failures ? 1 : 0);
	});
};
