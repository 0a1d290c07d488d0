# SPDX-License-Identifier: BSD-3-Clause
"""tap.py - the Test Anything Protocol for the clients in Python.

    tap.check(name, got, want)
    tap.raises(name, exception, function, arguments...)
    tap.end()                   the last thing that a program does
"""
import os
import signal
import sys
import time

MODE = sys.argv[1]
SERVERS = [(host, int(port)) for host, port in
           (server.rsplit(":", 1) for server in sys.argv[2:])]
PATIENCE = 20

count = 0
failures = 0


def check(name, got, want):
    global count, failures
    count += 1
    if got == want:
        print("ok %d - %s" % (count, name))
        return
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


def skip_all(why):
    print("1..0 # SKIP " + why)
    sys.exit(0)


def end():
    print("1..%d" % count)
    sys.exit(1 if failures else 0)


def restart_server():
    """End the first server and wait until it has gone; it will come back."""
    pid = int(os.environ["CAIRN_PID"])
    os.kill(pid, signal.SIGTERM)
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.01)


def comes(name, want, function, exceptions=()):
    """Call the function until it gives this, but not for ever."""
    give_up = time.monotonic() + PATIENCE
    got = None
    while time.monotonic() < give_up:
        try:
            got = function()
        except exceptions as error:
            got = error
        if got == want:
            break
        time.sleep(0.02)
    check(name, got, want)


def processes(number, work):
    """Run work(n) in so many processes; how many of them failed."""
    children = []
    sys.stdout.flush()
    for n in range(number):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = 0 if work(n) else 1
            finally:
                os._exit(status)
        children.append(pid)
    return sum(os.waitpid(pid, 0)[1] != 0 for pid in children)
