"""`notifier doctor`: what is wrong with the service, or will be, and what to do."""

from __future__ import annotations

import secrets
from typing import Any

from notifier.cli import doctor_client
from notifier.cli.options import Arguments, Subparsers, command
from notifier.cli.service import connect
from notifier.cli.session import CommandSession, Exit
from notifier.cli.text import as_json, visible

SECONDS = 60
PROXY_S = 10.0
MARKS = {"ok": "ok", "warning": "warning", "problem": "PROBLEM"}

EPILOG = """\
It asks the running service, with a key of the scope admin, to look at its database, its configuration, its keys and
each of its channels: as far as a receiver goes without sending. From here it looks whether server.url leads to the
service.

exit status: 0 there is no problem; 1 there is; 3 the service cannot be reached; 4 it refuses the key"""


def add(commands: Subparsers) -> None:
    parser = command(commands, "doctor", doctor, "say what is wrong, and what to do; nobody is told anything")
    parser.epilog = EPILOG
    doctor_client.add(parser.add_subparsers(title="of applications", metavar="client"))


def doctor(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config, seconds=SECONDS) as service:
        found = service.post("/v1/doctor")
    items: list[dict[str, Any]] = [*found["items"]]
    if found["url"] is not None:
        items.append(_address(found["url"]))
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


def _address(url: str) -> dict[str, Any]:
    """Whether `server.url` leads to a service like this one, through whatever stands before it."""
    import httpx

    asked = secrets.token_hex(8)
    found = {"area": "proxy", "subject": url, "action": "look at the proxy, at DNS, and at server.url"}
    try:
        answer = httpx.get(f"{url.rstrip('/')}/healthz", headers={"x-request-id": asked}, timeout=PROXY_S)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
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
