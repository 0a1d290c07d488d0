#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""redis_py_mixed.py - keep items in a server the way redis-py does.

    redis_py_mixed.py python|hiredis HOST:PORT

The mode is who reads the replies: redis-py itself, or hiredis.
"""
import os
import threading
import time

import tap

try:
    import redis
    from redis.connection import PythonParser, HiredisParser
    from redis.utils import HIREDIS_AVAILABLE
except ImportError:
    tap.skip_all("redis-py is not installed")
if tap.MODE == "hiredis" and not HIREDIS_AVAILABLE:
    tap.skip_all("python3-hiredis is not installed")

HOST, PORT = tap.SERVERS[0]
PARSER = HiredisParser if tap.MODE == "hiredis" else PythonParser


def connect(**options):
    pool = redis.ConnectionPool(host=HOST, port=PORT, socket_timeout=20,
                                parser_class=PARSER, **options)
    return redis.Redis(connection_pool=pool)


def strings(r):
    tap.check("set", r.set("a", "one"), True)
    tap.check("get", r.get("a"), b"one")
    tap.check("get of a missing key", r.get("none"), None)
    tap.check("set of what is there", r.set("a", "x", nx=True), None)
    tap.check("set of what is not", r.set("none", "x", xx=True), None)
    tap.check("set and get", r.set("a", "two", get=True), b"one")
    tap.check("setnx", (r.setnx("a", 1), r.setnx("b", 1)), (False, True))
    tap.check("mset", r.mset({"a": "1", "b": "2", "c": "3"}), True)
    tap.check("mget", r.mget("a", "none", "c"), [b"1", None, b"3"])
    tap.check("msetnx", r.msetnx({"c": "4", "d": "5"}), False)
    tap.check("append", r.append("a", "23"), 3)
    tap.check("strlen", r.strlen("a"), 3)
    tap.check("getrange", r.getrange("a", 1, -1), b"23")
    tap.check("setrange", (r.setrange("a", 4, "5"), r.get("a")),
              (5, b"123\x005"))
    tap.check("getset", r.getset("b", "x"), b"2")
    tap.check("getdel", (r.getdel("b"), r.get("b")), (b"x", None))


def hashes(r):
    fields = {"f%d" % n: str(n) for n in range(1000)}
    told = {name.encode(): value.encode() for name, value in fields.items()}
    tap.check("hset", r.hset("h", "a", "1"), 1)
    tap.check("hset of several", r.hset("h", mapping={"a": 2, "b": 3}), 1)
    tap.check("hget", (r.hget("h", "a"), r.hget("h", "none")), (b"2", None))
    tap.check("hgetall", r.hgetall("h"), {b"a": b"2", b"b": b"3"})
    tap.check("hmget", r.hmget("h", "b", "none"), [b"3", None])
    tap.check("hsetnx", (r.hsetnx("h", "a", 9), r.hsetnx("h", "c", 9)),
              (False, True))
    tap.check("hincrby", r.hincrby("h", "c", -10), -1)
    tap.check("hincrbyfloat", r.hincrbyfloat("h", "c", 0.5), -0.5)
    tap.check("hexists", (r.hexists("h", "a"), r.hexists("h", "none")),
              (True, False))
    tap.check("hkeys", sorted(r.hkeys("h")), [b"a", b"b", b"c"])
    tap.check("hdel", (r.hdel("h", "a", "b", "none"), r.hlen("h")), (2, 1))
    tap.check("a large hash", r.hset("large", mapping=fields), 1000)
    tap.check("comes back", r.hgetall("large"), told)
    tap.check("hscan_iter", dict(r.hscan_iter("large", count=50)), told)
    tap.check("hrandfield", len(set(r.hrandfield("large", 10))), 10)
    tap.raises("get of a hash", redis.ResponseError, r.get, "h")
    tap.check("type", r.type("h"), b"hash")
    r.delete("h", "large")


def counters(r):
    tap.check("incr", r.incr("n"), 1)
    tap.check("incrby", r.incrby("n", 41), 42)
    tap.check("decr", r.decr("n", 50), -8)
    tap.check("incrbyfloat", r.incrbyfloat("n", "0.5"), -7.5)
    tap.raises("incr of a fraction", redis.ResponseError, r.incr, "n")
    r.set("n", (1 << 63) - 1)
    tap.raises("incr beyond 64 bits", redis.ResponseError, r.incr, "n")


def values(r):
    for length in (0, 1, 511, 512, 16384, 65537, 900000):
        value = os.urandom(length)
        tap.check("set %d bytes" % length, r.set("length", value), True)
        tap.check("get %d bytes" % length, r.get("length") == value, True)
    key = bytes(range(256))
    tap.check("a key of any bytes", (r.set(key, key), r.get(key)),
              (True, key))
    key = "k" * 1024
    tap.check("a long key", (r.set(key, "v"), r.get(key)), (True, b"v"))
    tap.raises("too large a value", redis.ResponseError, r.set, "large",
               b"x" * (1 << 20))
    tap.check("the connection is in order", r.get(key), b"v")


def keys(r):
    r.mset({"k%d" % n: n for n in range(1000)})
    tap.check("exists", r.exists("k1", "k2", "none", "k1"), 3)
    tap.check("scan_iter", sorted(r.scan_iter("k[0-9]*", count=100)),
              sorted(b"k%d" % n for n in range(1000)))
    tap.check("keys", sorted(r.keys("k99?")),
              sorted(b"k%d" % n for n in range(990, 1000)))
    tap.check("rename", (r.rename("k1", "l1"), r.get("l1"), r.get("k1")),
              (True, b"1", None))
    tap.check("renamenx", r.renamenx("k2", "k3"), False)
    tap.check("copy", (r.copy("k3", "k4"), r.copy("k3", "k4", replace=True)),
              (False, True))
    tap.check("type", (r.type("k3"), r.type("none")), (b"string", b"none"))
    tap.check("touch", r.touch("k3", "none"), 1)
    tap.check("delete", r.delete("k3", "k4", "none"), 2)
    tap.check("unlink", r.unlink("k5"), 1)
    tap.check("randomkey", r.exists(r.randomkey()), 1)


def expiry(r):
    tap.check("setex", r.setex("t", 100, "v"), True)
    tap.check("ttl", 99 <= r.ttl("t") <= 100, True)
    tap.check("expire", r.expire("t", 1000, gt=True), True)
    tap.check("expire, sooner", r.expire("t", 100, gt=True), False)
    tap.check("pttl", 990000 <= r.pttl("t") <= 1000000, True)
    tap.check("persist", (r.persist("t"), r.ttl("t")), (True, -1))
    tap.check("expireat", r.expireat("t", int(time.time()) + 100), True)
    tap.check("getex", (r.getex("t", px=50000), r.pttl("t") <= 50000),
              (b"v", True))
    tap.check("in the past", (r.pexpireat("t", 1), r.exists("t")), (True, 0))
    r.set("t", "v", px=20)
    tap.comes("what expires is gone", None, lambda: r.get("t"))


def pipelines(r):
    with r.pipeline(transaction=False) as pipeline:
        for n in range(1000):
            pipeline.set("p%d" % n, n)
            pipeline.incrby("p%d" % n, n)
            pipeline.get("p%d" % n)
        got = pipeline.execute()
    tap.check("a pipeline", got,
              [reply for n in range(1000)
               for reply in (True, 2 * n, b"%d" % (2 * n))])
    pipeline = r.pipeline(transaction=False)
    pipeline.set("p", "x").incr("p").get("p")
    got = pipeline.execute(raise_on_error=False)
    tap.check("with an error", (got[0], type(got[1]), got[2]),
              (True, redis.ResponseError, b"x"))


def transactions(r):
    with r.pipeline() as pipeline:
        pipeline.set("t", 1).incr("t").get("t")
        tap.check("a transaction", pipeline.execute(), [True, 2, b"2"])

    def add(pipeline):
        before = int(pipeline.get("t"))
        if before == 2:
            r.set("t", 10)          # somebody else is faster, once
        pipeline.multi()
        pipeline.set("t", before + 1)

    tap.check("one that is tried again", (r.transaction(add, "t"),
                                          r.get("t")), ([True], b"11"))


def scripts(r):
    add = r.register_script("return redis.call('incrby', KEYS[1], ARGV[1])")
    try:
        tap.check("a script", add(keys=["s"], args=[5]), 5)
    except redis.ResponseError as error:
        if "Lua" in str(error):
            return
        raise
    tap.check("again", add(keys=["s"], args=[5]), 10)
    first, second = r.lock("lock", timeout=100), r.lock("lock", timeout=100)
    tap.check("a lock", (first.acquire(), second.acquire(blocking=False)),
              (True, False))
    tap.check("is extended", first.extend(100), True)
    tap.raises("not by others", redis.exceptions.LockError, second.release)
    first.release()
    tap.check("and released", second.acquire(blocking=False), True)
    second.release()


def messages(r):
    listener = r.pubsub()
    listener.subscribe("news")
    listener.psubscribe("weather.*")

    def next_message():
        message = listener.get_message(timeout=20)
        return message and (message["type"], message["channel"],
                            message["data"])

    tap.check("subscribe", next_message(), ("subscribe", b"news", 1))
    tap.check("psubscribe", next_message(), ("psubscribe", b"weather.*", 2))
    tap.check("publish", (r.publish("news", "a"), r.publish("weather.x", "b"),
                          r.publish("other", "c")), (1, 1, 0))
    tap.check("a message", next_message(), ("message", b"news", b"a"))
    tap.check("another", next_message(), ("pmessage", b"weather.x", b"b"))
    listener.close()


def databases(r):
    five = connect(db=5)
    five.set("a", "in five")
    r.set("a", "in zero")
    tap.check("two databases", (r.get("a"), five.get("a")),
              (b"in zero", b"in five"))
    tap.check("their sizes", five.dbsize(), 1)
    tap.check("flushdb", (five.flushdb(), five.get("a"), r.get("a")),
              (True, None, b"in zero"))


def text(r):
    decoding = connect(decode_responses=True)
    decoding.set("gr\u00fcn", "\u263a")
    tap.check("what is told is text", decoding.mget("gr\u00fcn", "none"),
              ["\u263a", None])


def threads(r):
    def count():
        for _ in range(200):
            r.incr("threads")

    workers = [threading.Thread(target=count) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    tap.check("threads count", r.get("threads"), b"1600")


client = connect(client_name="mixed")
tap.check("ping", client.ping(), True)
for part in (strings, hashes, counters, values, keys, expiry, pipelines,
             transactions, scripts, messages, databases,
             text, threads):
    part(client)
tap.check("flushall", (client.flushall(), client.dbsize()), (True, 0))
tap.restart_server()
tap.comes("a server that came back is used", True,
          lambda: client.set("again", 1), redis.RedisError)
tap.end()
