"""A temporary installation in its own folder: ports, configuration, keys, and the environment of its processes."""

from __future__ import annotations

import base64
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Self

from notifier.demo.errors import CannotRun

HOST = "127.0.0.1"
SLACK_TOKEN = "xoxb-demo"  # noqa: S105 - only the inbox's own Slack accepts it
SLACK_SECRET = "signed-by-the-demo-s-inbox"  # noqa: S105 - as above


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports of the three servers; 0 stands for any free port until `chosen`."""

    service: int
    app: int
    inbox: int

    @staticmethod
    def url(port: int) -> str:
        return f"http://{HOST}:{port}"

    def chosen(self) -> Self:
        """The same with a free port for each 0. `CannotRun` is raised if a port is in use, or given twice."""
        given = {"--port": self.service, "--app-port": self.app, "--inbox-port": self.inbox}
        named = [port for port in given.values() if port]
        if len(set(named)) < len(named):
            raise CannotRun("two of --port, --app-port and --inbox-port are the same: each needs its own")
        with _BoundPorts() as held:
            service, app, inbox = (held.port(port, option) for option, port in given.items())
        return replace(self, service=service, app=app, inbox=inbox)


class _BoundPorts:
    """Ports that stay bound until all are chosen, so that none is chosen twice."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def port(self, number: int, option: str) -> int:
        listener = socket.socket()
        self._sockets.append(listener)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, number))
            listener.listen(1)
        except OSError as error:
            raise CannotRun(
                f"port {number} cannot be had ({error.strerror}): "
                f"stop what uses it, or give {option} another (0 takes any that is free)"
            ) from error
        port: int = listener.getsockname()[1]
        return port

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for listener in self._sockets:
            listener.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    folder: Path
    ports: Ports
    smtp_port: int

    @property
    def service(self) -> str:
        return Ports.url(self.ports.service)

    @property
    def app(self) -> str:
        return Ports.url(self.ports.app)

    @property
    def inbox(self) -> str:
        return Ports.url(self.ports.inbox)

    @property
    def config(self) -> Path:
        return self.folder / "notifier.yaml"

    @property
    def key(self) -> Path:
        """The file with the first key, which has every scope."""
        return self.folder / "key"

    @property
    def application_key(self) -> Path:
        """The file with the sample application's key."""
        return self.folder / "application-key"

    def write_config(self) -> None:
        template = Template((files("notifier.demo") / "notifier.yaml").read_text("utf-8"))
        text = template.substitute(
            folder=self.folder,
            service_port=self.ports.service,
            smtp_port=self.smtp_port,
            inbox=self.inbox,
            service=self.service,
            slack_token=SLACK_TOKEN,
            slack_secret=SLACK_SECRET,
            webhook_secret="whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
        )
        self.config.write_text(text, encoding="utf-8")

    def write_keys(self, first: str, application: str) -> None:
        for file, secret in ((self.key, first), (self.application_key, application)):
            file.touch(mode=0o600)
            file.write_text(secret, encoding="ascii")

    def environ(self, of: Mapping[str, str], **more: str) -> dict[str, str]:
        """The environment of a child process, without other settings of notifier and without proxies.

        A proxy could not reach this machine's loopback.
        """
        inherited = {name: value for name, value in of.items() if not name.startswith("NOTIFIER_")}
        return {**inherited, "TMPDIR": str(self.folder), "NO_PROXY": HOST, "no_proxy": HOST, **more}
