"""Small servers on loopback, and ports that are waited for."""

from __future__ import annotations

import contextlib
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
    """A server that does this with every connection, which is given up after `patience` seconds; its port."""
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


def wait_for_port(port: int, *, within: float = 60) -> None:
    """Until somebody listens there."""
    deadline = time.monotonic() + within
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return
