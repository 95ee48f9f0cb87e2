"""The measured servers: notifier, the two baselines and Alertmanager, each a process on the server's core."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import payload
from tests.bench.machine import pinned
from tests.bench.payload import ALERT_FORM, EVENT_FORM, Form
from tests.bench.wire import HOST, get
from tests.processes import clean_environ
from tests.sockets import free_port

ROOT = Path(__file__).parents[2]
STARTS_WITHIN_S = 60.0
STOPS_WITHIN_S = 40.0
ADOPTION_INTERVAL_S = 0.005

NOTIFIER = "notifier"
BARE = "bare ASGI"
VALIDATING = "FastAPI"
ALERTMANAGER = "Alertmanager"

_KEY = re.compile(r"ntf_[A-Za-z0-9]{32,}")


class DidNotStart(Exception):
    """A measured server ended or did not answer. The text has its last output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """The grouping options of both alerting services, so that they do the same work."""

    by_incident: bool = False
    wait: str = "10s"


@dataclass(slots=True, kw_only=True)
class Subject:
    """A running server, and the form of its requests.

    `sent` counts the events that it has acknowledged. A `forgetful` one stores nothing, so it may get the same requests
    repeatedly. `gzip` compresses bodies. `kind` is their content type, and `between` separates the events of a body
    that is no array.
    """

    name: str
    process: subprocess.Popen[bytes]
    port: int
    core: int
    ready_seconds: float
    key: str = "ntf_none"
    form: Form = EVENT_FORM
    path: str = "/v1/events"
    batch_path: str = "/v1/events"
    always_array: bool = False
    accepted: int = 202
    database: Path | None = None
    forgetful: bool = False
    gzip: bool = False
    kind: str = "application/json"
    between: bytes = b","
    sent: int = 0

    def requests(self, tokens: Iterator[bytes], *, batch: int, count: int) -> list[bytes]:
        """The next `count` requests of `batch` events each, as bytes."""
        array = self.always_array or (batch > 1 and self.between == b",")
        path = self.path if batch == 1 else self.batch_path
        bodies = (
            payload.body(self.form, tokens, batch, array=array, between=self.between) for _ in range(count)
        )
        packed = map(gzip.compress, bodies) if self.gzip else bodies
        more = "Content-Encoding: gzip\r\n" if self.gzip else ""
        return [payload.head(self.port, path, self.key, len(body), more, self.kind) + body for body in packed]

    @property
    def expected(self) -> bytes:
        return str(self.accepted).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stable:
    """The environment of started servers: their core, a folder, and the receiver that they notify."""

    core: int
    folder: Path
    receiver_port: int
    _names: Iterator[int] = field(default_factory=lambda: iter(range(1_000_000)))

    def box(self, name: str) -> Path:
        """A new folder for one process."""
        folder = self.folder / f"{name.replace(' ', '-')}-{next(self._names)}"
        folder.mkdir()
        return folder


def alertmanager_program() -> str | None:
    """Debian's program name, or upstream's; None if it is not installed."""
    return shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")


def alertmanager_version(program: str) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"version ([0-9]+\.[0-9]+)", said.stdout + said.stderr)
    return found[1] if found else "of unknown version"


@asynccontextmanager
async def notifier(
    stable: Stable,
    grouping: Grouping,
    *,
    box: Path | None = None,
    wrapper: Sequence[str] = ("-m", "notifier.cli"),
    changes: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Subject]:
    """`notifier serve` on SQLite, with the receiver as its channel. A reused `box` keeps its database.

    `wrapper` is what Python runs instead of the command line. `changes` replace whole sections of the configuration,
    `environ` is added to the environment.
    """
    folder = box or stable.box(NOTIFIER)
    port = free_port()
    config = folder / "notifier.yaml"
    document = {**_service_config(stable, grouping, folder, port), **(changes or {})}
    config.write_text(json.dumps(document), encoding="utf-8")
    command = [sys.executable, *wrapper, "serve", "--config", str(config)]
    async with running(command, folder, stable.core, added=environ) as (process, started):
        ready = await until_ready(process, folder, port, "/readyz", started)
        key = _KEY.search((folder / "stdout").read_text(encoding="utf-8"))
        yield Subject(
            name=NOTIFIER,
            process=process,
            port=port,
            core=stable.core,
            ready_seconds=ready,
            key=key[0] if key else "ntf_none",
            database=None if "database" in (changes or {}) else folder / "notifier.db",
        )


