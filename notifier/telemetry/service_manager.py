"""The service manager that started the process, systemd as a rule, and what it is told (sd_notify(3))."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

from notifier.telemetry.logging import get

log = get("notifier.app")


class ServiceManager:
    """The manager that the environment names; without one, nothing is told.

    `watchdog_s` is how often the manager wants a sign of life, in seconds; None: it does not want any.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.watchdog_s = _watchdog_seconds(environ) if self.listens else None

    @property
    def listens(self) -> bool:
        """Whether there is a manager to tell."""
        return self._address is not None

    def tell(self, **states: str) -> None:
        """Send the states in one datagram, in lower case as they are named here: `ready="1"` is `READY=1`.

        A manager that does not listen is logged; it ends nothing.
        """
        if self._address is None:
            return
        text = "\n".join(f"{name.upper()}={value}" for name, value in states.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.setblocking(False)
                channel.sendto(text.encode(), self._address)
        except OSError as error:
            log.warning("service_manager_not_told", problem=error.strerror or type(error).__name__)

    def reloading(self) -> None:
        """The configuration is read anew; `ready` says that it is done."""
        self.tell(reloading="1", monotonic_usec=str(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000))


def _address(named: str) -> str | bytes | None:
    """The socket's address: a path, or with `@` a name in the abstract namespace. None: it is no address of ours."""
    if named.startswith("@"):
        return b"\0" + named[1:].encode()
    return named if named.startswith("/") else None


def _watchdog_seconds(environ: Mapping[str, str]) -> float | None:
    """`WATCHDOG_USEC`, where `WATCHDOG_PID` names this process or nobody."""
    interval, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not interval.isdecimal() or int(interval) == 0 or pid not in {"", str(os.getpid())}:
        return None
    return int(interval) / 1_000_000
