"""The context of a command: its environment, its streams, and access to the service's files."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TextIO, cast

from notifier.cli.screen import Screen, screen_of
from notifier.cli.text import visible

NEEDED = {
    "server": "the service, and only the client is installed",
    "demo": "more than is installed",
}


class Exit(IntEnum):
    """Exit statuses; `notifier --help` and the manual list them."""

    OK = 0
    NO = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    DISK_FAILED = 70
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class CommandFailure(Exception):
    """Ends the command with a sentence for people and an exit status."""

    def __init__(self, status: Exit, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Local(Protocol):
    """The operations on files, without a running service. A problem's text is `file:line:column: message`."""

    def serve(self, config: str | None, *, port: int | None, hold: bool) -> int: ...

    def check(
        self, config: str | None, environ: Mapping[str, str]
    ) -> tuple[Sequence[object], Sequence[object]]: ...

    def schema(self) -> Mapping[str, Any]: ...

    def try_format(
        self, config: str | None, environ: Mapping[str, str], name: str, sample: bytes | None
    ) -> Any:
        """The result of `runtime.configuration.try_format`."""
        ...

    def upgrade(self, config: str | None, environ: Mapping[str, str]) -> str: ...

    def create_key_offline(
        self,
        config: str | None,
        environ: Mapping[str, str],
        project: str,
        name: str,
        scopes: Sequence[str],
        door: str | None,
        service: str | None,
    ) -> tuple[str, str | None]:
        """A new key, and the service's address if the configuration names one."""
        ...

    def copy_database(self, config: str | None, environ: Mapping[str, str], to: str) -> Any: ...

    def check_database(self, config: str | None, environ: Mapping[str, str]) -> Any: ...

    def restore(
        self, config: str | None, environ: Mapping[str, str], backup: Path, *, replace: bool
    ) -> Any: ...

    def new_database(self, config: str | None, environ: Mapping[str, str]) -> str | None:
        """The file that would be created, or None if the database exists."""
        ...

    def address(self, config: str | None, environ: Mapping[str, str]) -> tuple[str, int]:
        """The host and port that this configuration listens on."""
        ...

    def demo(
        self, *, port: int, app_port: int, inbox_port: int, out: TextIO, environ: Mapping[str, str]
    ) -> int: ...


class Installed:
    """The operations of the installed service, imported on use: the client can be installed alone."""

    def serve(self, config: str | None, *, port: int | None, hold: bool) -> int:
        # SIGHUP asks for a reload. The imports take a second, in which there is no configuration to reload.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if port is not None:  # `serve` installs its own handler.
            os.environ["NOTIFIER_SERVER__PORT"] = str(port)
        return cast("int", _service("notifier.app").serve(config, hold=hold))

    def check(
        self, config: str | None, environ: Mapping[str, str]
    ) -> tuple[Sequence[object], Sequence[object]]:
        return cast(
            "tuple[Sequence[object], Sequence[object]]",
            _service("notifier.runtime.configuration").check(config, environ),
        )

    def schema(self) -> Mapping[str, Any]:
        return cast("Mapping[str, Any]", _service("notifier.runtime.configuration").schema())

    def try_format(
        self, config: str | None, environ: Mapping[str, str], name: str, sample: bytes | None
    ) -> Any:
        return _service("notifier.runtime.configuration").try_format(config, environ, name, sample)

    def upgrade(self, config: str | None, environ: Mapping[str, str]) -> str:
        return cast("str", _service("notifier.runtime.database").upgrade(config, environ))

    def create_key_offline(
        self,
        config: str | None,
        environ: Mapping[str, str],
        project: str,
        name: str,
        scopes: Sequence[str],
        door: str | None,
        service: str | None,
    ) -> tuple[str, str | None]:
        made = _service("notifier.runtime.database").create_key_offline(
            config, environ, project, name, scopes, door, service
        )
        return cast("tuple[str, str | None]", made)

    def copy_database(self, config: str | None, environ: Mapping[str, str], to: str) -> Any:
        return _service("notifier.runtime.transfer").copy_database(config, environ, to)

    def check_database(self, config: str | None, environ: Mapping[str, str]) -> Any:
        return _service("notifier.runtime.database").check_database(config, environ)

    def restore(self, config: str | None, environ: Mapping[str, str], backup: Path, *, replace: bool) -> Any:
        return _service("notifier.runtime.restore").restore(config, environ, backup, replace=replace)

    def new_database(self, config: str | None, environ: Mapping[str, str]) -> str | None:
        return cast("str | None", _service("notifier.runtime.database").database_to_create(config, environ))

    def address(self, config: str | None, environ: Mapping[str, str]) -> tuple[str, int]:
        loading = _service("notifier.settings.loading")
        # The user may not be allowed to read the service's secrets.
        server = loading.load(config, environ, needed=("server",)).server
        return server.host, server.port

    def demo(
        self, *, port: int, app_port: int, inbox_port: int, out: TextIO, environ: Mapping[str, str]
    ) -> int:
        run = _service("notifier.demo.run", extra="demo").run
        return cast("int", run(port=port, app_port=app_port, inbox_port=inbox_port, out=out, environ=environ))


def _service(name: str, *, extra: str = "server") -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "notifier":
            raise
        raise CommandFailure(
            Exit.USAGE,
            f"this command needs {NEEDED[extra]} (no module {error.name}). "
            f"Install the extra `{extra}` from the clone: pip install '.[{extra}]'",
        ) from error


def _user() -> str | None:
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSession:
    """One run of the command line. Data is written to `stdout`, messages for people to `stderr`."""

    environ: Mapping[str, str]
    stdin: BinaryIO
    stdout: TextIO
    stderr: TextIO
    local: Callable[[], Local] = Installed
    user: Callable[[], str | None] = _user

    def login(self) -> str | None:
        """The user's login name from the environment, else from the system; None if neither has one."""
        named = (self.environ.get(name, "").strip() for name in ("LOGNAME", "USER", "LNAME", "USERNAME"))
        return next(filter(None, named), None) or self.user()

    def screen(self) -> Screen:
        """The screen of standard output."""
        return screen_of(self.stdout, self.environ)

    def say(self, sentence: str) -> None:
        """Print a sentence to standard error, without control characters."""
        with suppress(OSError):
            self.stderr.write("".join(f"{visible(line)}\n" for line in sentence.splitlines()))
            self.stderr.flush()

    def put(self, text: str) -> None:
        """Write data to standard output and flush it: it may be a key that is shown only once."""
        with writing():
            self.stdout.write(f"{text}\n")
            self.stdout.flush()


@contextmanager
def writing() -> Iterator[None]:
    """Turn errors of standard output into `CommandFailure`; a closed pipe is passed on."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandFailure(
            Exit.NO, f"standard output cannot be written: {error.strerror}. What it had to show is lost."
        ) from error
