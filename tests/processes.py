"""A real `notifier serve` in a child process, for tests that kill, stop and restart it."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from notifier.testing import Request
from tests import forkserver
from tests.forkserver import Forked
from tests.sockets import free_port

KEY = re.compile(r"^(ntf_[A-Za-z0-9]{32,})$", re.MULTILINE)
START_WITHIN_S = 60.0
STOP_WITHIN_S = 60.0
SEEN_WITHIN_S = 60.0
"""The seconds to wait for something to happen on a busy machine."""
# Variables that are read only when an interpreter starts.
AT_START = {"LD_PRELOAD", "PYTHONPATH"}


class Service:
    """A service with one configuration; it may be started several times.

    `settings` is the configuration as a mapping. `server.port` is chosen, and `database.url` is a file in the folder
    unless it is given; the first start gets a file with empty tables, because creating them takes two thirds of a
    start. `log` is everything it has written to stderr.
    """

    def __init__(
        self, folder: Path, settings: dict[str, Any], *, environ: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database = folder / "notifier.db"
        self.key: str | None = None
        self.process: subprocess.Popen[bytes] | Forked | None = None
        self.options: tuple[str, ...] = ()
        self._environ = environ or {}
        self._makes_tables = "database" in settings
        document = {"database": {"url": f"sqlite:///{self.database}"}, **settings}
        document["server"] = {"port": self.port, **document.get("server", {})}
        self.config = folder / f"notifier-{self.port}.yaml"
        self.config.write_text(yaml.safe_dump(document))
        self._out = folder / f"stdout-{self.port}"
        self._err = folder / f"stderr-{self.port}"

    @property
    def out(self) -> str:
        return self._out.read_text() if self._out.exists() else ""

    @property
    def log(self) -> str:
        return self._err.read_text() if self._err.exists() else ""

    def start(self, *options: str, wait: bool = True) -> Self:
        """Start it with further options, and wait until it is ready."""
        given = (*self.options, *options)
        arguments = ["serve", "--config", str(self.config), *given]
        environ = {**clean_environ(), **self._environ}
        if not (self._makes_tables or self.database.exists()):
            shutil.copyfile(_with_tables(), self.database)
        if AT_START & self._environ.keys():
            command = [sys.executable, "-m", "notifier.cli", *arguments]
            with self._out.open("ab") as out, self._err.open("ab") as err:
                self.process = subprocess.Popen(command, stdout=out, stderr=err, cwd=self.folder, env=environ)
        else:
            self.process = forkserver.start(
                arguments, out=self._out, err=self._err, folder=self.folder, environ=environ
            )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_WITHIN_S
        with httpx.Client(timeout=5) as client:
            while time.monotonic() < deadline:
                assert self.process is not None
                assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.log}"
                with contextlib.suppress(httpx.TransportError):
                    if client.get(f"{self.url}/readyz").status_code == 200:
                        found = KEY.search(self.out)
                        self.key = self.key or (found.group(1) if found else None)
                        return
                time.sleep(0.02)
        raise AssertionError(f"not ready within {START_WITHIN_S} s:\n{self.log}")

    def client(self, key: str | None = None, **options: Any) -> httpx.Client:
        """A client with the printed key, or with another."""
        headers = {"authorization": f"Bearer {key or self.key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, **options)

    def post(self, document: Any, **options: Any) -> httpx.Response:
        with self.client() as client:
            return client.post("/v1/events", content=json.dumps(document), **options)

    def get(self, path: str, **query: Any) -> Any:
        """The JSON answer of a request that must succeed."""
        with self.client() as client:
            answer = client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        with self.client() as client:
            while True:
                page = {"limit": 100, **query, **({} if cursor is None else {"cursor": cursor})}
                answer = client.get(path, params=page)
                assert answer.status_code == 200, answer.text
                found += answer.json()["items"]
                cursor = answer.json()["next_cursor"]
                if cursor is None:
                    return found

    def delivery(self, channel: str, target: str | None = None) -> dict[str, Any] | None:
        """The newest delivery through `channel` (to `target`) with its attempts, or None if there is none yet."""
        found = self.get("/v1/deliveries", channel=channel)["items"]
        ids = [one["id"] for one in found if target is None or one["target"] == target]
        return self.get(f"/v1/deliveries/{ids[0]}") if ids else None

    def wait_delivery(
        self,
        channel: str,
        state: str,
        *,
        target: str | None = None,
        outcome: str | None = None,
        within: float = SEEN_WITHIN_S,
    ) -> dict[str, Any]:
        """The newest delivery of `channel` once it has this state and its last attempt has `outcome`."""
        asked = time.monotonic()
        while True:
            one = self.delivery(channel, target)
            if one is not None and one["state"] == state and outcome in {None, one["outcome"]}:
                return one
            assert time.monotonic() < asked + within, f"{one}\n{self.log[-3000:]}"
            pause(asked)

    def cli(
        self,
        *arguments: str,
        stdin: str | None = None,
        key: str | None = None,
        environ: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the CLI as a process, with the address and the key in its environment."""
        return cli(
            *arguments,
            stdin=stdin,
            folder=self.folder,
            environ={"NOTIFIER_URL": self.url, "NOTIFIER_KEY": key or self.key or "", **(environ or {})},
        )

    def exit(self, *, within: float = START_WITHIN_S) -> int:
        """The exit code of a process that ends by itself."""
        assert self.process is not None
        return self.process.wait(within)

    def kill(self) -> None:
        """Send SIGKILL, as the kernel's out-of-memory killer does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Send SIGTERM, and return the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_WITHIN_S)

    def accounting(self) -> dict[str, float]:
        """The terms of the accounting equations, `balanced` and the deliveries by state, from /metrics."""
        with self.client() as client:
            text = client.get("/metrics").text
        found = {
            name: float(value)
            for name, value in re.findall(r'^notifier_accounting\{term="(\w+)"\} (\S+)', text, re.MULTILINE)
        }
        for state, value in re.findall(r'^notifier_deliveries\{state="(\w+)"\} (\S+)', text, re.MULTILINE):
            found[state] = float(value)
        balanced = re.search(r"^notifier_accounting_balanced (\S+)", text, re.MULTILINE)
        assert balanced is not None, text
        found["balanced"] = float(balanced.group(1))
        return found

    def settle(self, *, within: float = SEEN_WITHIN_S) -> dict[str, float]:
        """Wait until nothing is pending or being sent, and assert that the equations balance."""
        asked = time.monotonic()
        while True:
            books = self.accounting()
            if not books["pending"] and not books["sending"] and books["balanced"]:
                return books
            assert time.monotonic() < asked + within, books
            pause(asked)

    def __enter__(self) -> Self:
        """The running service, started if needed: `with service.start("--hold")` stops it as well."""
        return self if self.process is not None and self.process.poll() is None else self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def cli(
    *arguments: str, folder: Path, stdin: str | None = None, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `notifier ARGUMENTS` in `folder`, in a new interpreter only if the environment requires it."""
    given = environ or {}
    environ = {**clean_environ(), **given}
    if AT_START & given.keys():
        command = [sys.executable, "-m", "notifier.cli", *arguments]
        return subprocess.run(
            command, input=stdin or "", capture_output=True, text=True, timeout=60, check=False, cwd=folder,
            env=environ,
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="ntf-cli-") as scratch:
        asked, out, err = (Path(scratch) / name for name in ("in", "out", "err"))
        asked.write_text(stdin or "")
        process = forkserver.start(arguments, out=out, err=err, folder=folder, environ=environ, stdin=asked)
        code = process.wait(60)
        return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())


