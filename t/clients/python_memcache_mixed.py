#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""python_memcache_mixed.py - talk to servers the way python-memcached does.

    python_memcache_mixed.py text HOST:PORT HOST:PORT
"""
import random

import tap

try:
    import memcache
except ImportError:
    tap.skip_all("python-memcached is not installed")

NAMES = ["%s:%d" % server for server in tap.SERVERS]


def connect(names=NAMES[:1], **options):
    return memcache.Client(names, socket_timeout=10, dead_retry=0, cache_cas=True,
                           server_max_value_length=1 << 30, **options)


def storage(client):
    tap.check("set", client.set("a", "1"), True)
    tap.check("get", client.get("a"), "1")
    tap.check("get of a missing key", client.get("none"), None)
    tap.check("add to a key that is there", bool(client.add("a", "2")), False)
    tap.check("add", client.add("b", "2"), True)
    tap.check("replace", client.replace("b", "3"), True)
    tap.check("replace nothing", bool(client.replace("none", "3")), False)
    tap.check("append", client.append("b", "4"), True)
    tap.check("prepend", client.prepend("b", "2"), True)
    tap.check("the result", client.get("b"), "234")
    tap.check("delete", bool(client.delete("b")), True)
    tap.check("gone", client.get("b"), None)
    for name, thing in {"bytes": b"\x00\xff\r\nEND\r\n", "text": "grün", "number": -42,
                        "great": 2**70, "list": [1, {"two": None}], "empty": ""}.items():
        tap.check("set: " + name, client.set("thing", thing), True)
        tap.check("get: " + name, client.get("thing"), thing)


def counters(client):
    client.set("n", 10)
    tap.check("incr", client.incr("n", 5), 15)
    tap.check("decr", client.decr("n", 7), 8)
    tap.check("decr to 0", client.decr("n", 100), 0)
    tap.check("incr nothing", client.incr("none"), None)


def uniques(client):
    client.set("c", "1")
    tap.check("gets", client.gets("c"), "1")
    tap.check("cas", client.cas("c", "2"), True)
    client.reset_cas()
    client.gets("c")
    connect().set("c", "another's")
    tap.check("cas of what has changed", bool(client.cas("c", "3")), False)
    tap.check("the value", client.get("c"), "another's")
    client.reset_cas()


def many(client):
    values = {"m%d" % n: "v" * n for n in range(300)}
    tap.check("set_multi", client.set_multi(values), [])
    tap.check("get_multi", client.get_multi(list(values)), values)
    tap.check("get_multi with a prefix", client.get_multi(["1", "2", "x"], key_prefix="m"),
              {"1": "v", "2": "vv"})
    tap.check("delete_multi", bool(client.delete_multi(list(values))), True)
    tap.check("all gone", client.get_multi(list(values)), {})


def expiry(client):
    tap.check("an expiry to come", client.set("t", "x", time=1000), True)
    tap.check("is there", client.get("t"), "x")
    tap.check("touch", bool(client.touch("t", 100)), True)
    tap.check("touch into the past", bool(client.touch("t", -1)), True)
    tap.check("expires", client.get("t"), None)
    client.set("t", "x", time=-1)
    tap.check("set into the past", client.get("t"), None)


def large(client):
    chooser = random.Random(1)
    for length in (0, 1, 100, 10000, 900000):
        value = chooser.randbytes(length)
        tap.check("set %d bytes" % length, client.set("large", value), True)
        tap.check("get %d bytes" % length, client.get("large") == value, True)
    text = "compress me " * 10000
    tap.check("set what can be compressed",
              client.set("large", text, min_compress_len=1000), True)
    tap.check("get it", client.get("large") == text, True)
    tap.check("too large a value",
              bool(client.set("large", b"x" * ((1 << 20) + 1))), False)
    tap.check("the connection is in order", client.set("large", "x"), True)


def statistics(client):
    (_, stats), = client.get_stats()
    tap.check("stats", int(stats["cmd_get"]) > 0 and int(stats["curr_items"]) > 0, True)
    (_, settings), = client.get_stats("settings")
    tap.check("stats settings", int(settings["maxbytes"]) > 0, True)
    client.flush_all()
    tap.check("flushed", client.get("a"), None)


def two_servers():
    both = connect(NAMES)
    values = {"spread%d" % n: "value %d" % n for n in range(500)}
    tap.check("two servers: set_multi", both.set_multi(values), [])
    tap.check("two servers: get_multi", both.get_multi(list(values)), values)
    halves = [set(connect([name]).get_multi(list(values))) for name in NAMES]
    tap.check("two servers: both have some", [len(half) > 50 for half in halves],
              [True, True])
    tap.check("two servers: none has another's", halves[0] & halves[1], set())


def at_once():
    shared = connect()
    shared.set("sum", 0)

    def work(name):
        client = connect()
        for n in range(100):
            client.set("p%d" % name, (name, n))
            if client.get("p%d" % name) != (name, n):
                return False
            client.incr("sum")
        return True

    tap.check("processes read their own", tap.processes(4, work), 0)
    tap.check("processes count", shared.get("sum"), 400)


def restart(client):
    client.set("before", "x")
    tap.restart_server()
    tap.comes("after a restart it works", True, lambda: client.set("after", "y"))
    tap.check("it remembers", client.get("after"), "y")
    tap.check("but nothing of before", client.get("before"), None)


def main():
    client = connect()
    for part in (storage, counters, uniques, many, expiry, large, statistics):
        part(client)
    client.set("brief", "x", time=1)
    two_servers()
    at_once()
    tap.comes("a second later it is gone", None, lambda: client.get("brief"))
    restart(client)
    tap.end()


if __name__ == "__main__":
    main()
