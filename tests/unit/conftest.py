"""What the settings tests share: text in, Settings or the list of problems out. And the commands' small service."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from notifier.cli import run
from notifier.cli.session import CommandSession
from notifier.domain.errors import ConfigError
from notifier.settings.loading import load
from notifier.settings.model import Settings

LoadText = Callable[..., Settings]
Wrong = Callable[..., list[str]]

KEY = "ntf_" + "k" * 32


@pytest.fixture
def load_text(tmp_path: Path) -> LoadText:
    """Settings from a file `n.yaml` with this text."""

    def load_it(text: str | bytes, environ: Mapping[str, str] | None = None) -> Settings:
        file = tmp_path / "n.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(str(file), environ or {})

    return load_it


@pytest.fixture
def wrong(load_text: LoadText, tmp_path: Path) -> Wrong:
    """The problems of a file with this text, as `notifier check` shows them from the file's own folder."""

    def problems(text: str | bytes, environ: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as refused:
            load_text(text, environ)
        assert str(refused.value).splitlines() == [str(problem) for problem in refused.value.problems]
        return [str(problem).removeprefix(f"{tmp_path}/") for problem in refused.value.problems]

    return problems


@dataclass(frozen=True, kw_only=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass
class Api:
    """A service that gives canned answers and keeps what it was asked. `answers` maps `METHOD /path` to them."""

    url: str
    answers: dict[str, tuple[int, Mapping[str, str], bytes]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, call: str, document: object = None, *, status: int = 200, **headers: str) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        self.answers[call] = (status, {name.replace("_", "-"): text for name, text in headers.items()}, body)

    def refuse(self, call: str, status: int, title: str, detail: str, **more: object) -> None:
        problem = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
        self.answers[call] = (
            status,
            {"Content-Type": "application/problem+json"},
            json.dumps(problem).encode(),
        )


@pytest.fixture
def api() -> Iterator[Api]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(
                method=self.command,
                path=parts.path,
                query=dict(parse_qsl(parts.query)),
                headers=dict(self.headers),
                body=body,
            )
            known.asked.append(asked)
            status, headers, content = known.answers.get(f"{asked.method} {asked.path}", (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        disable_nagle_algorithm = True

    with Server(("127.0.0.1", 0), Handler) as server:
        known = Api(url=f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield known
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


@dataclass
class Shell:
    """Runs commands in this process against one service. `user` is who is logged in."""

    environ: dict[str, str]
    user: str | None = None

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Result:
        out, err = io.StringIO(), io.StringIO()
        session = CommandSession(
            environ=self.environ, stdin=io.BytesIO(stdin), stdout=out, stderr=err, user=lambda: self.user
        )
        status = run(arguments, session)
        return Result(int(status), out.getvalue(), err.getvalue())


@pytest.fixture
def shell(api: Api) -> Shell:
    return Shell({"NOTIFIER_URL": api.url, "NOTIFIER_KEY": KEY})
