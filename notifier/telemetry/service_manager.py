"""Notification of the service manager, usually systemd (sd_notify(3))."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

from notifier.telemetry.logging import get

log = get("notifier.app")


class ServiceManager:
    """The manager named by the environment, if there is one.

    `watchdog_s` is the interval in seconds at which it expects a keep-alive, None if it expects none.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.watchdog_s = _watchdog_seconds(environ) if self.listens else None

    @property
    def listens(self) -> bool:
        """Whether there is a manager to notify."""
        return self._address is not None

    def tell(self, **states: str) -> None:
        """Send the states in one datagram: `ready="1"` is sent as `READY=1`.

        Errors are logged and otherwise ignored.
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
        """Announce that the configuration is being reloaded; `ready` announces the end."""
        self.tell(reloading="1", monotonic_usec=str(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000))


def _address(named: str) -> str | bytes | None:
    """The address of the socket: a path, or with `@` an abstract name. None if it is invalid."""
    if named.startswith("@"):
        return b"\0" + named[1:].encode()
    return named if named.startswith("/") else None


def _watchdog_seconds(environ: Mapping[str, str]) -> float | None:
    """`WATCHDOG_USEC` in seconds, if `WATCHDOG_PID` is unset or names this process."""
    interval, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not interval.isdecimal() or int(interval) == 0 or pid not in {"", str(os.getpid())}:
        return None
    return int(interval) / 1_000_000
