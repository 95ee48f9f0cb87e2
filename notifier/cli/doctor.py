"""`notifier doctor`: problems of the service with their remedies."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit

from notifier.cli import doctor_client
from notifier.cli.options import Arguments, Subparsers, command
from notifier.cli.service import LOOPBACK, authorities, connect, insecure, key
from notifier.cli.session import CommandSession, Exit
from notifier.cli.text import as_json, visible

SECONDS = 60
PROXY_S = 10.0
STREAM_S = 3.0
MARKS = {"ok": "ok", "warning": "warning", "problem": "PROBLEM"}

EPILOG = """\
It asks the running service, with a key of the scope admin, to look at its database, its configuration, its keys and
each of its channels: as far as a receiver goes without sending. From here it looks whether server.url leads to the
service, and whether the stream of open pages comes through.

exit status: 0 there is no problem; 1 there is; 3 the service cannot be reached; 4 it refuses the key"""


def add(commands: Subparsers) -> None:
    parser = command(commands, "doctor", doctor, "report what is wrong and what to do; alerts nobody")
    parser.epilog = EPILOG
    doctor_client.add(parser.add_subparsers(title="of applications", metavar="client"))


def doctor(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config, seconds=SECONDS) as service:
        found = service.post("/v1/doctor")
    items: list[dict[str, Any]] = [*found["items"]]
    if found["url"] is not None:
        items += _proxy_findings(found["url"], key(session))
    healthy = all(item["level"] != "problem" for item in items)
    if arguments.json:
        session.put(as_json({"healthy": healthy, "items": items}))
    else:
        for item in items:
            session.put(
                visible(f"{MARKS[item['level']]:<8} {item['area']}, {item['subject']}: {item['text']}")
            )
            if item["action"]:
                session.put(visible(f"{'':<8} -> {item['action']}"))
    session.say("There is no problem." if healthy else "There are problems.")
    return Exit.OK if healthy else Exit.NO


def _proxy_findings(url: str, secret: str) -> list[dict[str, Any]]:
    """Findings about `server.url` and its stream of changes.

    The key is sent to no other host, and not in clear text.
    """
    where = _server_url_finding(url)
    at = urlsplit(url)
    if where["level"] != "ok" or (at.scheme != "https" and at.hostname not in LOOPBACK):
        return [where]
    return [where, stream(url, secret)]


def stream(url: str, secret: str, *, within_s: float = STREAM_S) -> dict[str, Any]:
    """A finding on whether `/live` arrives unbuffered through the proxies."""
    import httpx

    headers = {"accept": "text/event-stream", "authorization": f"Bearer {secret}"}
    timeout = httpx.Timeout(PROXY_S, read=within_s)
    trouble = "the stream at /live ends at once"
    try:
        with httpx.stream(
            "GET", f"{url.rstrip('/')}/live", headers=headers, timeout=timeout, verify=authorities()
        ) as answer:
            if answer.status_code != 200:
                trouble = f"/live is answered with {answer.status_code}"
            elif next(answer.iter_raw(), b""):
                trouble = ""
    except httpx.ReadTimeout:
        trouble = f"nothing of the stream at /live came within {within_s:g} s: a proxy gathers it"
    except (httpx.HTTPError, OSError) as error:
        trouble = f"the stream at /live broke off ({type(error).__name__})"
    found = {"area": "stream", "subject": url}
    if not trouble:
        return {**found, "level": "ok", "text": "a stream comes through as it is said", "action": ""}
    return {
        **found,
        "level": "warning",
        "text": f"{trouble}; open pages hear of changes late, or not at all",
        "action": "let the proxy pass /live on as it comes (nginx: `proxy_buffering off`); see `notifier manual proxy`",
    }


def _server_url_finding(url: str) -> dict[str, Any]:
    """A finding on whether `server.url` leads to a service of this version."""
    import httpx

    asked = secrets.token_hex(8)
    found = {"area": "proxy", "subject": url, "action": "look at the proxy, at DNS, and at server.url"}
    try:
        answer = httpx.get(
            f"{url.rstrip('/')}/healthz",
            headers={"x-request-id": asked},
            timeout=PROXY_S,
            verify=authorities(),
        )
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        if (why := insecure(error, "server.url")) is not None:
            return {**found, "level": "problem", "text": why, "action": "see `notifier manual proxy`"}
        problem = (
            f"server.url does not answer from here ({type(error).__name__}): links in messages lead nowhere"
        )
        return {**found, "level": "problem", "text": problem}
    if answer.status_code != 200:
        problem = f"server.url answers {answer.status_code} where the service would answer 200"
        return {**found, "level": "problem", "text": problem}
    if answer.headers.get("x-request-id") != asked:
        problem = "something else answers at server.url, or the proxy takes X-Request-Id away"
        return {**found, "level": "problem", "text": problem}
    return {**found, "level": "ok", "text": "server.url leads to the service", "action": ""}
