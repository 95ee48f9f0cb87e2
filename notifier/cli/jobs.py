"""`notifier run -- CMD` runs a job of a crontab or a unit, and reports its failure.

The job's output is passed on as it arrives, its exit status becomes this command's, and it runs even if the service
cannot be reached or the key is wrong.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import PurePath
from typing import IO, Any, Final

from notifier.cli.job_monitor import JobMonitor
from notifier.cli.options import Arguments, Subparsers, command, pair
from notifier.cli.service import address, key
from notifier.cli.session import CommandFailure, CommandSession, Exit

LINES: Final = 40
LINE_BYTES: Final = 1_000
CHUNK: Final = 65_536
DRAIN_S: Final = 1.0
SEND_S: Final = 10.0
MESSAGE_CHARS: Final = 8_000
FORWARDED: Final = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
TERMINAL_SIGNALS: Final = frozenset({"SIGINT", "SIGQUIT"})
"""Signals that the terminal sends to the job as well."""

NOT_FOUND, NOT_STARTED, BY_SIGNAL = 127, 126, 128  # The statuses of shells.

EPILOG = f"""\
The program's output passes through, and its exit status becomes this command's ({NOT_FOUND} if there is no such
program, {BY_SIGNAL} plus the signal's number if a signal ended it). If the status is not 0, an event reports how the
program ended, with the last {LINES} lines of output; its arguments are not sent. A job that is interrupted from the
keyboard is not reported. If the service is down, the event is stored on this machine and sent with the next one. With
--monitor, the job checks in when it starts and when it ends; its failure is reported there, and a job that does not
run is missed.

  17 3 * * *  notifier run --monitor nightly-backup --every 1d --grace 1h -- /usr/local/bin/backup.sh --all

It needs a key with the scope `ingest`. Without a key, the job runs but nothing is reported."""


class ProgramRun:
    """One run of a program: its exit status, and the last lines of its output and errors."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = command
        self.name = PurePath(command[0]).name or command[0]
        self.status = 0
        self.ended = ""
        self.interrupted = False
        self.seconds = 0.0
        self.output, self.errors = Tail(), Tail()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        """Run the program until it ends."""
        began = time.monotonic()
        with self._signals():
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the command line of the person who calls
                    self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
                )
            except (OSError, ValueError) as error:
                self.status = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_STARTED
                self.ended = f"could not be started: {getattr(error, 'strerror', None) or error}"
                return
            self._wait(self._process)
        self.seconds = round(time.monotonic() - began, 3)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        copies = [
            threading.Thread(target=_copy_output, args=(pipe, number, tail), daemon=True)
            for pipe, number, tail in ((process.stdout, 1, self.output), (process.stderr, 2, self.errors))
        ]
        for copy in copies:
            copy.start()
        code = process.wait()
        for copy in copies:  # A background process of the job may keep the pipes open.
            copy.join(DRAIN_S)
        if code < 0:
            self.status, self.ended = BY_SIGNAL - code, f"was ended by {_signal_name(-code)}"
        elif code > 0:
            self.status, self.ended = code, f"ended with status {code}"

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Forward signals to the job and do not end by them. Signals ignored here are ignored by the job too."""
        before: dict[int, Any] = {}
        for name in FORWARDED:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, self._forwarded)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _forwarded(self, number: int, _: object) -> None:
        name = _signal_name(number)
        self.interrupted = self.interrupted or name == "SIGINT"
        if self._process is not None and not (name in TERMINAL_SIGNALS and os.isatty(0)):
            self._process.send_signal(number)


class Tail:
    """The last lines of an output, each truncated."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque(maxlen=LINES)
        self._open = b""

    def add(self, chunk: bytes) -> None:
        *whole, last = (self._open + chunk).split(b"\n")
        self._lines.extend(line[:LINE_BYTES] for line in whole[-LINES:])
        self._open = last[:LINE_BYTES]

    def text(self) -> list[str]:
        lines = [*self._lines, self._open] if self._open else self._lines
        return [line.decode(errors="replace").rstrip("\r") for line in lines][-LINES:]


