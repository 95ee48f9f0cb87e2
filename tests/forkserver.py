"""Starts services by forking a process that has imported them, as `multiprocessing` does: imports take a second.

A started service is a full process that can be killed, signalled and waited for. All workers of a run share one server,
which the first of them starts.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import functools
import gc
import hashlib
import importlib
import io
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

import httpx

from notifier.cli import main, run
from notifier.cli.session import CommandSession
from notifier.telemetry import ids
from notifier.testing import WebhookReceiver
from tests.sockets import free_port

ROOT = Path(__file__).parents[1]
ADOPTION_INTERVAL_S = 0.01
READY_WITHIN_S = 60.0


class Forked:
    """The part of `subprocess.Popen` that the tests use."""

    def __init__(self, pid: int, server: _Server) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._server = server

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the process runs."""
        if self.returncode is None:
            self.returncode = self._server.ask({"ended": self.pid})
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once the process has ended. `subprocess.TimeoutExpired` is raised after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("notifier", timeout or 0)
            time.sleep(ADOPTION_INTERVAL_S)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended: its id may be reused."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(
    arguments: Sequence[str],
    *,
    out: Path,
    err: Path,
    folder: Path,
    environ: Mapping[str, str],
    stdin: Path = Path(os.devnull),
) -> Forked:
    """Run `notifier ARGUMENTS` in `folder`, with its output appended to `out` and `err`."""
    order = {
        "arguments": list(arguments),
        "in": str(stdin),
        "out": str(out),
        "err": str(err),
        "folder": str(folder),
        "environ": dict(environ),
    }
    server = _server(environ.get("PYTHONPYCACHEPREFIX", ""))
    return Forked(server.ask(order), server)


class _Server:
    """The forking process, with a socket to it; it ends when all sockets are closed."""

    def __init__(self, compiled: str) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        with self._reached(compiled) as ours:
            self._file = ours.makefile("rw", encoding="utf-8")
        self._one_at_a_time = threading.Lock()
        atexit.register(self._end)

    def _reached(self, compiled: str) -> socket.socket:
        """A socket to the server of this run. `ConnectionRefusedError` is raised if the worker that starts it died."""
        run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
        kind = hashlib.sha256(compiled.encode()).hexdigest()[:8]
        address = (
            f"\0ntf-fork-{run}-{kind}"  # an abstract socket, which a killed server does not leave behind
        )
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            with socket.socket(socket.AF_UNIX) as listening:
                try:
                    listening.bind(address)
                except OSError as error:
                    if error.errno != errno.EADDRINUSE:
                        raise
                else:
                    listening.listen()
                    return self._started(compiled, listening)
            ours = socket.socket(socket.AF_UNIX)
            try:
                ours.connect(address)
            except ConnectionRefusedError:  # it is bound, and about to listen
                ours.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(ADOPTION_INTERVAL_S)
            else:
                return ours

    def _started(self, compiled: str, listening: socket.socket) -> socket.socket:
        ours, theirs = socket.socketpair()
        environ = {name: value for name, value in os.environ.items() if not name.startswith("NOTIF")}
        if compiled:
            environ["PYTHONPYCACHEPREFIX"] = compiled
        with theirs:
            numbers = theirs.fileno(), listening.fileno()
            command = [sys.executable, "-m", "tests.forkserver", *map(str, numbers)]
            self._process = subprocess.Popen(command, pass_fds=numbers, cwd=ROOT, env=environ)
        return ours

    def _end(self) -> None:
        self._file.close()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):  # another worker takes longer
                self._process.wait(10)

    def ask(self, order: Mapping[str, Any]) -> Any:
        with self._one_at_a_time:
            self._file.write(json.dumps(order) + "\n")
            self._file.flush()
            return json.loads(self._file.readline())


@functools.cache
def _server(compiled: str) -> _Server:
    return _Server(compiled)


def _serve(first: socket.socket, listening: socket.socket) -> dict[str, Any] | None:
    """Fork for each order, and return it in the child; return None in the server when no client is left."""
    asking = {first: first.makefile("rw", encoding="utf-8")}
    while asking:
        for ready in select.select([listening, *asking], [], [])[0]:
            if ready is listening:
                joined, _ = listening.accept()
                asking[joined] = joined.makefile("rw", encoding="utf-8")
                continue
            order: dict[str, Any] = {}
            with contextlib.suppress(ConnectionError, ValueError):  # the client was killed
                order = json.loads(asking[ready].readline())
                answer = _ended(order["ended"]) if "ended" in order else os.fork()
                if answer == 0 and "ended" not in order:
                    _close(listening, asking)
                    return order
                asking[ready].write(json.dumps(answer) + "\n")
                asking[ready].flush()
            if not order:
                _close(ready, {ready: asking.pop(ready)})
    return None


