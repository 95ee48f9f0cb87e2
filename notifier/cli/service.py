"""The HTTP client of the commands. Every failure is a `CommandFailure` with one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from notifier.cli.clientfile import client_file, warn_if_shared
from notifier.cli.session import CommandFailure, CommandSession, Exit
from notifier.cli.text import visible

if TYPE_CHECKING:
    import ssl

    import httpx

DEFAULT_URL = "http://127.0.0.1:8000"
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - listened on, never connected to
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
KEY = re.compile(r"[!-~]+")
ERRORS_SHOWN = 10

NO_KEY = (
    "no API key: put one into NOTIFIER_KEY, or the name of a file that holds it into NOTIFIER_KEY_FILE. "
    "`notifier serve` prints the first key; `notifier keys create --offline` makes another."
)
UNEXPECTED_SERVER = (
    "what answers there is no notifier, for its answer is of another form. Check NOTIFIER_URL."
)
INVALID_REQUEST = {400, 405, 406, 408, 411, 413, 414, 415, 422, 431}
"""Statuses that mean the request was invalid."""

OTHERS = {
    502: "nothing answers behind it",
    503: "it is too busy, or is starting",
    504: "what is behind it did not answer in time",
    404: "there is nothing at this address",
}
TRUST = "where an authority (CA) of your own vouches for it, let SSL_CERT_FILE name a file that holds it"
HINTS = {
    401: " Check NOTIFIER_KEY: the key may be incomplete, revoked, or of another service.",
    403: " Use a key that has the scope; `notifier keys create` makes one.",
}


def address(session: CommandSession, config: str | None) -> str:
    """The service's address: NOTIFIER_URL, else that of the client file, the configuration, or the local default."""
    environ = session.environ
    if url := environ.get("NOTIFIER_URL"):
        return _checked(url, "NOTIFIER_URL")
    if url := client_file(environ).url:
        return _checked(url, "the client file's `url`")
    if (
        config
        or environ.get("NOTIFIER_CONFIG")
        or any(name.startswith("NOTIFIER_SERVER__") for name in environ)
    ):
        host, port = session.local().address(config, environ)
        host = ANYWHERE.get(host, host)
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return DEFAULT_URL


def key(session: CommandSession) -> str:
    """The API key. It is never an argument, because every user of a machine can read those."""
    given, name = session.environ.get("NOTIFIER_KEY"), session.environ.get("NOTIFIER_KEY_FILE")
    if given and name:
        raise CommandFailure(Exit.USAGE, "both NOTIFIER_KEY and NOTIFIER_KEY_FILE are set: keep one of them.")
    if not given and not name:
        name = client_file(session.environ).key_file
    text = (given or (_read(session, name) if name else "")).strip()
    if not text:
        raise CommandFailure(Exit.USAGE, NO_KEY)
    if not KEY.fullmatch(text):
        raise CommandFailure(
            Exit.USAGE, "the API key holds a space or a character that no key has: copy it anew."
        )
    return text


