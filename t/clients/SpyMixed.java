// SPDX-License-Identifier: BSD-3-Clause
//
// SpyMixed.java - talk to servers the way java's spymemcached does:
//
//	SpyMixed.java text|binary HOST:PORT HOST:PORT
//
// There is no sasl: where it has to log in, spymemcached loses requests now and
// then; those to memcached, too.

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

import net.spy.memcached.AddrUtil;
import net.spy.memcached.CASResponse;
import net.spy.memcached.CASValue;
import net.spy.memcached.ConnectionFactoryBuilder;
import net.spy.memcached.DefaultHashAlgorithm;
import net.spy.memcached.FailureMode;
import net.spy.memcached.MemcachedClient;
import net.spy.memcached.internal.BulkFuture;

public class SpyMixed {
	static String mode;
	static int count, failures;

	static void check(String name, Object got, Object want)
	{
		count++;
		boolean same = Objects.deepEquals(got, want);
		System.out.println((same ? "ok " : "not ok ") + count + " - " +
		    name);
		if (same)
			return;
		failures++;
		System.out.println("# got  " + brief(got));
		System.out.println("# want " + brief(want));
	}

	static String brief(Object thing)
	{
		String text = String.valueOf(thing);

		return text.substring(0, Math.min(text.length(), 200));
	}

	static MemcachedClient connect(String servers) throws IOException
	{
		ConnectionFactoryBuilder builder =
		    new ConnectionFactoryBuilder().setProtocol(mode.equals("text")
			? ConnectionFactoryBuilder.Protocol.TEXT
			: ConnectionFactoryBuilder.Protocol.BINARY)
		    .setOpTimeout(10000).setMaxReconnectDelay(1)
		    .setDaemon(true).setUseNagleAlgorithm(false)
		    // A server that is not there yet has its keys, too.
		    .setFailureMode(FailureMode.Retry)
		    .setLocatorType(
			ConnectionFactoryBuilder.Locator.CONSISTENT)
		    .setHashAlg(DefaultHashAlgorithm.KETAMA_HASH);

		return new MemcachedClient(builder.build(),
		    AddrUtil.getAddresses(servers));
	}

	static void storage(MemcachedClient client) throws Exception
	{
		check("set", client.set("a", 0, "1").get(), true);
		check("get", client.get("a"), "1");
		check("get of a missing key", client.get("none"), null);
		check("add to a key that is there",
		    client.add("a", 0, "2").get(), false);
		check("add", client.add("b", 0, "2").get(), true);
		check("replace", client.replace("b", 0, "3").get(), true);
		check("replace nothing",
		    client.replace("none", 0, "3").get(), false);
		check("append", client.append("b", "4").get(), true);
		check("prepend", client.prepend("b", "2").get(), true);
		check("the result", client.get("b"), "234");
		check("append to nothing",
		    client.append("none", "4").get(), false);
		check("delete", client.delete("b").get(), true);
		check("delete again", client.delete("b").get(), false);
		check("gone", client.get("b"), null);
	}

	static void values(MemcachedClient client) throws Exception
	{
		Object[] things = { "gr\u00fcn \u263a", "", -42, 1L << 40, true,
		    0.5, new ArrayList<>(Arrays.asList("list", 1)) };
		Random random = new Random(1);

		for (Object thing : things) {
			client.set("thing", 0, thing).get();
			check("set and get: " + thing.getClass().getName(),
			    client.get("thing"), thing);
		}
		for (int length : new int[] { 0, 1, 100, 10000, 900000 }) {
			byte[] value = new byte[length];
			random.nextBytes(value);
			client.set("large", 0, value).get();
			check("set and get " + length + " bytes",
			    client.get("large"), value);
		}
		String text = "compress me ".repeat(10000);
		client.set("large", 0, text).get();
		check("set and get what can be compressed",
		    client.get("large"), text);
		client.set("k".repeat(250), 0, "x").get();
		check("a key of 250 bytes", client.get("k".repeat(250)), "x");
	}

	static void counters(MemcachedClient client) throws Exception
	{
		client.set("n", 0, "10").get();
		check("incr", client.incr("n", 5), 15L);
		check("decr", client.decr("n", 7), 8L);
		check("decr to 0", client.decr("n", 100), 0L);
		check("incr nothing", client.incr("nowhere", 1), -1L);
		check("incr with an initial value",
		    client.incr("fresh", 1, 100), 100L);
		check("incr goes on", client.incr("fresh", 1, 100), 101L);
		check("decr with an initial value",
		    client.decr("fresher", 1, 50, 1000), 50L);
		check("decr goes on", client.decr("fresher", 1, 50, 1000), 49L);
	}

	static void uniques(MemcachedClient client) throws Exception
	{
		client.set("c", 0, "1").get();
		CASValue<Object> got = client.gets("c");
		check("gets", got.getValue(), "1");
		check("cas", client.cas("c", got.getCas(), "2"),
		    CASResponse.OK);
		check("cas again", client.cas("c", got.getCas(), "3"),
		    CASResponse.EXISTS);
		check("the value", client.get("c"), "2");
		check("cas of nothing", client.cas("none", got.getCas(), "3"),
		    CASResponse.NOT_FOUND);
		check("gets of nothing", client.gets("none"), null);
	}

