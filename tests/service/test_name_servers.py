"""A name whose servers do not answer holds up the deliveries to itself, and nobody else's."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from notifier.testing import WebhookReceiver
from tests.processes import clean_environ, eventually
from tests.sockets import free_port

MUTE = 3
"""Names that nobody answers for; with several deliveries each they fill any pool of threads."""


def answer(query: bytes) -> bytes | None:
    """This machine's address for every name; None for those that nobody answers for."""
    end = query.index(b"\0", 12)
    if query[13:].startswith(b"mute"):
        return None
    (kind,) = struct.unpack(">H", query[end + 1 : end + 3])
    head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, int(kind == 1), 0, 0) + query[12 : end + 5]
    record = struct.pack(">HHHIH", 0xC00C, 1, 1, 1, 4) + socket.inet_aton("127.0.0.1")
    return head + record if kind == 1 else head


@contextmanager
def name_server() -> Iterator[str]:
    """A name server's address; skips where nobody may be one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        for last in range(2, 250):
            with suppress(OSError):
                server.bind((f"127.0.9.{last}", 53))
                break
        else:
            pytest.skip("no name server may listen here")

        def serve() -> None:
            with suppress(OSError):
                while True:
                    query, sender = server.recvfrom(512)
                    said = answer(query)
                    if said is not None:
                        server.sendto(said, sender)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[0]
        server.close()


def configuration(folder: Path, port: int, hook: WebhookReceiver) -> Path:
    address = hook.url.partition("127.0.0.1")[2]
    names = [f"mute{number}" for number in range(MUTE)] + [f"fine{number}" for number in range(3)]
    routes: list[dict[str, Any]] = [{"match": [f'to="{name}"'], "channels": [name]} for name in names[MUTE:]]
    document = {
        "server": {"port": port},
        "database": {"url": f"sqlite:///{folder}/notifier.db"},
        "channels": {name: {"type": "webhook", "url": f"http://{name}.test{address}"} for name in names},
        "route": {
            "channels": names[:MUTE],
            "group_by": ["incident"],
            "group_wait": "0s",
            "routes": routes,
        },
        "delivery": {"allow_private_addresses": True},
    }
    path = folder / "notifier.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_a_name_that_nobody_answers_for_holds_up_no_other(tmp_path: Path) -> None:
    """Others hear at once, and the service ends in time."""
    if shutil.which("unshare") is None:
        pytest.skip("nothing here can give a process its own name server")
    port = free_port()
    with name_server() as address, WebhookReceiver() as hook:
        config, resolver, out = configuration(tmp_path, port, hook), tmp_path / "resolv", tmp_path / "out"
        resolver.write_text(f"nameserver {address}\noptions timeout:5 attempts:3\n")
        script = 'mount --bind "$1" /etc/resolv.conf || exit 77; shift; exec "$@"'
        serving = [sys.executable, "-m", "notifier.cli", "serve", "--config", str(config)]
        command = ["unshare", "-m", "sh", "-c", script, "sh", str(resolver), *serving]
        with out.open("wb") as stdout:
            process = subprocess.Popen(command, stdout=stdout, stderr=stdout, env=clean_environ())
        try:
            eventually(lambda: process.poll() is not None or "\nntf_" in out.read_text())
            if process.poll() is not None:
                pytest.skip("this machine allows no mount")
            key = next(line for line in out.read_text().splitlines() if line.startswith("ntf_"))
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {key}"}, timeout=30
            ) as client:
                eventually(lambda: is_ready(client))
                for number in range(12):
                    post(client, f"mute {number}", "")
                time.sleep(1)
                for number in range(3):
                    begun = time.monotonic()
                    post(client, f"fine {number}", f"fine{number}")
                    eventually(lambda number=number: len(hook.requests) == number + 1, within=40)
                    assert time.monotonic() - begun < 10
            process.terminate()
            assert process.wait(40) == 0
        finally:
            process.kill()
            process.wait()


def post(client: httpx.Client, fingerprint: str, to: str) -> None:
    event = {
        "service": "billing",
        "message": "it broke",
        "fingerprint": [fingerprint],
        "labels": {"to": to or "mute"},
    }
    assert client.post("/v1/events", json=event).status_code == 202


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
