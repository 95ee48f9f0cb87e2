"""What a service manager is told by a real process: ready, alive, reloading, stopping; and that it restarts nothing."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notifier.telemetry.service_manager import ServiceManager
from tests.processes import Service

SETTINGS: dict[str, Any] = {"channels": {"out": {"type": "console"}}, "route": {"channels": ["out"]}}


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """A manager's socket, in the abstract namespace as systemd's user instances have it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0notifier-test-{os.getpid()}-{tmp_path.name}")
        listening.settimeout(20)
        yield listening


def named(manager: socket.socket) -> str:
    address: bytes = manager.getsockname()
    return "@" + address[1:].decode()


def hears(manager: socket.socket, wanted: str) -> list[str]:
    """The lines of the first datagram that has this one."""
    while True:
        lines = manager.recv(4_096).decode().splitlines()
        if wanted in lines:
            return lines


def test_a_life_as_its_manager_sees_it(tmp_path: Path, manager: socket.socket) -> None:
    """READY once it serves, signs of life, a reload between RELOADING and READY, and STOPPING."""
    environ = {"NOTIFY_SOCKET": named(manager), "WATCHDOG_USEC": "300000"}
    with Service(tmp_path, SETTINGS, environ=environ) as service:
        assert "STATUS=serving" in hears(manager, "READY=1")
        for _ in range(3):
            hears(manager, "WATCHDOG=1")
        assert service.process is not None
        service.process.send_signal(signal.SIGHUP)
        [moment] = [line for line in hears(manager, "RELOADING=1") if line.startswith("MONOTONIC_USEC=")]
        assert int(moment.partition("=")[2]) > 0
        hears(manager, "READY=1")
        service.process.send_signal(signal.SIGTERM)
        hears(manager, "STOPPING=1")
        assert service.stop() == 0


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "30000000", "NOTIFY_SOCKET": ""}, None),
        ({}, None),
    ],
)
def test_how_often_it_wants_a_sign(environ: dict[str, str], seconds: float | None) -> None:
    """Only where it asks this process, and can be told."""
    assert ServiceManager({"NOTIFY_SOCKET": "/run/nobody", **environ}).watchdog_s == seconds


@pytest.mark.parametrize("address", ["", "vsock:2:1", "/nowhere/notify", "@nobody-listens"])
def test_who_cannot_be_told_ends_nothing(address: str) -> None:
    """No manager, one of another kind, and one that has gone."""
    ServiceManager({"NOTIFY_SOCKET": address}).tell(ready="1")