def whole(requests: list[Request]) -> list[Request]:
    """The requests that were complete; a killed sender leaves partial ones."""
    return [one for one in requests if len(one.body) == int(one.headers.get("content-length", "0"))]


def clean_environ() -> dict[str, str]:
    """The environment without notifier's variables, with a cache of compiled code."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NOTIFIER_")}
    if environ.pop("PYTHONDONTWRITEBYTECODE", None):
        environ["PYTHONPYCACHEPREFIX"] = _compiled().name
    return environ


@functools.cache
def _compiled() -> tempfile.TemporaryDirectory[str]:
    """The folder for this session's bytecode: starting without it takes twice the time."""
    folder = tempfile.TemporaryDirectory(prefix="ntf-compiled-")
    atexit.register(folder.cleanup)
    return folder


@functools.cache
def _with_tables() -> Path:
    """A database file created by the service's migrations."""
    folder = tempfile.TemporaryDirectory(prefix="ntf-tables-")
    atexit.register(folder.cleanup)
    path = Path(folder.name)
    (path / "notifier.yaml").write_text(f"database: {{url: 'sqlite:///{path}/notifier.db'}}\n")
    done = cli("db", "upgrade", "--config", "notifier.yaml", folder=path)
    assert done.returncode == 0, done.stderr
    return path / "notifier.db"


def eventually(check: Any, *, within: float = SEEN_WITHIN_S) -> Any:
    """The first true result of `check`, which is called until `within` seconds have passed."""
    asked = time.monotonic()
    while True:
        answer = check()
        if answer:
            return answer
        assert time.monotonic() < asked + within, f"still {answer!r} after {within} s"
        pause(asked)


def pause(asked: float) -> None:
    """Wait a tenth of the time since the first question: each costs the service processor time as well."""
    time.sleep(min(0.25, max(0.02, (time.monotonic() - asked) / 10)))
