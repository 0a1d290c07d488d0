#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""bmemcached_mixed.py - talk to servers the way python-binary-memcached does.

    bmemcached_mixed.py binary|sasl|tls HOST:PORT HOST:PORT

With sasl each connection logs in with the name and the password that the
environment has in CAIRN_USER and CAIRN_PASSWORD; with tls the server must have
a certificate of CAIRN_CA.
"""
import os
import random
import ssl

import tap

try:
    import bmemcached
    from bmemcached.exceptions import AuthenticationNotSupported, MemcachedException
except ImportError:
    tap.skip_all("python-binary-memcached is not installed")

NAMES = ["%s:%d" % server for server in tap.SERVERS]
OPTIONS = {"socket_timeout": 10}
if tap.MODE == "sasl":
    OPTIONS["username"] = os.environ["CAIRN_USER"]
    OPTIONS["password"] = os.environ["CAIRN_PASSWORD"]
elif tap.MODE == "tls":
    OPTIONS["tls_context"] = ssl.create_default_context(cafile=os.environ["CAIRN_CA"])


def connect(names=NAMES[:1]):
    client = bmemcached.Client(tuple(names), **OPTIONS)
    client.enable_retry_delay(False)
    return client


def storage(client):
    tap.check("set", client.set("a", "1"), True)
    tap.check("get", client.get("a"), "1")
    tap.check("get of a missing key", client.get("none"), None)
    tap.check("get with a default", client.get("none", 7), 7)
    tap.check("add to a key that is there", client.add("a", "2"), False)
    tap.check("add", client.add("b", "2"), True)
    tap.check("replace", client.replace("b", "3"), True)
    tap.check("replace nothing", client.replace("none", "3"), False)
    tap.check("the result", client.get("b"), "3")
    tap.check("delete", client.delete("b"), True)
    tap.check("gone", client.get("b"), None)
    for name, thing in {"bytes": b"\x00\xff\r\n", "text": "grün", "number": -42,
                        "great": 2**70, "list": [1, {"two": None}]}.items():
        client.set("thing", thing)
        tap.check("set and get: " + name, client.get("thing"), thing)


def counters(client):
    tap.check("incr with an initial value", client.incr("n", 5, default=10), 10)
    tap.check("incr", client.incr("n", 5), 15)
    tap.check("decr", client.decr("n", 7), 8)
    tap.check("decr to 0", client.decr("n", 100), 0)
    tap.check("decr with an initial value", client.decr("m", 5, default=3), 3)
    client.set("word", "abc")
    tap.raises("incr of a word", MemcachedException, client.incr, "word", 1)
    tap.check("the connection is in order", client.get("word"), "abc")


def uniques(client):
    client.set("c", "1")
    value, unique = client.gets("c")
    tap.check("gets", value, "1")
    tap.check("cas", client.cas("c", "2", unique), True)
    tap.check("cas again", client.cas("c", "3", unique), False)
    tap.check("the value", client.get("c"), "2")
    tap.check("cas of a new key", client.cas("fresh", "1", None), True)
    tap.check("is an add", client.cas("fresh", "2", None), False)
    _, unique = client.gets("c")
    tap.check("delete by cas", client.delete("c", cas=unique), True)


def many(client):
    values = {"m%d" % n: "v" * n for n in range(300)}
    tap.check("set_multi", client.set_multi(values), [])
    tap.check("get_multi", client.get_multi(list(values)), values)
    tap.check("get_multi with misses", client.get_multi(["m1", "none", "m2"]),
              {"m1": "v", "m2": "vv"})
    found = client.get_multi(["m1", "m2"], get_cas=True)
    tap.check("get_multi with cas", {key: value for key, (value, _) in found.items()},
              {"m1": "v", "m2": "vv"})
    client.set("m2", "new")
    client.set_multi({(key, found[key][1]): "x" for key in ("m1", "m2")})
    tap.check("set_multi by cas", client.get_multi(["m1", "m2"]), {"m1": "x", "m2": "new"})
    tap.check("delete_multi", client.delete_multi(list(values)), True)
    tap.check("all gone", client.get_multi(list(values)), {})


def expiry(client):
    client.set("t", "x", time=1000)
    tap.check("an expiry to come", client.get("t"), "x")
    client.set("t", "x", time=2600000)
    tap.check("set into 1970", client.get("t"), None)


def large(client):
    chooser = random.Random(1)
    for length in (0, 1, 100, 10000, 900000):
        value = chooser.randbytes(length)
        client.set("large", value, compress_level=0)
        tap.check("set and get %d bytes" % length, client.get("large") == value, True)
    text = "compress me " * 10000
    client.set("large", text)
    tap.check("set and get what can be compressed", client.get("large") == text, True)
    tap.raises("too large a value", MemcachedException, client.set, "large",
               chooser.randbytes((1 << 20) + 1), compress_level=0)
    tap.check("the connection is in order", client.set("large", "x"), True)
    tap.check("a key of 250 bytes", client.set("k" * 250, "x"), True)
    tap.check("comes back", client.get("k" * 250), "x")


def statistics(client):
    stats, = client.stats().values()
    tap.check("stats", int(stats["cmd_get"]) > 0 and int(stats["curr_items"]) > 0, True)
    settings, = client.stats("settings").values()
    tap.check("stats settings", int(settings["maxbytes"]) > 0, True)
    tap.check("flush_all", client.flush_all(), True)
    tap.check("flushed", client.get("a"), None)


def at_once():
    shared = connect()
    shared.set("total", 0)

    def work(name):
        client = connect()
        for n in range(50):
            client.set("p%d" % name, n)
            if client.get("p%d" % name) != n:
                return False
            client.incr("sum", 1, default=1)
            while True:
                value, unique = client.gets("total")
                if client.cas("total", value + 1, unique):
                    break
        return True

    tap.check("processes read their own", tap.processes(4, work), 0)
    tap.check("processes count", shared.incr("sum", 0), 200)
    tap.check("processes add by cas", shared.get("total"), 200)


def wrong_password():
    client = bmemcached.Client(NAMES[:1], OPTIONS["username"], "wrong")
    tap.raises("a wrong password", (MemcachedException, AuthenticationNotSupported),
               client.set, "a", "1")


def restart(client):
    client.set("before", "x")
    tap.restart_server()
    tap.comes("after a restart it works", True, lambda: client.set("after", "y"),
              (MemcachedException, OSError))
    tap.check("it remembers", client.get("after"), "y")
    tap.check("but nothing of before", client.get("before"), None)


def main():
    client = connect()
    for part in (storage, counters, uniques, many, expiry, large, statistics):
        part(client)
    client.set("brief", "x", time=1)
    if tap.MODE == "sasl":
        wrong_password()
    at_once()
    tap.comes("a second later it is gone", None, lambda: client.get("brief"))
    restart(client)
    tap.end()


if __name__ == "__main__":
    main()
