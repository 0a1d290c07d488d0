#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""pymemcache_mixed.py - talk to servers the way pymemcache does.

    pymemcache_mixed.py text|login|tls HOST:PORT HOST:PORT

With login each connection names itself, with the name and the password that
the environment has in CAIRN_USER and CAIRN_PASSWORD; with tls the servers
must have a certificate of CAIRN_CA.
"""
import json
import os
import random
import ssl
import threading

import tap

try:
    from pymemcache import serde
    from pymemcache.client.base import Client, PooledClient
    from pymemcache.client.hash import HashClient
    from pymemcache.exceptions import (
        MemcacheClientError,
        MemcacheError,
        MemcacheIllegalInputError,
        MemcacheServerError,
    )
except ImportError:
    tap.skip_all("pymemcache is not installed")

OPTIONS = {"connect_timeout": 10, "timeout": 10}
if tap.MODE == "tls":
    OPTIONS["tls_context"] = ssl.create_default_context(cafile=os.environ["CAIRN_CA"])


class NamedClient(Client):
    """A client each of whose connections logs in."""

    password = os.environ.get("CAIRN_PASSWORD")

    def _connect(self):
        super()._connect()
        words = "%s %s" % (os.environ["CAIRN_USER"], self.password)
        self.sock.sendall(("set login 0 0 %d\r\n%s\r\n" % (len(words), words)).encode())
        reply = self.sock.recv(100)
        if reply != b"STORED\r\n":
            self.close()
            raise MemcacheClientError(reply)


class WrongClient(NamedClient):
    password = "wrong"


CLIENT = NamedClient if tap.MODE == "login" else Client


class Pool(PooledClient):
    client_class = CLIENT


class Ring(HashClient):
    client_class = CLIENT


def connect(address, kind=CLIENT, **options):
    return kind(address, **{**OPTIONS, **options})


def storage(client):
    tap.check("set", client.set("a", "1", noreply=False), True)
    tap.check("get", client.get("a"), b"1")
    tap.check("get of a missing key", client.get("none"), None)
    tap.check("get with a default", client.get("none", default=7), 7)
    tap.check("add to a key that is there", client.add("a", "2", noreply=False), False)
    tap.check("add", client.add("b", "2", noreply=False), True)
    tap.check("replace", client.replace("b", "3", noreply=False), True)
    tap.check("replace nothing", client.replace("none", "3", noreply=False), False)
    tap.check("append", client.append("b", "4", noreply=False), True)
    tap.check("prepend", client.prepend("b", "2", noreply=False), True)
    tap.check("the result", client.get("b"), b"234")
    tap.check("append to nothing", client.append("none", "4", noreply=False), False)
    tap.check("prepend to nothing", client.prepend("none", "4", noreply=False), False)
    client.set("quiet", "x", noreply=True)
    tap.check("set without a reply", client.get("quiet"), b"x")
    tap.check("an empty value", client.set("empty", b"", noreply=False), True)
    tap.check("comes back", client.get("empty"), b"")
    tap.check("set with flags", client.set("flags", "x", noreply=False, flags=2**32 - 1), True)
    tap.check("a value that looks like a reply",
          client.set("reply", b"x\r\nEND\r\nVALUE reply 0 1\r\ny", noreply=False), True)
    tap.check("comes back", client.get("reply"), b"x\r\nEND\r\nVALUE reply 0 1\r\ny")


def deletion(client):
    client.set("gone", "x", noreply=False)
    tap.check("delete", client.delete("gone", noreply=False), True)
    tap.check("delete again", client.delete("gone", noreply=False), False)
    client.set("gone", "x", noreply=False)
    client.delete("gone", noreply=True)
    tap.check("delete without a reply", client.get("gone"), None)
    client.set_many({"d%d" % n: "x" for n in range(10)}, noreply=False)
    tap.check("delete_many", client.delete_many(["d%d" % n for n in range(10)],
                                            noreply=False), True)
    tap.check("all gone", client.get_many(["d%d" % n for n in range(10)]), {})


def counters(client):
    client.set("n", "10", noreply=False)
    tap.check("incr", client.incr("n", 5), 15)
    tap.check("decr", client.decr("n", 7), 8)
    tap.check("decr to 0", client.decr("n", 100), 0)
    tap.check("incr nothing", client.incr("none", 1), None)
    tap.check("decr nothing", client.decr("none", 1), None)
    client.incr("n", 3, noreply=True)
    tap.check("incr without a reply", client.incr("n", 0), 3)
    client.set("n", str(2**64 - 1), noreply=False)
    tap.check("incr wraps", client.incr("n", 2), 1)
    client.set("word", "abc", noreply=False)
    tap.raises("incr of a word", MemcacheClientError, client.incr, "word", 1)
    tap.check("the connection is in order", client.get("word"), b"abc")


def uniques(client):
    client.set("c", "1", noreply=False)
    value, unique = client.gets("c")
    tap.check("gets", value, b"1")
    tap.check("cas", client.cas("c", "2", unique, noreply=False), True)
    tap.check("cas again", client.cas("c", "3", unique, noreply=False), False)
    tap.check("cas of nothing", client.cas("none", "3", unique, noreply=False), None)
    tap.check("the value", client.get("c"), b"2")
    tap.check("gets of nothing", client.gets("none"), (None, None))
    many = client.gets_many(["c", "none", "a"])
    tap.check("gets_many", sorted((k, v[0]) for k, v in many.items()),
          [("a", b"1"), ("c", b"2")])


def many(client):
    values = {"m%d" % n: b"v" * n for n in range(200)}
    tap.check("set_many", client.set_many(values, noreply=False), [])
    tap.check("get_many", client.get_many(list(values)), values)
    tap.check("get_many with misses", client.get_many(["m1", "none", "m2"]),
          {"m1": b"v", "m2": b"vv"})


def expiry(client):
    tap.check("an expiry to come", client.set("t", "x", expire=1000, noreply=False), True)
    tap.check("is there", client.get("t"), b"x")
    tap.check("touch", client.touch("t", expire=100, noreply=False), True)
    tap.check("touch nothing", client.touch("none", expire=100, noreply=False), False)
    tap.check("touch into the past", client.touch("t", expire=-1, noreply=False), True)
    tap.check("expires", client.get("t"), None)
    client.set("t", "x", expire=-1, noreply=False)
    tap.check("set into the past", client.get("t"), None)
    if hasattr(client, "gat"):
        client.set("t", "x", noreply=False)
        tap.check("gat", client.gat("t", expire=1000), b"x")
        tap.check("gats", client.gats("t", expire=0)[0], b"x")
        tap.check("gat of nothing", client.gat("none", expire=0), None)


def large(client):
    chooser = random.Random(1)
    for length in (0, 1, 100, 1023, 4096, 10000, 16384, 65536, 900000, 1000000):
        value = chooser.randbytes(length)
        tap.check("set %d bytes" % length, client.set("large", value, noreply=False), True)
        tap.check("get %d bytes" % length, client.get("large") == value, True)
    tap.raises("too large a value", MemcacheServerError,
           client.set, "large", b"x" * ((1 << 20) + 1), noreply=False)
    tap.check("the old one is gone", client.get("large"), None)
    tap.check("a key of 250 bytes", client.set("k" * 250, "x", noreply=False), True)
    tap.raises("a key of 251 bytes", MemcacheIllegalInputError,
           client.set, "k" * 251, "x", noreply=False)


def server(client):
    tap.check("version", client.version()[:1].isdigit(), True)
    stats = client.stats()
    tap.check("stats", stats[b"cmd_get"] > 0 and stats[b"curr_items"] > 0, True)
    tap.check("stats settings", client.stats("settings")[b"maxbytes"] > 0, True)
    if hasattr(client, "cache_memlimit"):
        tap.check("cache_memlimit", client.cache_memlimit(100), True)
    tap.check("flush_all", client.flush_all(noreply=False), True)
    tap.check("flushed", client.get("a"), None)


def threads(address):
    """Four threads with a pool of connections mind their own keys."""
    pool = Pool(address, max_pool_size=4, no_delay=True, **OPTIONS)
    pool.set("sum", "0", noreply=False)
    wrong = []

    def work(name):
        for n in range(200):
            key = "%s.%d" % (name, n % 20)
            pool.set(key, "%s %d" % (name, n), noreply=False)
            if pool.get(key) != ("%s %d" % (name, n)).encode():
                wrong.append(key)
            pool.incr("sum", 1)

    workers = [threading.Thread(target=work, args=("w%d" % n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    tap.check("threads with a pool read their own", wrong, [])
    tap.check("threads with a pool count", pool.get("sum"), b"800")
    pool.close()


def compare_and_set_at_once(address):
    """Processes that add by gets and cas lose nothing."""
    shared = connect(address)
    shared.set("total", "0", noreply=False)

    def work(_):
        client = connect(address, no_delay=True)
        for _ in range(100):
            while True:
                value, unique = client.gets("total")
                if client.cas("total", str(int(value) + 1), unique, noreply=False):
                    break
        return True

    tap.check("processes add by cas", tap.processes(4, work), 0)
    tap.check("and lose nothing", shared.get("total"), b"400")
    shared.close()


def as_json(_, value):
    return json.dumps(value).encode(), 4


def from_json(_, value, flags):
    return json.loads(value) if flags == 4 else value


def serializers(address):
    things = {"list": [1, "two", {"three": 3.0}], "none": None, "text": "grün",
              "number": 42, "long": "x" * 20000}
    bytes_too = dict(things, bytes=b"\x00\xff\r\n")
    for name, values, options in (
            ("pickle", bytes_too, {"serde": serde.pickle_serde}),
            ("JSON", things, {"serializer": as_json, "deserializer": from_json})):
        client = connect(address, **options)
        tap.check(name + ": all is stored", client.set_many(values, noreply=False), [])
        tap.check(name + ": comes back as it was", client.get_many(list(values)), values)
        client.close()


def unicode_keys(address):
    client = connect(address, allow_unicode_keys=True, encoding="utf-8")
    tap.check("set a key in Greek", client.set("κλειδί", "τιμή", noreply=False), True)
    tap.check("get it", client.get("κλειδί"), "τιμή".encode())
    tap.check("many of them", client.get_many(["κλειδί", "άλλο"]),
              {"κλειδί": "τιμή".encode()})
    client.close()


def prefix_and_no_delay(address):
    client = connect(address, no_delay=True, default_noreply=False, key_prefix=b"p:")
    tap.check("set with a prefix", client.set("a", "1"), True)
    tap.check("get with a prefix", client.get("a"), b"1")
    client.quit()


def two_servers(addresses):
    """Keys are spread over both, and each has what the other has not."""
    both = Ring(addresses, **OPTIONS)
    values = {"spread%d" % n: ("value %d" % n).encode() for n in range(500)}
    tap.check("two servers: set_many", both.set_many(values, noreply=False), [])
    tap.check("two servers: get_many", both.get_many(list(values)), values)
    halves = []
    for address in addresses:
        one = connect(address)
        halves.append(set(one.get_many(list(values))))
        one.close()
    tap.check("two servers: both have some", [len(half) > 100 for half in halves],
              [True, True])
    tap.check("two servers: none has another's", halves[0] & halves[1], set())
    tap.check("two servers: one is touched",
              both.touch("spread1", expire=100, noreply=False), True)
    tap.check("two servers: delete_many",
              both.delete_many(list(values)[:250], noreply=False), True)
    tap.check("two servers: the rest is there", both.get_many(list(values)),
              dict(list(values.items())[250:]))
    both.flush_all(noreply=False)
    tap.check("two servers: flush_all", both.get_many(list(values)), {})
    both.close()


def restart(address):
    client = connect(address)
    client.set("before", "x", noreply=False)
    tap.restart_server()
    errors = (MemcacheError, OSError)
    tap.comes("after a restart the cache is empty", None,
              lambda: client.get("before"), errors)
    tap.check("and works", (client.set("after", "y", noreply=False), client.get("after")),
              (True, b"y"))
    client.close()


def strangers(address):
    for name, kind in (("a stranger", Client), ("a wrong password", WrongClient)):
        client = connect(address, kind)
        tap.raises(name + " may not get", MemcacheClientError, client.get, "a")
        tap.raises(name + " may not set", MemcacheClientError, client.set, "a", "1",
                   noreply=False)
        client.close()


def unknown_certificate(address):
    client = connect(address, tls_context=ssl.create_default_context())
    tap.raises("a certificate must be known", ssl.SSLError, client.get, "a")


def main():
    address = tap.SERVERS[0]
    if tap.MODE == "login":
        strangers(address)
    if tap.MODE == "tls":
        unknown_certificate(address)
    client = connect(address)
    for part in (storage, deletion, counters, uniques, many, expiry, large, server):
        part(client)
    client.close()
    serializers(address)
    unicode_keys(address)
    prefix_and_no_delay(address)
    two_servers(tap.SERVERS)
    brief = connect(address)
    brief.set("brief", "x", expire=1, noreply=False)
    threads(address)
    compare_and_set_at_once(address)
    tap.comes("a second later it is gone", None, lambda: brief.get("brief"))
    brief.close()
    restart(address)
    tap.end()


if __name__ == "__main__":
    main()
