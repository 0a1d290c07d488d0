#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""redis_py_scripts.py - transactions, locks and scripts the way redis-py and
frameworks use them.

    redis_py_scripts.py text HOST:PORT
"""
import threading

import tap

try:
    import redis
    from redis.exceptions import LockError, LockNotOwnedError
except ImportError:
    tap.skip_all("redis-py is not installed")

HOST, PORT = tap.SERVERS[0]


def connect():
    return redis.Redis(host=HOST, port=PORT, socket_timeout=20)


def transactions(r):
    with r.pipeline() as pipe:
        got = pipe.set("a", 1).incr("a").get("a").execute()
    tap.check("a transaction", got, [True, 2, b"2"])
    with r.pipeline() as pipe:
        pipe.watch("a")
        r.set("a", "changed")
        pipe.multi()
        pipe.set("a", "mine")
        tap.raises("a watched key has changed", redis.WatchError,
                   pipe.execute)
    tap.check("and nothing was done", r.get("a"), b"changed")
    with r.pipeline() as pipe:
        pipe.set("a", "x").incr("a").set("b", "y")
        got = pipe.execute(raise_on_error=False)
    tap.check("an error within one", (got[0], type(got[1]), got[2]),
              (True, redis.ResponseError, True))

    def add(pipe):
        value = int(pipe.get("sum") or 0)
        pipe.multi()
        pipe.set("sum", value + 1)

    def add_often():
        mine = connect()
        for _ in range(50):
            mine.transaction(add, "sum")

    run_at_once(add_often, 4)
    tap.check("transactions that are tried again", r.get("sum"), b"200")


def run_at_once(function, count):
    workers = [threading.Thread(target=function) for _ in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def locks(r):
    lock = r.lock("lock", timeout=100)
    other = r.lock("lock", timeout=100, blocking=False)
    tap.check("a lock is acquired", lock.acquire(), True)
    tap.check("by one", other.acquire(), False)
    tap.check("it is owned", (lock.owned(), other.owned()), (True, False))
    tap.check("it is extended", (lock.extend(50), 140 < r.ttl("lock")),
              (True, True))
    tap.check("and set", (lock.extend(50, replace_ttl=True),
                          r.ttl("lock") <= 50), (True, True))
    tap.check("it is reacquired", (lock.reacquire(), r.ttl("lock") > 90),
              (True, True))
    r.set("lock", "stolen")
    tap.raises("one that is not owned is not extended", LockNotOwnedError,
               lock.extend, 10)
    tap.raises("nor reacquired", LockNotOwnedError, lock.reacquire)
    tap.raises("nor released", LockNotOwnedError, lock.release)
    r.delete("lock")
    tap.raises("one that is free is not released", LockError, lock.release)
    with r.lock("lock", timeout=100):
        tap.check("in a with", r.exists("lock"), 1)
    tap.check("it is released", r.exists("lock"), 0)
    counted = []

    def count():
        mine = connect()
        for _ in range(20):
            with mine.lock("count", timeout=100, sleep=0.001):
                counted.append(len(counted))

    run_at_once(count, 4)
    tap.check("one at a time", counted, list(range(80)))


def scripts(r):
    script = r.register_script("return {KEYS[1], ARGV[1], ARGV[2] + 1}")
    r.script_flush()
    tap.check("a script that is not there is loaded",
              script(keys=["k"], args=["x", 1]), [b"k", b"x", 2])
    tap.check("it is known then", r.script_exists(script.sha), [True])
    with r.pipeline() as pipe:
        script(keys=["k"], args=["y", 2], client=pipe)
        got = pipe.get("none").execute()
    tap.check("in a transaction", got, [[b"k", b"y", 3], None])
    tap.raises("an error", redis.ResponseError, r.eval,
               "return redis.call('incr', 'text')" if r.set("text", "x")
               else "", 0)
    tap.raises("a script that is gone", redis.exceptions.NoScriptError,
               r.evalsha, "f" * 40, 0)


# As the limiters of web frameworks do it: so many in a window of time.
WINDOW = """
local hits = redis.call('incr', KEYS[1])
if hits == 1 then
    redis.call('pexpire', KEYS[1], ARGV[2])
end
return {hits <= tonumber(ARGV[1]) and 1 or 0, redis.call('pttl', KEYS[1])}
"""

# Tokens that drip into a bucket, with the time in milliseconds.
BUCKET = """
local size, rate = tonumber(ARGV[1]), tonumber(ARGV[2])
local now, wanted = tonumber(ARGV[3]), tonumber(ARGV[4] or 1)
local level = tonumber(redis.call('get', KEYS[1]) or size)
local last = tonumber(redis.call('get', KEYS[2]) or now)
level = math.min(size, level + math.max(0, now - last) * rate / 1000)
local allowed = level >= wanted
if allowed then
    level = level - wanted
end
local ttl = math.floor(size / rate * 2)
redis.call('setex', KEYS[1], ttl, level)
redis.call('setex', KEYS[2], ttl, now)
return {allowed, tostring(level)}
"""

# Store what is not there; release, or restore, what one owns.
ADD = ("return redis.call('exists',KEYS[1])<1 and "
       "redis.call('setex',KEYS[1],ARGV[2],ARGV[1])")
RELEASE = ("if redis.call('get',KEYS[1]) == ARGV[1] then "
           "return redis.call('del',KEYS[1]) else return 0 end")


def limits(r):
    window = r.register_script(WINDOW)
    got = [window(keys=["window"], args=[3, 100000]) for _ in range(5)]
    tap.check("so many in a window", [g[0] for g in got], [1, 1, 1, 0, 0])
    tap.check("which has an end", 0 < got[-1][1] <= 100000, True)
    bucket = r.register_script(BUCKET)

    def take(now, *count):
        return bucket(keys=["level", "last"], args=[10, 2, now, *count])[0]

    tap.check("a bucket that is full", [take(1000, 6), take(1000, 6)],
              [1, None])
    tap.check("gets tokens", [take(1500, 5), take(1500, 1), take(2000)],
              [1, None, 1])
    tap.check("add", [r.eval(ADD, 1, "added", v, 60) for v in "ab"],
              [b"OK", None])
    tap.check("what was added", (r.get("added"), 50 < r.ttl("added") <= 60),
              (b"a", True))
    tap.check("release", [r.eval(RELEASE, 1, "added", v) for v in "baa"],
              [0, 1, 0])


client = connect()
try:
    client.eval("return 1", 0)
except redis.ResponseError:
    tap.skip_all("built without Lua")
for part in (transactions, locks, scripts, limits):
    part(client)
tap.end()
