#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""pymemcache_mixed.py - talk to a server the way pymemcache does.

    pymemcache_mixed.py HOST PORT

Prints the Test Anything Protocol; the exit status is the number of failures.
Exit status 77: pymemcache is not installed.
"""
import random
import sys
import threading

try:
    from pymemcache.client.base import Client
    from pymemcache.exceptions import (
        MemcacheClientError,
        MemcacheIllegalInputError,
        MemcacheServerError,
    )
except ImportError:
    print("pymemcache is not installed", file=sys.stderr)
    sys.exit(77)

TIMEOUT = 10

count = 0
failures = 0


def check(name, got, want):
    global count, failures
    count += 1
    if got == want:
        print("ok %d - %s" % (count, name))
    else:
        failures += 1
        print("not ok %d - %s" % (count, name))
        print("# got  %.200r" % (got,))
        print("# want %.200r" % (want,))


def raises(name, exception, function, *args, **kwargs):
    try:
        got = function(*args, **kwargs)
    except exception:
        got = exception
    check(name, got, exception)


def connect(address, **options):
    return Client(address, connect_timeout=TIMEOUT, timeout=TIMEOUT, **options)


def storage(client):
    check("set", client.set("a", "1", noreply=False), True)
    check("get", client.get("a"), b"1")
    check("get of a missing key", client.get("none"), None)
    check("get with a default", client.get("none", default=7), 7)
    check("add to a key that is there", client.add("a", "2", noreply=False), False)
    check("add", client.add("b", "2", noreply=False), True)
    check("replace", client.replace("b", "3", noreply=False), True)
    check("replace nothing", client.replace("none", "3", noreply=False), False)
    check("append", client.append("b", "4", noreply=False), True)
    check("prepend", client.prepend("b", "2", noreply=False), True)
    check("the result", client.get("b"), b"234")
    check("append to nothing", client.append("none", "4", noreply=False), False)
    check("prepend to nothing", client.prepend("none", "4", noreply=False), False)
    client.set("quiet", "x", noreply=True)
    check("set without a reply", client.get("quiet"), b"x")
    check("an empty value", client.set("empty", b"", noreply=False), True)
    check("comes back", client.get("empty"), b"")
    check("set with flags", client.set("flags", "x", noreply=False, flags=2**32 - 1), True)
    check("a value that looks like a reply",
          client.set("reply", b"x\r\nEND\r\nVALUE reply 0 1\r\ny", noreply=False), True)
    check("comes back", client.get("reply"), b"x\r\nEND\r\nVALUE reply 0 1\r\ny")


def deletion(client):
    client.set("gone", "x", noreply=False)
    check("delete", client.delete("gone", noreply=False), True)
    check("delete again", client.delete("gone", noreply=False), False)
    client.set("gone", "x", noreply=False)
    client.delete("gone", noreply=True)
    check("delete without a reply", client.get("gone"), None)
    client.set_many({"d%d" % n: "x" for n in range(10)}, noreply=False)
    check("delete_many", client.delete_many(["d%d" % n for n in range(10)],
                                            noreply=False), True)
    check("all gone", client.get_many(["d%d" % n for n in range(10)]), {})


def counters(client):
    client.set("n", "10", noreply=False)
    check("incr", client.incr("n", 5), 15)
    check("decr", client.decr("n", 7), 8)
    check("decr to 0", client.decr("n", 100), 0)
    check("incr nothing", client.incr("none", 1), None)
    check("decr nothing", client.decr("none", 1), None)
    client.incr("n", 3, noreply=True)
    check("incr without a reply", client.incr("n", 0), 3)
    client.set("n", str(2**64 - 1), noreply=False)
    check("incr wraps", client.incr("n", 2), 1)
    client.set("word", "abc", noreply=False)
    raises("incr of a word", MemcacheClientError, client.incr, "word", 1)
    check("the connection is in order", client.get("word"), b"abc")


def uniques(client):
    client.set("c", "1", noreply=False)
    value, unique = client.gets("c")
    check("gets", value, b"1")
    check("cas", client.cas("c", "2", unique, noreply=False), True)
    check("cas again", client.cas("c", "3", unique, noreply=False), False)
    check("cas of nothing", client.cas("none", "3", unique, noreply=False), None)
    check("the value", client.get("c"), b"2")
    check("gets of nothing", client.gets("none"), (None, None))
    many = client.gets_many(["c", "none", "a"])
    check("gets_many", sorted((k, v[0]) for k, v in many.items()),
          [("a", b"1"), ("c", b"2")])


def many(client):
    values = {"m%d" % n: b"v" * n for n in range(200)}
    check("set_many", client.set_many(values, noreply=False), [])
    check("get_many", client.get_many(list(values)), values)
    check("get_many with misses", client.get_many(["m1", "none", "m2"]),
          {"m1": b"v", "m2": b"vv"})


def expiry(client):
    check("an expiry to come", client.set("t", "x", expire=1000, noreply=False), True)
    check("is there", client.get("t"), b"x")
    check("touch", client.touch("t", expire=100, noreply=False), True)
    check("touch nothing", client.touch("none", expire=100, noreply=False), False)
    check("touch into the past", client.touch("t", expire=-1, noreply=False), True)
    check("expires", client.get("t"), None)
    client.set("t", "x", expire=-1, noreply=False)
    check("set into the past", client.get("t"), None)
    if hasattr(client, "gat"):
        client.set("t", "x", noreply=False)
        check("gat", client.gat("t", expire=1000), b"x")
        check("gats", client.gats("t", expire=0)[0], b"x")
        check("gat of nothing", client.gat("none", expire=0), None)


def large(client):
    chooser = random.Random(1)
    for length in (1000, 1023, 4096, 16384, 65536, 500000, 1000000):
        value = chooser.randbytes(length)
        check("set %d bytes" % length, client.set("large", value, noreply=False), True)
        check("get %d bytes" % length, client.get("large") == value, True)
    raises("too large a value", MemcacheServerError,
           client.set, "large", b"x" * (2 << 20), noreply=False)
    check("the old one is gone", client.get("large"), None)
    check("a key of 250 bytes", client.set("k" * 250, "x", noreply=False), True)
    raises("a key of 251 bytes", MemcacheIllegalInputError,
           client.set, "k" * 251, "x", noreply=False)


def server(client):
    check("version", client.version()[:1].isdigit(), True)
    stats = client.stats()
    check("stats", stats[b"cmd_get"] > 0 and stats[b"curr_items"] > 0, True)
    check("stats settings", client.stats("settings")[b"maxbytes"] > 0, True)
    if hasattr(client, "cache_memlimit"):
        check("cache_memlimit", client.cache_memlimit(100), True)
    check("flush_all", client.flush_all(noreply=False), True)
    check("flushed", client.get("a"), None)


def threads(address):
    """Four clients count on one key and mind their own."""
    shared = connect(address)
    shared.set("sum", "0", noreply=False)
    wrong = []

    def work(name):
        client = connect(address, no_delay=True)
        for n in range(300):
            key = "%s.%d" % (name, n % 20)
            client.set(key, "%s %d" % (name, n), noreply=n % 2 == 0)
            if client.get(key) != ("%s %d" % (name, n)).encode():
                wrong.append(key)
            client.incr("sum", 1)
        client.close()

    workers = [threading.Thread(target=work, args=("w%d" % n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    check("clients at once read their own", wrong, [])
    check("clients at once count", shared.get("sum"), b"1200")
    shared.close()


def compare_and_set_at_once(address):
    """Clients that add by gets and cas lose nothing."""
    shared = connect(address)
    shared.set("total", "0", noreply=False)

    def work():
        client = connect(address, no_delay=True)
        for _ in range(100):
            while True:
                value, unique = client.gets("total")
                if client.cas("total", str(int(value) + 1), unique, noreply=False):
                    break
        client.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    check("clients at once add by cas", shared.get("total"), b"400")
    shared.close()


def main():
    address = (sys.argv[1], int(sys.argv[2]))
    client = connect(address)
    for part in (storage, deletion, counters, uniques, many, expiry, large, server):
        part(client)
    client.close()
    nodelay = connect(address, no_delay=True, default_noreply=False, key_prefix=b"p:")
    check("set with a prefix", nodelay.set("a", "1"), True)
    check("get with a prefix", nodelay.get("a"), b"1")
    nodelay.quit()
    threads(address)
    compare_and_set_at_once(address)
    print("1..%d" % count)
    return min(failures, 76)


if __name__ == "__main__":
    sys.exit(main())