	// Neither sets nor gets wait for each other.
	static void pipeline(MemcachedClient client, String name)
	    throws Exception
	{
		Map<String, Object> want = new HashMap<>();
		List<Future<Boolean>> sets = new ArrayList<>();
		boolean stored = true;

		for (int n = 0; n < 500; n++)
			want.put(name + n, "value " + n);
		for (Map.Entry<String, Object> pair : want.entrySet())
			sets.add(client.set(pair.getKey(), 0, pair.getValue()));
		for (Future<Boolean> set : sets)
			stored &= set.get();
		check(name + ": a pipeline of sets", stored, true);
		BulkFuture<Map<String, Object>> bulk =
		    client.asyncGetBulk(want.keySet());
		check(name + ": a get of many keys", bulk.get(), want);
		Collection<Future<Boolean>> gone = new ArrayList<>();
		for (String key : want.keySet())
			gone.add(client.delete(key));
		for (Future<Boolean> one : gone)
			stored &= one.get();
		check(name + ": a pipeline of deletes", stored, true);
		check(name + ": all gone", client.getBulk(want.keySet()).size(),
		    0);
	}

	static void expiry(MemcachedClient client) throws Exception
	{
		client.set("t", 1000, "x").get();
		check("an expiry to come", client.get("t"), "x");
		check("touch", client.touch("t", 100).get(), true);
		check("touch nothing", client.touch("none", 100).get(), false);
		if (!mode.equals("text")) {
			check("gat", client.getAndTouch("t", 100).getValue(),
			    "x");
			check("gat of nothing",
			    client.getAndTouch("none", 100), null);
		}
		check("touch into 1970", client.touch("t", 2600000).get(),
		    true);
		check("expires", client.get("t"), null);
		client.set("t", 2600000, "x").get();
		check("set into 1970", client.get("t"), null);
	}

	static void server(MemcachedClient client) throws Exception
	{
		Map<String, String> stats =
		    client.getStats().values().iterator().next();
		String version =
		    client.getVersions().values().iterator().next();

		check("stats", Long.parseLong(stats.get("cmd_get")) > 0, true);
		check("stats settings", client.getStats("settings").values()
		    .iterator().next().containsKey("maxbytes"), true);
		check("version", version.matches("1\\.\\d+\\.\\d+.*"), true);
		check("flush", client.flush().get(), true);
		check("flushed", client.get("a"), null);
	}

	static void threads(MemcachedClient client) throws Exception
	{
		List<Thread> threads = new ArrayList<>();

		client.set("sum", 0, "0").get();
		for (int name = 0; name < 4; name++) {
			Thread thread = new Thread(() -> {
				for (int n = 0; n < 200; n++)
					client.incr("sum", 1);
			});
			thread.start();
			threads.add(thread);
		}
		for (Thread thread : threads)
			thread.join();
		check("threads share a client", client.incr("sum", 0), 800L);
	}

	// Ask until it is so, but not for ever; an error is not.
	static void comes(String name, Object want, Callable<Object> question)
	    throws Exception
	{
		long giveUp = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
		Object got = "nothing";

		while (!Objects.equals(got, want) &&
		    System.nanoTime() < giveUp) {
			try {
				got = question.call();
			} catch (RuntimeException error) {
				got = error;
			}
			Thread.sleep(20);
		}
		check(name, got, want);
	}

	static void restart(MemcachedClient client) throws Exception
	{
		client.set("before", 0, "x").get();
		ProcessHandle.of(Long.parseLong(System.getenv("CAIRN_PID")))
		    .ifPresent(ProcessHandle::destroy);
		comes("after a restart the cache is empty", null,
		    () -> client.get("before"));
		check("set", client.set("after", 0, "y").get(), true);
		check("get", client.get("after"), "y");
	}

	public static void main(String[] arguments) throws Exception
	{
		System.setProperty("net.spy.log.LoggerImpl",
		    "net.spy.memcached.compat.log.SunLogger");
		java.util.logging.Logger.getLogger("net.spy.memcached")
		    .setLevel(java.util.logging.Level.OFF);
		mode = arguments[0];
		MemcachedClient client = connect(arguments[1]);
		storage(client);
		values(client);
		counters(client);
		uniques(client);
		pipeline(client, "one");
		expiry(client);
		server(client);
		client.set("brief", 1, "x").get();
		MemcachedClient both = connect(arguments[1] + " " +
		    arguments[2]);
		pipeline(both, "two");
		both.shutdown();
		threads(client);
		comes("a second later it is gone", null,
		    () -> client.get("brief"));
		restart(client);
		client.shutdown();
		System.out.println("1.." + count);
		System.exit(failures == 0 ? 0 : 1);
	}
}