class ServiceClient:
    """Sends requests and returns decoded answers. `CommandFailure` is raised if there is none."""

    def __init__(self, http: httpx.Client, base: str) -> None:
        self._http = http
        self._base = base

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        return self.request("GET", path, params=dict(query or {}))

    def page(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """One page of a list: `{"items": [...], "next_cursor": ...}`."""
        page = self.get(path, query)
        items = page.get("items")
        if not (isinstance(items, list) and all(isinstance(item, Mapping) for item in items)):
            raise CommandFailure(Exit.UNREACHABLE, UNEXPECTED_SERVER)
        return page

    def post(self, path: str, document: object = None) -> Any:
        return self.request("POST", path, json={} if document is None else document)

    def delete(self, path: str, query: Mapping[str, str]) -> Any:
        return self.request("DELETE", path, params=dict(query))

    def request(self, method: str, path: str, **parts: Any) -> Any:
        """The JSON object that answers a request; empty if the answer has no body."""
        answer = self.answer(method, path, **parts)
        refuse(answer)
        return decoded(answer)

    def answer(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """The response to a request, whatever its status."""
        with self._connection_errors():
            return self._http.request(method, path, **parts)

    @contextmanager
    def stream(
        self, method: str, path: str, document: Mapping[str, Any] | None = None
    ) -> Iterator[Iterator[bytes]]:
        """The chunks of an answer that may be too large for memory."""
        with self._connection_errors(), self._http.stream(method, path, json=document) as answer:
            if not answer.is_success:
                answer.read()
                refuse(answer)
            yield answer.iter_bytes()

    @contextmanager
    def _connection_errors(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.ConnectError as error:
            raise CommandFailure(
                Exit.UNREACHABLE,
                insecure(error, self._base)
                or f"nothing answers at {self._base}. Start it with `notifier serve`, or set NOTIFIER_URL.",
            ) from error
        except httpx.TimeoutException as error:
            raise CommandFailure(
                Exit.UNREACHABLE, f"{self._base} did not answer in time. Whether it acted is unknown."
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CommandFailure(
                Exit.UNREACHABLE, f"the exchange with {self._base} broke off ({type(error).__name__})."
            ) from error


def insecure(error: BaseException, url: str) -> str | None:
    """Why TLS failed at this address, in a sentence; None if the error is not about TLS."""
    import ssl

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    match cause:
        case ssl.SSLCertVerificationError():
            return (
                f"the certificate of {url} does not hold here ({cause.verify_message.rstrip('.')}): {TRUST}"
            )
        case ssl.SSLError():
            return (
                f"no secure connection to {url} came about ({cause.reason}): does it speak TLS on this port?"
            )
        case _:
            return None


def authorities() -> ssl.SSLContext:
    """A TLS context that trusts SSL_CERT_FILE or SSL_CERT_DIR, else Mozilla's authorities, and the system's."""
    import httpx

    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context


@contextmanager
def connect(
    session: CommandSession, config: str | None, *, keyed: bool = True, seconds: float = 30
) -> Iterator[ServiceClient]:
    """A client of the service, with the key if `keyed`. It fails if no answer arrives within `seconds`."""
    import ssl

    import httpx

    base = address(session, config)
    headers = {"Accept": "application/json", "User-Agent": "notifier-cli"}
    if keyed:
        headers["Authorization"] = f"Bearer {key(session)}"
    url = urlsplit(base)
    # A proxy cannot reach this machine's loopback.
    beyond = url.hostname not in LOOPBACK
    # Loading the authorities takes longer than most requests, and plain HTTP does not need them.
    verify = authorities() if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with httpx.Client(
        base_url=base, headers=headers, timeout=seconds, trust_env=beyond, verify=verify
    ) as http:
        yield ServiceClient(http, base)


def refuse(answer: httpx.Response) -> None:
    """Raise `CommandFailure` for a status of 300 or more."""
    if answer.is_success:
        return
    status = answer.status_code
    if answer.is_redirect:
        raise CommandFailure(
            Exit.USAGE, f"the address redirects ({status}): set NOTIFIER_URL to the final one."
        )
    sentence = _problem(answer)
    if status in {401, 403}:
        raise CommandFailure(Exit.REFUSED, sentence)
    if status == 429 or status >= 500:
        raise CommandFailure(Exit.UNREACHABLE, sentence + _wait(answer))
    raise CommandFailure(Exit.USAGE if status in INVALID_REQUEST else Exit.NO, sentence)


def decoded(answer: httpx.Response) -> Any:
    """The JSON object of an answer; empty if it has no body."""
    if not answer.content:
        return {}
    try:
        document = answer.json()
    except (ValueError, RecursionError) as error:
        raise CommandFailure(Exit.UNREACHABLE, UNEXPECTED_SERVER) from error
    if not isinstance(document, dict):
        raise CommandFailure(Exit.UNREACHABLE, UNEXPECTED_SERVER)
    return document


def _checked(url: str, name: str) -> str:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise CommandFailure(Exit.USAGE, f"{name} is no http or https address such as {DEFAULT_URL}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise CommandFailure(
            Exit.USAGE, f"{name} takes no password, query or fragment: the key is NOTIFIER_KEY."
        )
    return url.rstrip("/")


def _read(session: CommandSession, name: str) -> str:
    warn_if_shared(session, name)
    try:
        with open(name, encoding="utf-8-sig", errors="replace") as file:  # noqa: PTH123 - pathlib has no bounded read
            return file.read(4096)
    except OSError as error:
        raise CommandFailure(
            Exit.USAGE, f"the file that holds the key cannot be read: {error.strerror}."
        ) from error


def _problem(answer: httpx.Response) -> str:
    """An RFC 9457 problem as a sentence, then one line for each member of `errors`; standard members are omitted."""
    try:
        document = answer.json()
    except (ValueError, RecursionError):
        document = None
    hint = HINTS.get(answer.status_code, "")
    if not isinstance(document, dict) or "status" not in document:
        said = OTHERS.get(answer.status_code, f"it answered with the status {answer.status_code}")
        return f"the service, or what stands before it, did not do it: {said}.{hint}"
    detail = visible(str(document.get("detail") or "")).rstrip(".")
    lines = [f"{detail}." if detail else f"it was refused.{hint}"]
    if answer.status_code == 401 and "Authorization" in detail:
        lines[0] = f"what the service was given is no key of notifier's.{hint}"
    elif answer.status_code == 403 and detail:
        lines[0] += HINTS[403]
    errors = document.get("errors")
    listed = [_line(error) for error in (errors if isinstance(errors, list) else [])[:ERRORS_SHOWN]]
    # A single error that repeats the sentence is omitted.
    lines += [line for line in listed if line.strip() != detail and detail != line.strip().partition(": ")[2]]
    return "\n".join(lines)


def _line(error: object) -> str:
    if not isinstance(error, Mapping):
        return f"  {error}"
    return "  " + ": ".join(str(error[name]) for name in ("path", "message") if error.get(name))


def _wait(answer: httpx.Response) -> str:
    after = answer.headers.get("Retry-After", "")
    return f" Try again in {after} s." if after.isdigit() else ""
