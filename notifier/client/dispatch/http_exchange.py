"""Requests to the service, and the meaning of its responses."""

from __future__ import annotations

import contextlib
import encodings.idna  # noqa: F401 - the first look-up of a name would import it, in a thread
import gzip
import json
import logging
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

# Imported here: a process that forks while a thread imports leaves a locked import lock in its child.
import httpx

from notifier.client.capture.reentrancy import in_client_code

Meaning = Literal["taken", "retry", "too_large", "invalid", "refused", "unexpected_server"]
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
GZIP_FROM: Final = 1_024
MAX_RETRY_AFTER_S: Final = 300.0
CONNECT_S: Final = 3.0
TOTAL_S: Final = 10.0
ANSWER_BYTES: Final = 4 << 20
HEARTBEAT: Final = "/v1/processes/heartbeat"
_HTTP_LOGGERS: Final = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAnswer:
    """The meaning of a response.

    `taken`: the service has accepted all records except for `rejected` ones, which are invalid. `retry`: the service
    is unavailable or busy, and asks to wait `after` seconds. `invalid`: a record cannot be read. `too_large`: the
    request is too large. `refused`: the key is not accepted. `unexpected_server`: the server is no notifier. `why` is
    the response's explanation.
    """

    meaning: Meaning
    after: float | None = None
    rejected: int = 0
    why: str = ""
    body: Any = None


class Exchange:
    """A keep-alive connection to the service. For one thread at a time; never raises."""

    def __init__(self, url: str, key: str, *, now: Callable[[], float] = time.time) -> None:
        self._url = url
        # Secrets read from files often end in a line break.
        self._key = key.strip()
        self._now = now
        self._http: httpx.Client | None = None

    def prepare(self) -> None:
        """Creates the HTTP client early, because that imports modules. A wrong URL is only reported when it is used."""
        with contextlib.suppress(Exception):
            self._client()

    def post(self, path: str, records: Sequence[bytes]) -> ServiceAnswer:
        """Posts records as a JSON array."""
        return self._exchange("POST", path, b"[" + b",".join(records) + b"]", expects="results")

    def post_one(self, path: str, document: Any, *, seconds: float = TOTAL_S) -> ServiceAnswer:
        return self._exchange("POST", path, json.dumps(document).encode(), seconds, expects="interval")

    def probe(self, *, seconds: float) -> ServiceAnswer:
        """Posts a request without events. A service that accepts the key responds with `invalid`."""
        return self._exchange("POST", "/v1/events", b"[]", seconds, expects="results")

    def get(self, path: str, *, seconds: float) -> ServiceAnswer:
        return self._exchange("GET", path, b"", seconds, expects="id")

    def close(self) -> None:
        http, self._http = self._http, None
        if http is not None:
            http.close()

    def _exchange(
        self, method: str, path: str, body: bytes, seconds: float = TOTAL_S, *, expects: str
    ) -> ServiceAnswer:
        if not (self._key.isascii() and self._key.isprintable() and self._key):
            # The HTTP library would show such a key in its error message.
            return ServiceAnswer(meaning="refused", why="it is empty, or has characters that no key has")
        try:
            status, retry_after, content = self._request(method, path, body, seconds)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError) as error:
            return ServiceAnswer(meaning="unexpected_server", why=f"{type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - whatever the network did, the report waits
            self.close()
            return ServiceAnswer(meaning="retry", why=f"{type(error).__name__}: {error}")
        return read(status, retry_after, content, now=self._now(), expects=expects)

    def _request(self, method: str, path: str, body: bytes, seconds: float) -> tuple[int, str | None, bytes]:
        sent_at = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")
        headers = {"authorization": f"Bearer {self._key}", "notifier-sent-at": sent_at.replace("+00:00", "Z")}
        if body:
            headers["content-type"] = "application/json"
        if len(body) >= GZIP_FROM and path != HEARTBEAT:
            body, headers["content-encoding"] = gzip.compress(body, 1), "gzip"
        timeout = httpx.Timeout(seconds, connect=min(CONNECT_S, seconds))
        request = self._client().stream(method, path, content=body or None, headers=headers, timeout=timeout)
        until = time.monotonic() + seconds
        with request as response:
            return response.status_code, response.headers.get("retry-after"), _content(response, until)

    def _client(self) -> httpx.Client:
        if self._http is None:
            for name in _HTTP_LOGGERS:
                logging.getLogger(name).addFilter(_is_application_record)
            url = urlsplit(self._url)
            beyond = url.hostname not in LOOPBACK
            # Loading the certificate authorities takes longer than ten reports, and plain HTTP does not need them.
            if url.scheme == "https":
                verify = httpx.create_ssl_context()
                verify.load_default_certs()
            else:
                verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._http = httpx.Client(
                base_url=self._url, follow_redirects=False, trust_env=beyond, verify=verify
            )
        return self._http


def _is_application_record(_record: logging.LogRecord) -> bool:
    """Whether a log record of the HTTP library is about a request of the application, not of the client.

    httpx logs each request at INFO, so that heartbeats alone would be a line every ten seconds.
    """
    return not in_client_code()


def _content(response: httpx.Response, until: float) -> bytes:
    """The body, cut at the size of a notifier's responses. Another server's may never end."""
    content = b""
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > ANSWER_BYTES:
            break
        if time.monotonic() > until:
            raise TimeoutError("the answer took too long")
    return content


def read(
    status: int, retry_after: str | None, body: bytes, *, now: float, expects: str | None = None
) -> ServiceAnswer:
    """The meaning of a response. Pure.

    `expects` names a field that every 2xx response of a notifier has. Without it the server is another one.
    """
    document = _json(body)
    words = _explanation(document, status)
    expected = expects is None or (isinstance(document, dict) and expects in document)
    if (200 <= status < 300 and expected) or (
        status == 422 and isinstance(document, dict) and "results" in document
    ):
        results = document.get("results", ()) if isinstance(document, dict) else ()
        rejected = [
            result for result in results if isinstance(result, dict) and result.get("status") == "rejected"
        ]
        why = str(rejected[0].get("error", "")) if rejected else ""
        return ServiceAnswer(meaning="taken", rejected=len(rejected), why=why, body=document)
    if status in {401, 403}:
        return ServiceAnswer(meaning="refused", why=words)
    if status == 413:
        return ServiceAnswer(meaning="too_large", why=words)
    if status in {400, 422} and isinstance(document, dict) and "detail" in document:
        return ServiceAnswer(meaning="invalid", why=words)
    if status in {408, 425, 429} or status >= 500:
        return ServiceAnswer(meaning="retry", after=retry_after_seconds(retry_after, now=now), why=words)
    return ServiceAnswer(meaning="unexpected_server", why=words)


def retry_after_seconds(header: str | None, *, now: float) -> float | None:
    """The seconds in `Retry-After` (RFC 9110, 10.2.3), a number or an HTTP date, at most five minutes."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            at = parsedate_to_datetime(header)
        except (ValueError, TypeError):
            return None
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now
    return min(max(0.0, seconds), MAX_RETRY_AFTER_S) if seconds == seconds else None  # noqa: PLR0124 - NaN


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _explanation(document: Any, status: int) -> str:
    detail = document.get("detail") if isinstance(document, dict) else None
    return f"{status}: {str(detail)[:300]}" if detail else f"it answered {status}"
