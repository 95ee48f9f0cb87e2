"""What we and our users test with: real receivers on loopback sockets.

`WebhookReceiver`, `FakeSlack` and `SmtpServer` are context managers for synchronous and asynchronous tests alike: each
runs in threads of its own. `SmtpServer` needs aiosmtpd, which is a development dependency.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = [
    "Answer",
    "FakeSlack",
    "Mail",
    "Request",
    "SmtpServer",
    "WebhookReceiver",
    "certificate",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it came. `headers` have lower-case names."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How to answer one request. `delay` in seconds; `drip` sends the body one byte every so many seconds.

    `close` hangs up without an answer, once the request was read.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    drip: float = 0.0
    close: bool = False


class _Server:
    """A threaded HTTP server; `handle` turns a request into an answer."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._requests: list[Request] = []
        self._arrived = threading.Condition()
        self._tls = tls
        self._stopping = threading.Event()

    @property
    def requests(self) -> list[Request]:
        """Everything that came so far, oldest first."""
        with self._arrived:
            return list(self._requests)

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Request]:
        """The first `count` requests, or `TimeoutError` when they do not come."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._requests) >= count, timeout):
                raise TimeoutError(f"{len(self._requests)} of {count} requests came within {timeout} s")
            return list(self._requests[:count])

    def handle(self, request: Request) -> Answer:
        raise NotImplementedError

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def origin(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    def start(self) -> Self:
        self._http = _Listener(("127.0.0.1", 0), _handler(self))
        if self._tls is not None:
            self._http.socket = self._tls.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _take(self, request: Request) -> Answer:
        with self._arrived:
            self._requests.append(request)
            self._arrived.notify_all()
        return self.handle(request)

    def _pause(self, seconds: float) -> None:
        self._stopping.wait(seconds)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is nothing to print."""


def _handler(server: _Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Nagle would add 33 ms to every answer.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length)
            answer = server._take(  # noqa: SLF001 - the handler is the server's own
                Request(method=self.command, path=self.path, headers=headers, body=body)
            )
            server._pause(answer.delay)  # noqa: SLF001
            if answer.close:
                self.close_connection = True
                return
            self._send(answer)

        do_GET = do_PUT = do_POST  # noqa: N815 - http.server finds them by name

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if not answer.drip:
                self.wfile.write(answer.body)
                return
            for index in range(len(answer.body)):
                server._pause(answer.drip)  # noqa: SLF001
                self.wfile.write(answer.body[index : index + 1])

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    return Handler