def add(commands: Subparsers) -> None:
    parser = command(commands, "run", run, "run a program, and report its failure", prints=False)
    parser.usage = "notifier run [options] -- CMD [ARG ...]"
    parser.epilog = EPILOG
    parser.add_argument(
        "--service",
        help="the service the job belongs to (default: NOTIFIER_SERVICE, else the program's name)",
    )
    parser.add_argument("--severity", help="severity of a failure (default: error)", default="error")
    parser.add_argument("--monitor", metavar="NAME", help="check in to this monitor")
    parser.add_argument("--every", metavar="DURATION", help="how often the job runs")
    parser.add_argument("--grace", metavar="DURATION", help="how late a check-in may be (default: 5m)")
    parser.add_argument("--environment", help="default: NOTIFIER_ENVIRONMENT, else production")
    parser.add_argument(
        "--label", dest="labels", type=pair, action="append", default=[], metavar="NAME=VALUE",
        help="may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "program", nargs=argparse.REMAINDER, metavar="-- CMD", help="the program and its arguments"
    )


def run(arguments: Arguments, session: CommandSession) -> int:
    program = arguments.program[1:] if arguments.program[:1] == ["--"] else arguments.program
    if not program or not program[0]:
        raise CommandFailure(Exit.USAGE, "name what is to run: notifier run --service backup -- backup.sh")
    if (arguments.every or arguments.grace) and not arguments.monitor:
        raise CommandFailure(Exit.USAGE, "--every and --grace are a monitor's: name it with --monitor")
    job = ProgramRun(program)
    monitor = JobMonitor(arguments.monitor, arguments, session) if arguments.monitor else None
    job.run()
    if job.ended and job.seconds == 0.0:
        session.say(f"notifier: {job.name} {job.ended}.")
    if job.interrupted or job.status == Exit.BROKEN_PIPE:
        return job.status
    taken = monitor is not None and _check_in(monitor, job, session)
    if job.status and not taken:
        _report(job, arguments, session)
    return job.status


def _check_in(monitor: JobMonitor, job: ProgramRun, session: CommandSession) -> bool:
    """Whether the monitor received the end of the job; if not, the reason is printed."""
    from notifier.client.capture.scrub import scrub_text

    errors = job.errors.text()
    lines = "\n".join([f"{job.name} {job.ended}{_last(job)}", *(errors if len(errors) > 1 else ())])
    failed = {"status": "error", "message": scrub_text(lines)[:MESSAGE_CHARS]}
    why = monitor.finish(duration_ms=job.seconds * 1_000, **(failed if job.status else {"status": "ok"}))
    if why is not None:
        session.say(f"notifier: its monitor has not heard that {job.name} {job.ended or 'ended well'}: {why}")
    return why is None


def _last(job: ProgramRun) -> str:
    said = next((line.strip() for line in reversed(job.errors.text()) if line.strip()), "")
    return f": {said}" if said else ""


def _report(job: ProgramRun, arguments: Arguments, session: CommandSession) -> None:
    """Post an event about the end of the job. A failure to do so is printed, and does not change the exit status."""
    try:
        url, secret = address(session, arguments.config), key(session)
    except CommandFailure as failure:
        session.say(f"notifier: that {job.name} {job.ended} is told to nobody: {failure}")
        return
    from notifier.client import Notifier

    service = arguments.service or session.environ.get("NOTIFIER_SERVICE") or job.name
    client = Notifier(service, url=url, key=secret, environment=arguments.environment)
    client.message(
        f"{job.name} {job.ended}{_last(job)}",
        severity=arguments.severity,
        labels=dict(arguments.labels),
        context={
            "program": job.name, "exit_status": job.status, "seconds": job.seconds, "stderr": job.errors.text(),
            "stdout": job.output.text(),
        },
        fingerprint=["run", service, job.name, job.ended],
    )  # fmt: skip
    client.close(SEND_S)
    counts = client.counts()
    if counts.spooled:
        session.say("notifier: its failure is kept on this machine, and leaves with the next report.")
    elif counts.dropped:
        session.say(f"notifier: its failure could not be told: {', '.join(counts.dropped)}.")


def _copy_output(source: IO[bytes], target: int, tail: Tail) -> None:
    """Copy output as it arrives. If the reader has gone, the job gets SIGPIPE from its own pipe."""
    with source, suppress(OSError):
        while chunk := os.read(source.fileno(), CHUNK):
            tail.add(chunk)
            while chunk:
                chunk = chunk[os.write(target, chunk) :]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
