#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""pylibmc_mixed.py - talk to servers the way pylibmc does.

    pylibmc_mixed.py text|binary|sasl HOST:PORT HOST:PORT

With sasl each connection logs in, by the binary protocol, with the name and
the password that the environment has in CAIRN_USER and CAIRN_PASSWORD.
"""
import os
import random

import tap

try:
    import pylibmc
except ImportError:
    tap.skip_all("pylibmc is not installed")

NAMES = ["%s:%d" % server for server in tap.SERVERS]
BINARY = tap.MODE != "text"
SASL = tap.MODE == "sasl"

# One of the things that can be stored, by how pylibmc marks it.
THINGS = {"bytes": b"\x00\xff\r\nEND\r\n", "text": "grün", "number": -42,
          "great": 2**70, "truth": True, "list": [1, "two", {"three": None}],
          "nothing": b"", "one": b"1"}


def connect(names=NAMES[:1], **behaviors):
    options = {}
    if SASL:
        options = {"username": os.environ["CAIRN_USER"],
                   "password": os.environ["CAIRN_PASSWORD"]}
    behaviors.setdefault("tcp_nodelay", True)
    behaviors.setdefault("cas", True)
    return pylibmc.Client(names, binary=BINARY, behaviors=behaviors, **options)


def refused(name, function, *args):
    """By the text protocol that is False, by the binary one NotFound."""
    try:
        got = function(*args)
    except pylibmc.NotFound:
        got = False
    tap.check(name, got, False)


def storage(client):
    tap.check("set", client.set("a", "1"), True)
    tap.check("get", client.get("a"), "1")
    tap.check("get of a missing key", client.get("none"), None)
    tap.check("a key that is there", "a" in client, True)
    tap.check("a key that is not", "none" in client, False)
    tap.check("add to a key that is there", client.add("a", "2"), False)
    tap.check("add", client.add("b", "2"), True)
    tap.check("replace", client.replace("b", "3"), True)
    refused("replace nothing", client.replace, "none", "3")
    refused("append to nothing", client.append, "none", "3")
    refused("prepend to nothing", client.prepend, "none", "3")
    tap.check("append", client.append("b", "4"), True)
    tap.check("prepend", client.prepend("b", "2"), True)
    tap.check("the result", client.get("b"), "234")
    tap.check("delete", client.delete("b"), True)
    tap.check("delete again", client.delete("b"), False)
    for name, thing in THINGS.items():
        tap.check("set: " + name, client.set("thing", thing), True)
        tap.check("get: " + name, client.get("thing"), thing)


def counters(client):
    client.set("n", 10)
    tap.check("incr", client.incr("n", 5), 15)
    tap.check("decr", client.decr("n", 7), 8)
    tap.check("decr to 0", client.decr("n", 100), 0)
    tap.raises("incr nothing", pylibmc.NotFound, client.incr, "none")
    tap.raises("decr nothing", pylibmc.NotFound, client.decr, "none")
    client.set("word", "abc")
    tap.raises("incr of a word", pylibmc.Error, client.incr, "word")
    tap.check("the connection is in order", client.get("word"), "abc")
    if hasattr(client, "incr_multi"):
        client.set_multi({"i1": 1, "i2": 2})
        client.incr_multi(["i1", "i2"], delta=10)
        tap.check("incr_multi", client.get_multi(["i1", "i2"]), {"i1": 11, "i2": 12})


def uniques(client):
    client.set("c", "1")
    value, unique = client.gets("c")
    tap.check("gets", value, "1")
    tap.check("cas", client.cas("c", "2", unique), True)
    tap.check("cas again", client.cas("c", "3", unique), False)
    tap.check("the value", client.get("c"), "2")
    tap.check("gets of nothing", client.gets("none"), (None, None))


def many(client):
    values = {"m%d" % n: "v" * n for n in range(300)}
    tap.check("set_multi", client.set_multi(values), [])
    tap.check("get_multi", client.get_multi(list(values)), values)
    tap.check("get_multi with misses", client.get_multi(["m1", "none", "m2"]),
              {"m1": "v", "m2": "vv"})
    tap.check("get_multi with a prefix", client.get_multi(["1", "2"], key_prefix="m"),
              {"1": "v", "2": "vv"})
    tap.check("add_multi: what was there", sorted(client.add_multi({"m1": "x", "new": "x"})),
              ["m1"])
    tap.check("delete_multi", client.delete_multi(list(values)), True)
    tap.check("all gone", client.get_multi(list(values)), {})


def expiry(client):
    tap.check("an expiry to come", client.set("t", "x", time=1000), True)
    tap.check("is there", client.get("t"), "x")
    tap.check("touch", client.touch("t", 100), True)
    tap.check("is still there", client.get("t"), "x")
    tap.check("touch nothing", client.touch("none", 100), False)
    tap.check("touch into 1970", client.touch("t", 2600000), True)
    tap.check("expires", client.get("t"), None)
    client.set("t", "x", time=2600000)
    tap.check("set into 1970", client.get("t"), None)


def large(client):
    chooser = random.Random(1)
    for length in (0, 1, 100, 1023, 10000, 65536, 900000):
        value = chooser.randbytes(length)
        tap.check("set %d bytes" % length, client.set("large", value), True)
        tap.check("get %d bytes" % length, client.get("large") == value, True)
    text = "compress me " * 10000
    tap.check("set what can be compressed",
              client.set("large", text, min_compress_len=1000), True)
    tap.check("get it", client.get("large") == text, True)
    tap.raises("too large a value", pylibmc.TooBig, client.set, "large",
               b"x" * ((1 << 20) + 1))
    tap.check("the connection is in order", client.set("large", "x"), True)
    tap.check("a key of 250 bytes", client.set("k" * 250, "x"), True)
    tap.check("comes back", client.get("k" * 250), "x")


def statistics(client):
    (_, stats), = client.get_stats()
    tap.check("stats", int(stats["cmd_get"]) > 0 and int(stats["curr_items"]) > 0, True)
    tap.check("flush_all", client.flush_all(), True)
    tap.check("flushed", client.get("a"), None)


def two_servers():
    both = connect(NAMES, ketama=True)
    values = {"spread%d" % n: "value %d" % n for n in range(500)}
    tap.check("two servers: set_multi", both.set_multi(values), [])
    tap.check("two servers: get_multi", both.get_multi(list(values)), values)
    halves = [set(connect([name]).get_multi(list(values))) for name in NAMES]
    tap.check("two servers: both have some", [len(half) > 50 for half in halves],
              [True, True])
    tap.check("two servers: none has another's", halves[0] & halves[1], set())
    tap.check("two servers: delete_multi", both.delete_multi(list(values)), True)
    tap.check("two servers: all gone", both.get_multi(list(values)), {})


def at_once():
    """Processes that add by gets and cas, and by incr, lose nothing."""
    shared = connect()
    shared.set_multi({"total": 0, "sum": 0})

    def work(name):
        client = connect()
        for n in range(100):
            key = "p%d.%d" % (name, n % 10)
            client.set(key, (name, n))
            if client.get(key) != (name, n):
                return False
            client.incr("sum")
            while True:
                value, unique = client.gets("total")
                if client.cas("total", value + 1, unique):
                    break
        return True

    tap.check("processes read their own", tap.processes(4, work), 0)
    tap.check("processes count", shared.get("sum"), 400)
    tap.check("processes add by cas", shared.get("total"), 400)


def wrong_password():
    client = pylibmc.Client(NAMES[:1], binary=True, username=os.environ["CAIRN_USER"],
                            password="wrong")
    tap.raises("a wrong password", pylibmc.Error, client.set, "a", "1")


def restart(client):
    client.set("before", "x")
    tap.restart_server()
    tap.comes("after a restart the cache is empty", None, lambda: client.get("before"),
              pylibmc.Error)
    tap.check("and works", (client.set("after", "y"), client.get("after")), (True, "y"))


def main():
    client = connect()
    for part in (storage, counters, uniques, many, expiry, large, statistics):
        part(client)
    client.set("brief", "x", time=1)
    two_servers()
    if SASL:
        wrong_password()
    at_once()
    tap.comes("a second later it is gone", None, lambda: client.get("brief"))
    restart(connect(retry_timeout=1, dead_timeout=1))
    tap.end()


if __name__ == "__main__":
    main()