class WebhookReceiver(_Server):
    """An HTTP receiver. It answers with what `script` was given, in turn, then with `default`."""

    def __init__(self, *, default: Answer | None = None, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self.default = Answer() if default is None else default
        self._script: deque[Answer] = deque()

    @property
    def url(self) -> str:
        return f"{self.origin}/hook"

    def script(self, *answers: Answer) -> None:
        self._script.extend(answers)

    def handle(self, request: Request) -> Answer:  # noqa: ARG002
        return self._script.popleft() if self._script else self.default


class FakeSlack(_Server):
    """Slack's `chat.postMessage` and an incoming webhook, with their limits and their authentication.

    `fail` makes the next calls answer with Slack's own error code, `script` with any answer at all.
    """

    def __init__(self, *, token: str = "xoxb-test", channels: tuple[str, ...] = ("#oncall",)) -> None:  # noqa: S107
        super().__init__()
        self.token = token
        self.channels = channels
        self.posted: list[dict[str, Any]] = []
        self._script: deque[Answer] = deque()

    @property
    def base_url(self) -> str:
        return f"{self.origin}/api/"

    @property
    def webhook_url(self) -> str:
        return f"{self.origin}/services/T000/B000/s3cr3t"

    def script(self, *answers: Answer) -> None:
        self._script.extend(answers)

    def fail(self, *codes: str, headers: Mapping[str, str] | None = None) -> None:
        self.script(*(_slack(ok=False, error=code, headers=headers or {}) for code in codes))

    def handle(self, request: Request) -> Answer:
        if self._script:
            return self._script.popleft()
        if request.path == "/api/chat.postMessage":
            return self._api(request)
        if request.path == "/services/T000/B000/s3cr3t":
            return self._hook(request)
        return Answer(status=404, body=b"no_service")

    def _api(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _slack(ok=False, error="invalid_auth")
        document = request.json()
        if document.get("channel") not in self.channels:
            return _slack(ok=False, error="channel_not_found")
        if slack_complaint(document) is not None:
            return _slack(ok=False, error="invalid_blocks")
        self.posted.append(document)
        ts = f"1700000000.{len(self.posted):06d}"
        return _slack(ok=True, channel="C000", ts=ts, message={"text": document["text"], "ts": ts})

    def _hook(self, request: Request) -> Answer:
        document = request.json()
        if slack_complaint(document) is not None:
            return Answer(status=400, body=b"invalid_blocks")
        self.posted.append(document)
        return Answer(headers={"Content-Type": "text/html"}, body=b"ok")


def _slack(*, headers: Mapping[str, str] | None = None, **document: Any) -> Answer:
    return Answer(
        headers={"Content-Type": "application/json; charset=utf-8", **(headers or {})},
        body=json.dumps(document).encode(),
    )


_SLACK_LIMITS = {"header": 150, "section": 3_000, "context": 3_000}


def slack_complaint(document: Mapping[str, Any]) -> str | None:
    """Which of Slack's limits a message breaks, or None."""
    blocks = document.get("blocks", [])
    if not document.get("text") and not blocks:
        return "no_text"
    if len(blocks) > 50:
        return "more than 50 blocks"
    return next((why for why in map(_block_complaint, blocks) if why is not None), None)


def _block_complaint(block: Mapping[str, Any]) -> str | None:
    kind = block.get("type")
    if kind not in _SLACK_LIMITS:
        return f"unknown block {kind}"
    parts = [block["text"]] if "text" in block else []
    fields = block.get("fields", [])
    elements = block.get("elements", [])
    if not parts and not fields and not elements:
        return f"an empty {kind}"
    if len(fields) > 10 or len(elements) > 10:
        return f"more than 10 parts in a {kind}"
    limits = [(part, _SLACK_LIMITS[kind]) for part in [*parts, *elements]] + [
        (part, 2_000) for part in fields
    ]
    return next(
        (f"a text in a {kind} of the wrong length" for part, limit in limits if _too_long(part, limit)), None
    )


def _too_long(part: Mapping[str, Any], limit: int) -> bool:
    return not 1 <= len(part["text"].encode("utf-16-le")) // 2 <= limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail as it was taken."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        return "" if part is None else str(part.get_content())

    @property
    def html(self) -> str:
        part = self.message.get_body(("html",))
        return "" if part is None else str(part.get_content())


class SmtpServer:
    """A mail server.

    `refuse` maps a recipient to the answer it gets (`550 5.1.1 no such user`), `after_data` is the answer after the
    final dot (None takes the mail), `hang` is how long to wait before it, in seconds. With `tls` it offers STARTTLS,
    and with `login` it wants that user and password first.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None) -> None:
        self.refuse: dict[str, str] = {}
        self.refuse_sender: str | None = None
        self.after_data: str | None = None
        self.hang = 0.0
        self._tls = tls
        self._login = login
        self._mails: list[Mail] = []
        self._arrived = threading.Condition()

    @property
    def port(self) -> int:
        return int(self._controller.server.sockets[0].getsockname()[1])

    @property
    def mails(self) -> list[Mail]:
        """Everything that was taken so far, oldest first."""
        with self._arrived:
            return list(self._mails)

    def wait_for(self, count: int, timeout: float = 10.0) -> list[Mail]:
        """The first `count` mails, or `TimeoutError` when they do not come."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._mails) >= count, timeout):
                raise TimeoutError(f"{len(self._mails)} of {count} mails came within {timeout} s")
            return list(self._mails[:count])

    def start(self) -> Self:
        self._controller = _controller(self, self._tls, self._login)
        self._controller.start()
        return self

    def stop(self) -> None:
        self._controller.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def handle_MAIL(  # noqa: N802 - aiosmtpd finds its hooks by name
        self,
        _server: Any,
        _session: Any,
        envelope: Any,
        address: str,
        _options: list[str],
    ) -> str:
        if self.refuse_sender is not None:
            return self.refuse_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self,
        _server: Any,
        _session: Any,
        envelope: Any,
        address: str,
        _options: list[str],
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        await asyncio.sleep(self.hang)
        if self.after_data is not None:
            return self.after_data
        mail = Mail(sender=envelope.mail_from, recipients=tuple(envelope.rcpt_tos), raw=envelope.content)
        with self._arrived:
            self._mails.append(mail)
            self._arrived.notify_all()
        return "250 OK"


def _controller(server: SmtpServer, tls: ssl.SSLContext | None, login: tuple[str, str] | None) -> Any:
    from aiosmtpd.controller import Controller  # noqa: PLC0415 - a development dependency
    from aiosmtpd.smtp import AuthResult  # noqa: PLC0415

    class Listening(Controller):
        def _trigger_server(self) -> None:
            # The base class knocks at the port that it was given, which is 0.
            listening: Any = self.server
            self.port = listening.sockets[0].getsockname()[1]
            super()._trigger_server()  # type: ignore[no-untyped-call]

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> Any:
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == login, handled=False)

    options: dict[str, Any] = {"tls_context": tls}
    if login is not None:
        options |= {"authenticator": check, "auth_required": True, "auth_require_tls": tls is not None}
    return Listening(server, hostname="127.0.0.1", port=0, **options)


def certificate(folder: Path, *, name: str = "localhost") -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A self-made certificate for `name` and 127.0.0.1: the server's context, and a client's that trusts it.

    Uses the `openssl` program; `FileNotFoundError` where there is none.
    """
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1",
               "-keyout", str(key), "-out", str(cert)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own words
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(cert, key)
    return serving, ssl.create_default_context(cafile=str(cert))