def _close(one: socket.socket, asking: Mapping[socket.socket, IO[str]]) -> None:
    for other, file in asking.items():
        with contextlib.suppress(ConnectionError):
            file.close()
        other.close()
    one.close()


def _ended(pid: int) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _become(order: Mapping[str, Any]) -> None:
    """Give this child the state of a new process."""
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environ"])
    appended = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    for number, flags in enumerate((os.O_RDONLY, appended, appended)):
        file = os.open(order[("in", "out", "err")[number]], flags, 0o644)
        os.dup2(file, number)
        os.close(file)
    importlib.reload(ids)  # otherwise all children would use the same random numbers
    tempfile.tempdir = None  # set by the environment
    sys.argv = ["notifier", *order["arguments"]]


def _rehearse(folder: Path) -> None:
    """Run a service once, so that children inherit compiled code and caches."""
    port = free_port()
    with WebhookReceiver() as receiver:
        channels = {"hook": {"type": "webhook", "url": receiver.url}}
        (folder / "notifier.yaml").write_text(
            json.dumps(
                {
                    "server": {"port": port},
                    "database": {"url": f"sqlite:///{folder}/notifier.db"},
                    "delivery": {"allow_private_addresses": True},
                    "channels": channels,
                    "fallback": "hook",
                    "route": {"channels": ["hook"], "group_wait": 0},
                }
            )
        )
        person = threading.Thread(target=_use, args=(f"http://127.0.0.1:{port}", folder / "out", receiver))
        before = os.dup(1), os.dup(2)
        said = os.open(folder / "out", os.O_WRONLY | os.O_CREAT)
        os.dup2(said, 1)
        os.dup2(said, 2)
        person.start()
        sys.argv = ["notifier", "serve", "--config", str(folder / "notifier.yaml")]
        status = main()
        person.join()
        sys.stdout.flush()
        for number, kept in enumerate(before, 1):
            os.dup2(kept, number)
            os.close(kept)
        os.close(said)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if status:
        print((folder / "out").read_text(), file=sys.stderr)


def _use(url: str, out: Path, receiver: WebhookReceiver) -> None:
    """Post an event, wait for its notification, request the lists, and always end the service."""
    try:
        with httpx.Client(base_url=url, timeout=10) as client:
            until = time.monotonic() + READY_WITHIN_S
            ready = False
            while not ready and time.monotonic() < until:
                with contextlib.suppress(httpx.TransportError):
                    ready = client.get("/readyz").status_code == 200
                time.sleep(ADOPTION_INTERVAL_S)
            secret = re.search(r"^ntf_\w+$", out.read_text(), re.MULTILINE)
            assert secret is not None
            client.headers["authorization"] = f"Bearer {secret[0]}"
            event = {"service": "rehearsal", "message": "it broke", "severity": "critical"}
            client.post("/v1/events", json=event)
            receiver.wait_for(1, 10)
            for path in (
                "/v1/incidents",
                "/v1/deliveries",
                "/v1/incidents/1/timeline",
                "/metrics",
                "/sign-in",
            ):
                client.get(path)
        session = CommandSession(
            environ={"NOTIFIER_URL": url, "NOTIFIER_KEY": secret[0]},
            stdin=io.BytesIO(),
            stdout=io.StringIO(),
            stderr=io.StringIO(),
        )
        run(["incidents"], session)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def _leave(status: int) -> NoReturn:
    """Exit as `multiprocessing` does after a fork: finalizing an interpreter takes longer than many tests."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _main() -> int:
    numbers = map(int, sys.argv[1:])
    for name in ("notifier.app", "notifier.channels.transport", "asyncpg", "anyio._backends._asyncio"):
        importlib.import_module(name)
    # A child of a process that has used uvloop crashes at exit, as if there were none.
    modules: dict[str, Any] = sys.modules
    modules["uvloop"] = None
    with tempfile.TemporaryDirectory(prefix="ntf-rehearsal-") as folder:
        _rehearse(Path(folder))
    del modules["uvloop"]
    importlib.import_module("uvloop")
    gc.collect()
    gc.freeze()
    order = _serve(*(socket.socket(fileno=number) for number in numbers))
    if order is None:
        return 0
    _become(order)
    _leave(main())


if __name__ == "__main__":
    sys.exit(_main())
