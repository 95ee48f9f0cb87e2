"""`notifier send`: post an error event, from options or as JSON from standard input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from notifier.cli.options import Arguments, Subparsers, command, pair
from notifier.cli.service import connect, decoded, refuse
from notifier.cli.session import Exit, Failure, Session
from notifier.cli.words import as_json, cell
from notifier.domain.event import Severity

FIELDS = (
    "id", "service", "environment", "severity", "message", "release", "host", "status", "fingerprint",
)  # fmt: skip
INPUT_AT_MOST = 64 * 1024 * 1024

EPILOG = """\
Without these options, standard input is sent: one event as JSON, an array of events, or one event a line.

  notifier send --service billing --message 'could not charge' --label region=eu-west-1
  notifier send < events.ndjson

It needs a key with the scope `ingest`, and exits 1 if any event was rejected."""


def add(commands: Subparsers) -> None:
    parser = command(commands, "send", send, "post an error event")
    parser.epilog = EPILOG
    parser.add_argument("--service", help="what failed (required)")
    parser.add_argument("--message", help="how it failed, in a sentence (required unless resolved)")
    parser.add_argument("--severity", choices=[one.value for one in Severity], help="default: error")
    parser.add_argument("--environment", help="default: production")
    parser.add_argument("--release")
    parser.add_argument("--host")
    parser.add_argument(
        "--label", dest="labels", type=pair, action="append", metavar="NAME=VALUE", help="may be repeated"
    )
    parser.add_argument(
        "--fingerprint",
        action="append",
        metavar="PART",
        help="what makes it the same problem; may be repeated",
    )
    parser.add_argument("--status", choices=["firing", "resolved"], help="default: firing")
    parser.add_argument("--id", help="makes sending it again harmless")


def send(arguments: Arguments, session: Session) -> Exit:
    event = _from_options(arguments)
    body, kind = (json.dumps(event).encode(), "application/json") if event else _from_input(session)
    with connect(session, arguments.config) as service:
        answer = service.answer("POST", "/v1/events", content=body, headers={"Content-Type": kind})
    return _tell(answer, arguments, session)


def _from_options(arguments: Arguments) -> dict[str, Any]:
    event = {name: getattr(arguments, name) for name in FIELDS if getattr(arguments, name) is not None}
    if arguments.labels:
        event["labels"] = dict(arguments.labels)
    if event and "service" not in event:
        raise Failure(Exit.USAGE, "--service is missing: say what failed.")
    return event


def _from_input(session: Session) -> tuple[bytes, str]:
    if session.stdin.isatty():
        raise Failure(Exit.USAGE, "nothing to send: give --service and --message, or JSON on standard input.")
    body = session.stdin.read(INPUT_AT_MOST + 1)
    if len(body) > INPUT_AT_MOST:
        raise Failure(Exit.USAGE, "standard input is over 64 MiB: send it in parts of at most 1,000 events.")
    if not body.strip():
        raise Failure(Exit.USAGE, "standard input is empty: give an event as JSON, or use the options.")
    return body, "application/x-ndjson" if _is_lines(body) else "application/json"


def _is_lines(body: bytes) -> bool:
    """Whether more than one line is a JSON value of its own."""
    first, _, rest = body.strip().partition(b"\n")
    try:
        return bool(rest.strip()) and isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _tell(answer: Any, arguments: Arguments, session: Session) -> Exit:
    document = decoded(answer) if answer.is_success or answer.status_code == 422 else None
    results = document.get("results") if isinstance(document, Mapping) else None
    if not isinstance(results, list):
        refuse(answer)
        results = [document]
    if arguments.json:
        session.put(as_json(document))
    else:
        _tell_each(results, session)
    return Exit.NO if any(_rejected(one) for one in results) else Exit.OK


def _rejected(result: Any) -> bool:
    return not isinstance(result, Mapping) or result.get("status") == "rejected"


def _tell_each(results: list[Any], session: Session) -> None:
    for result in results:
        if _rejected(result):
            session.say(f"rejected: {cell(result)}")
            continue
        status, event, incident = (cell(result.get(name)) for name in ("status", "id", "incident_id"))
        session.put(f"{status} {event} incident {incident}")
        for warning in result.get("warnings") or ():
            session.say(f"warning: {cell(warning)}")
