"""An output that nobody reads, or that has no room, costs lines and never the service."""

from __future__ import annotations

import logging
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from notifier.channels.console import ConsoleChannel
from notifier.domain.delivery import Outcome, Thread
from notifier.domain.errors import SendError
from notifier.telemetry.nonblocking_output import KEPT_BYTES, LogOutput, OutputDescriptor
from notifier.testing import WebhookReceiver
from notifier.testing.messages import message
from tests.processes import clean_environ, eventually
from tests.sockets import free_port

LINE = "x" * 199


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("notifier.test", logging.INFO, "", 0, text, (), None)


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    try:
        yield reader, writer
    finally:
        os.close(reader)
        os.close(writer)


def read(descriptor: int, size: int) -> bytes:
    got = b""
    while len(got) < size:
        got += os.read(descriptor, 65536)
    return got


def test_lines_wait_for_a_reader_and_come_in_order_and_whole() -> None:
    """A pipe takes 64 KB; a megabyte more waits without holding up who logs."""
    with pipe() as (reader, writer):
        output = LogOutput(OutputDescriptor(writer))
        lines = [f"{number:05d} {LINE}" for number in range(4_000)]
        lines.append("long " + LINE * 100)
        begun = time.monotonic()
        for line in lines:
            output.emit(record(line))
        assert time.monotonic() - begun < 10
        expected = ("\n".join(lines) + "\n").encode()
        assert read(reader, len(expected)) == expected


def test_what_is_too_much_is_counted_and_said() -> None:
    """Lines beyond the bound are left out, and the log says how many once it is read."""
    with pipe() as (reader, writer):
        output = LogOutput(OutputDescriptor(writer))
        logger = logging.getLogger("notifier.telemetry")
        logger.addHandler(output)
        try:
            many = 2 * KEPT_BYTES // 200
            for _ in range(many):
                output.emit(record(LINE))
            got = b""
            while b"log_lines_left_out" not in got:
                got += os.read(reader, 65536)
        finally:
            logger.removeHandler(output)
        whole, _, said = got.partition(b"log_lines_left_out: ")
        assert whole.count(b"x\n") + int(said) == many


def test_a_file_without_room_costs_lines(tmp_path: Path) -> None:
    """A line that comes once there is room stands in a line of its own."""
    program = (
        "import logging, os, signal, sys;"
        "from notifier.telemetry.nonblocking_output import LogOutput, OutputDescriptor;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); out = LogOutput(OutputDescriptor(2));"
        "logging.getLogger().addHandler(out);"
        "[logging.warning('a' * 99) for _ in range(20)]; os.ftruncate(2, 0); os.lseek(2, 0, 0); logging.warning('b')"
    )
    log = tmp_path / "log"
    with log.open("wb") as file:
        command = [sys.executable, "-c", program]
        done = subprocess.run(
            command,
            stderr=file,
            check=False,
            timeout=60,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_050, 1_050)),
        )
    assert done.returncode == 0
    assert log.read_text().split() == ["b", "log_lines_left_out:", "10"]


@pytest.mark.anyio
async def test_a_terminal_that_stands_still_costs_an_attempt() -> None:
    """The console's message is tried again once its output is read."""
    with pipe() as (reader, writer), os.fdopen(os.dup(writer), "w") as stream:
        channel = ConsoleChannel(stream=stream)
        os.set_blocking(writer, False)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
        os.set_blocking(writer, True)
        with pytest.raises(SendError) as refused:
            await channel.send(message(), target="stdout", thread=Thread(id="t"))
        assert refused.value.outcome is Outcome.TRANSIENT
        threading.Thread(target=os.read, args=(reader, 1 << 20)).start()
        await channel.send(message(), target="stdout", thread=Thread(id="t"))


def test_a_service_whose_log_nobody_reads_goes_on(tmp_path: Path) -> None:
    """It takes events, tells of them, and ends when it is asked to."""
    port, url = free_port(), f"sqlite:///{tmp_path}/notifier.db"
    with pipe() as (_, writer), WebhookReceiver() as hook:
        settings = {
            "server": {"port": port},
            "database": {"url": url},
            "channels": {"hook": {"type": "webhook", "url": hook.url}},
            "route": {"channels": ["hook"], "group_by": ["incident"], "group_wait": "0s"},
            "delivery": {"allow_private_addresses": True},
        }
        config, out = tmp_path / "notifier.yaml", tmp_path / "out"
        config.write_text(yaml.safe_dump(settings))
        command = [sys.executable, "-m", "notifier.cli", "serve", "--config", str(config)]
        with out.open("wb") as stdout:
            process = subprocess.Popen(command, stdout=stdout, stderr=writer, env=clean_environ())
        try:
            eventually(lambda: "ntf_" in out.read_text())
            key = next(line for line in out.read_text().splitlines() if line.startswith("ntf_"))
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {key}"}, timeout=30
            ) as client:
                eventually(lambda: _is_ready(client))
                for number in range(200):
                    event = {"service": "billing", "message": "it broke", "fingerprint": [str(number)]}
                    assert client.post("/v1/events", json=event).status_code == 202
            eventually(lambda: len(hook.requests) == 200)
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.wait()


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