def _service_config(stable: Stable, grouping: Grouping, folder: Path, port: int) -> dict[str, Any]:
    plenty = "100000000/minute"
    return {
        "server": {"host": HOST, "port": port},
        "database": {"url": f"sqlite:///{folder / 'notifier.db'}", "max_size": "50GB"},
        "channels": {"sink": {"type": "webhook", "url": f"http://{HOST}:{stable.receiver_port}/"}},
        "route": {
            "channels": ["sink"],
            "group_by": ["incident"] if grouping.by_incident else ["service", "environment"],
            "group_wait": grouping.wait,
        },
        "delivery": {"allow_private_addresses": True},
        "ingest": {"rate_limit": plenty, "new_incidents": plenty},
    }


@asynccontextmanager
async def baseline(stable: Stable, name: str) -> AsyncIterator[Subject]:
    """The bare callable, or the endpoint that only validates."""
    folder = stable.box(name)
    command = [sys.executable, "-m", "tests.bench.baselines", "bare" if name == BARE else "validating"]
    async with running(command, folder, stable.core) as (process, started):
        port = await _printed_port(process, folder, started)
        path = "/" if name == BARE else "/openapi.json"
        ready = await until_ready(process, folder, port, path, started, any_status=True)
        yield Subject(
            name=name,
            process=process,
            port=port,
            core=stable.core,
            ready_seconds=ready,
            batch_path="/v1/batches",
            forgetful=True,
        )


@asynccontextmanager
async def alertmanager(stable: Stable, grouping: Grouping) -> AsyncIterator[Subject]:
    """An Alertmanager without a cluster, with the receiver as its channel."""
    program = alertmanager_program()
    assert program is not None
    folder = stable.box(ALERTMANAGER)
    port = free_port()
    config = folder / "alertmanager.yml"
    config.write_text(json.dumps(_alertmanager_config(stable, grouping)), encoding="utf-8")
    command = [
        program,
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={HOST}:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    async with running(command, folder, stable.core) as (process, started):
        ready = await until_ready(process, folder, port, "/-/ready", started)
        yield Subject(
            name=ALERTMANAGER,
            process=process,
            port=port,
            core=stable.core,
            ready_seconds=ready,
            form=ALERT_FORM,
            path="/api/v2/alerts",
            batch_path="/api/v2/alerts",
            always_array=True,
            accepted=200,
        )


def _alertmanager_config(stable: Stable, grouping: Grouping) -> dict[str, Any]:
    url = f"http://{HOST}:{stable.receiver_port}/"
    return {
        "global": {"resolve_timeout": "24h"},
        "route": {
            "receiver": "sink",
            "group_by": ["..."] if grouping.by_incident else ["service", "environment"],
            "group_wait": grouping.wait,
            "group_interval": "5m",
            "repeat_interval": "4h",
        },
        # At most 20, as notifier shows; the default is the whole group.
        "receivers": [{"name": "sink", "webhook_configs": [{"url": url, "max_alerts": 20}]}],
    }


@asynccontextmanager
async def running(
    command: list[str],
    folder: Path,
    core: int,
    *,
    spool: Path | None = None,
    added: Mapping[str, str] | None = None,
) -> AsyncIterator[tuple[subprocess.Popen[bytes], float]]:
    """A process on its core, and its start time; it is terminated, then killed, at the end."""
    environ = {**clean_environ(), **(added or {})}  # with bytecode, as an installed service has it
    environ.pop("PYTHONUNBUFFERED", None)
    if spool is not None:
        environ["NOTIFIER_SPOOL"] = str(spool)
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err, pinned(core):
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=ROOT, env=environ
        )
    try:
        yield process, started
    finally:
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def until_ready(
    process: subprocess.Popen[bytes],
    folder: Path,
    port: int,
    path: str,
    started: float,
    *,
    any_status: bool = False,
) -> float:
    """Seconds from the start to the first successful answer."""
    while True:
        _still_there(process, folder, started)
        try:
            status, _ = await get(port, path)
        except OSError:
            status = 0
        if status == 200 or (any_status and status):
            return time.perf_counter() - started
        await asyncio.sleep(ADOPTION_INTERVAL_S)


async def _printed_port(process: subprocess.Popen[bytes], folder: Path, started: float) -> int:
    while True:
        line = (folder / "stdout").read_text(encoding="ascii")
        if line.endswith("\n"):
            return int(line)
        _still_there(process, folder, started)
        await asyncio.sleep(ADOPTION_INTERVAL_S)


def _still_there(process: subprocess.Popen[bytes], folder: Path, started: float) -> None:
    if process.poll() is not None:
        why = f"ended with code {process.returncode}"
    elif time.perf_counter() - started > STARTS_WITHIN_S:
        why = f"was not ready after {STARTS_WITHIN_S:.0f} s"
    else:
        return
    said = _KEY.sub("(key)", (folder / "stderr").read_text(encoding="utf-8", errors="replace"))[-2_000:]
    raise DidNotStart(f"{folder.name} {why}; it said: {said or 'nothing'}")
