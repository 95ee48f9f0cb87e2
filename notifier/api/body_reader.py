"""The relevant headers of an ingest request, and its body, limited in size, time and decompression."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from starlette.types import Receive

from notifier.api.problems import HttpProblem
from notifier.api.timeout import SharedTimeout
from notifier.api.unpacking import unpacked
from notifier.domain.time import SECOND, Instant, parse_rfc3339

BODY_TIMEOUT_S = 30.0
"""The time that a sender has for its body; uvicorn has no limit."""

_CODINGS = {
    b"": "",
    b"identity": "",
    b"gzip": "gzip",
    b"x-gzip": "gzip",
    b"deflate": "deflate",
    b"br": "br",
}


class Headers:
    """The relevant headers, collected in one pass."""

    __slots__ = (
        "authorization",
        "cloud_events",
        "content_type",
        "encoding",
        "hosts",
        "length",
        "request_id",
        "sent_at",
    )

    def __init__(self, raw: Sequence[tuple[bytes, bytes]]) -> None:
        self.authorization: str | None = None
        self.content_type: str | None = None
        self.encoding = ""
        self.length = 0
        self.request_id: bytes | None = None
        self.sent_at: str | None = None
        self.cloud_events = False
        self.hosts = 0
        for name, value in raw:
            if name == b"authorization":
                self.authorization = value.decode("latin-1")
            elif name == b"content-type":
                self.content_type = value.decode("latin-1")
                self.cloud_events |= b"cloudevents" in value
            elif name == b"content-length":
                self.length = int(value) if value.isdigit() and len(value) < 19 else 0
            elif name == b"host":
                self.hosts += 1
            elif name == b"content-encoding":
                self.encoding = _CODINGS.get(value.strip().lower(), "unknown")
            elif name == b"notifier-sent-at":
                self.sent_at = value.decode("latin-1")
            elif name == b"x-request-id":
                self.request_id = bytes(byte for byte in value[:128] if 0x20 < byte < 0x7F)
            elif name == b"ce-specversion":
                self.cloud_events = True


class BodyReader:
    """Reads bodies of at most `largest` bytes, decompressed. `what` names their content in errors."""

    def __init__(self, largest: int, what: str, codings: Collection[str] = ("gzip",)) -> None:
        self.largest = largest
        self._what = what
        self._codings = codings
        self._timeout = SharedTimeout(BODY_TIMEOUT_S)

    async def read(self, headers: Headers, receive: Receive, ready: bytes | None = None) -> bytes:
        """The whole decompressed body; `ready` is the body as sent, if it has arrived already."""
        if headers.encoding and headers.encoding not in self._codings:
            known = " or ".join(self._codings)
            raise HttpProblem(
                415, f"this content encoding is not known: send the body as it is, or with {known}"
            )
        if headers.length > self.largest or (ready is not None and len(ready) > self.largest):
            raise self._too_large()
        body = ready if ready is not None else await self._in_time(receive)
        if headers.encoding:
            body = unpacked(body, headers.encoding, self.largest)
            if len(body) > self.largest:
                raise self._too_large()
        return body

    async def _in_time(self, receive: Receive) -> bytes:
        try:
            return await self._timeout.wait(self._received(receive))
        except TimeoutError:
            # The rest is not awaited: the connection ends with the answer.
            raise HttpProblem(
                408,
                f"the body did not come within {BODY_TIMEOUT_S:.0f} s: send it at once",
                {"connection": "close"},
            ) from None

    async def _received(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise HttpProblem(400, "the body ended early")
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self.largest:
                raise self._too_large()
            chunks.append(chunk)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _too_large(self) -> HttpProblem:
        return HttpProblem(
            413,
            f"the body is over {self.largest} bytes (ingest.max_body_bytes): send fewer {self._what} at once",
        )


def sent_at(value: str | None) -> Instant | None:
    """`Notifier-Sent-At` as RFC 3339 or seconds since 1970; None if it is missing or invalid."""
    if value is None:
        return None
    try:
        return parse_rfc3339(value)
    except ValueError:
        pass
    try:
        return int(float(value) * SECOND)
    except (ValueError, OverflowError):
        return None
