"""Small servers on loopback, and waiting for ports."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def answering(
    serve: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None, *, patience: float = 5
) -> Iterator[int]:
    """A server that runs `serve` with every connection, with a timeout of `patience` seconds; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def work() -> None:
            while True:
                try:
                    taken, _ = listening.accept()
                except OSError:
                    return
                with taken, contextlib.suppress(OSError):
                    taken.settimeout(patience)
                    with taken if tls is None else tls.wrap_socket(taken, server_side=True) as secured:
                        serve(secured)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def free_port() -> int:
    """A port that is free, and that no other worker of this run gets."""
    while True:
        port = next(_ports())
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            return port


@functools.cache
def _ports() -> Iterator[int]:
    """The ports of a worker, below the system's ephemeral range; each run starts at a different one."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = 10_000 + worker % 5 * 4_000
    start = random.randrange(4_000)
    return itertools.cycle([*range(first + start, first + 4_000), *range(first, first + start)])


def wait_for_port(port: int, *, within: float = 60) -> None:
    """Wait until the port accepts connections."""
    deadline = time.monotonic() + within
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return
