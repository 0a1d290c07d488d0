#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""redis_py_server.py - what redis-py asks a server about itself.

    redis_py_server.py text|login HOST:PORT

With login it is the user CAIRN_USER with the password CAIRN_PASSWORD. RESP3
is spoken, too, by a version that can.
"""
import os

import tap

try:
    import redis
except ImportError:
    tap.skip_all("redis-py is not installed")

HOST, PORT = tap.SERVERS[0]
LOGIN = {}
if tap.MODE == "login":
    LOGIN = {"username": os.environ["CAIRN_USER"],
             "password": os.environ["CAIRN_PASSWORD"]}


def client(**options):
    return redis.Redis(host=HOST, port=PORT, socket_timeout=20,
                       **{**LOGIN, **options})


def handshake(version, **options):
    with_name = client(client_name="py", db=3, **options)
    tap.check(version + "a database of its own", with_name.set("k", "v"), True)
    tap.check(version + "the name", with_name.client_getname(), "py")
    me = with_name.client_info()
    tap.check(version + "the connection is described",
              (me["name"], str(me["db"]), me["user"]),
              ("py", "3", LOGIN.get("username", "default")))
    tap.check(version + "and listed",
              [c["db"] for c in with_name.client_list()
               if c["id"] == me["id"] or int(c["id"]) == int(me["id"])],
              ["3"])
    tap.check(version + "keys by database",
              with_name.info("keyspace")["db3"]["keys"], 1)
    tap.check(version + "who is it", with_name.acl_whoami() in
              (me["user"], me["user"].encode()), True)


def about_the_server():
    r = client()
    info = r.info()
    tap.check("it is no replica", info["role"], "master")
    tap.check("it is not loading", info["loading"], 0)
    tap.check("clients are counted", info["connected_clients"] > 0, True)
    tap.check("options", r.config_get("databases"), {"databases": "16"})
    tap.check("an option is changed", r.config_set("loglevel", "notice"), True)
    tap.raises("or cannot be", redis.ResponseError, r.config_set,
               "databases", "4")
    tap.check("commands are counted", r.command_count(), len(r.command()))
    tap.check("slow calls", r.slowlog_len(), len(r.slowlog_get(128)))
    tap.check("the encoding", (r.set("n", 1), r.object("encoding", "n"))[1],
              b"int")
    tap.check("memory", r.memory_usage("n") > 0, True)
    tap.check("the time", len(r.time()), 2)


def strangers():
    tap.raises("nobody is let in without a password",
               redis.AuthenticationError, client(
                   username=None, password=None).ping)
    tap.raises("nor with a wrong one", redis.RedisError,
               client(password="no").ping)


handshake("")
if int(redis.__version__.split(".")[0]) >= 5:
    handshake("RESP3: ", protocol=3)
about_the_server()
if LOGIN:
    strangers()
tap.end()
