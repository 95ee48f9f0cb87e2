"""`notifier send`: post an event, from options or as JSON from standard input."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from notifier.cli.options import Arguments, Subparsers, command, pair
from notifier.cli.service import ServiceClient, connect, decoded, refuse
from notifier.cli.session import CommandFailure, CommandSession, Exit
from notifier.cli.text import as_json, cell
from notifier.domain.severity import Severity

if TYPE_CHECKING:
    import httpx

FIELDS = (
    "id", "service", "environment", "severity", "message", "release", "host", "status", "fingerprint",
)  # fmt: skip
INPUT_AT_MOST = 1024 * 1024 * 1024
NDJSON = "application/x-ndjson"
EVENTS_AT_ONCE = 1_000
BYTES_AT_ONCE = 4 * 1024 * 1024
REJECTED_SHOWN = 20
SAMPLED_LINES = 5
TRIES = 8
LONGEST_WAIT_S = 60

EPILOG = """\
Without these options, standard input is sent: one event as JSON, an array of events, or one event a line. More than
1,000 events go in several requests, one after the other, and end with a summary.

  notifier send --service billing --message 'could not charge' --label region=eu-west-1
  notifier send < events.ndjson

It needs a key with the scope `ingest`, and exits 1 if any event was rejected."""


def add(commands: Subparsers) -> None:
    parser = command(commands, "send", send, "post an error event")
    parser.epilog = EPILOG
    parser.add_argument("--service", help="what failed (required)")
    parser.add_argument("--message", help="what went wrong, in a sentence (required unless resolved)")
    parser.add_argument(
        "--severity",
        metavar="{" + ",".join(severity.value for severity in Severity) + "}",
        help="default: error; other spellings are mapped to one of these",
    )
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
        help="what identifies the problem; may be repeated",
    )
    parser.add_argument("--status", choices=["firing", "resolved"], help="default: firing")
    parser.add_argument("--id", help="makes it safe to send the event again")


def send(arguments: Arguments, session: CommandSession) -> Exit:
    event = _from_options(arguments)
    if event:
        with connect(session, arguments.config) as service:
            answer = _posted(service, json.dumps(event).encode(), "application/json")
        if answer.status_code == 422 and "results" not in decoded(answer):
            refuse(answer)
        return _report(answer, arguments, session)
    body, kind = _from_input(session)
    parts = list(_parts(body, kind))
    with connect(session, arguments.config) as service:
        if len(parts) > 1:
            return _send_parts(service, parts, arguments, session)
        answer = _posted(service, body, kind)
    try:
        return _report(answer, arguments, session)
    except CommandFailure as failure:  # The input is invalid, not the usage.
        raise CommandFailure(
            Exit.NO if failure.status is Exit.USAGE else failure.status, str(failure)
        ) from failure


def _posted(service: ServiceClient, body: bytes, kind: str) -> httpx.Response:
    return service.answer("POST", "/v1/events", content=body, headers={"Content-Type": kind})


def _parts(body: bytes, kind: str) -> Iterator[tuple[int, bytes]]:
    """NDJSON bodies of at most a thousand events or a few MB, each with the number of events before it."""
    if kind == NDJSON:
        items = [line for line in body.split(b"\n") if line.strip(b" \t\r\n\xef\xbb\xbf")]
    else:
        items = _items(body)
    start, size = 0, 0
    for place, item in enumerate(items):
        if place - start == EVENTS_AT_ONCE or (size + len(item) > BYTES_AT_ONCE and place > start):
            yield start, b"\n".join(items[start:place])
            start, size = place, 0
        size += len(item) + 1
    if items[start:]:
        yield start, b"\n".join(items[start:])


def _items(body: bytes) -> list[bytes]:
    """The events of an array, each on a line. A small body, or one that is no array, is sent unchanged."""
    if len(body) < BYTES_AT_ONCE and body.count(b"{") <= EVENTS_AT_ONCE:
        return []
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return []
    if not isinstance(document, list) or len(document) <= 1:
        return []
    return [json.dumps(event).encode() for event in document]


def _send_parts(
    service: ServiceClient, parts: Sequence[tuple[int, bytes]], arguments: Arguments, session: CommandSession
) -> Exit:
    """Send one request at a time. A busy service is retried; after a permanent failure nothing more is sent."""
    summary = SendSummary()
    total = parts[-1][0] + parts[-1][1].count(b"\n") + 1
    for start, body in parts:
        try:
            results = _results(_post_with_retries(service, body, session))
        except KeyboardInterrupt:
            _finish(summary, total, arguments, session)
            raise
        except CommandFailure as failure:
            _finish(summary, total, arguments, session)
            raise CommandFailure(
                Exit.NO if failure.status is Exit.USAGE else failure.status,
                f"{failure}\nEvents from number {start + 1:,} on were not sent, or nobody knows: "
                "send the input again; events with ids count once.",
            ) from failure
        for rejected in summary.count(results, start):
            if summary.counts["rejected"] <= REJECTED_SHOWN:
                _erase(session)
                _say_rejected(rejected, session)
        _progress(len(summary.results), total, session)
    _finish(summary, total, arguments, session)
    return Exit.NO if summary.counts.get("rejected") else Exit.OK


def _post_with_retries(service: ServiceClient, body: bytes, session: CommandSession) -> httpx.Response:
    for _ in range(TRIES - 1):
        answer = _posted(service, body, NDJSON)
        if answer.status_code not in {429, 503}:
            return answer
        after = answer.headers.get("Retry-After", "")
        seconds = min(int(after), LONGEST_WAIT_S) if after.isdigit() else 1
        _erase(session)
        session.say(f"the service is busy: trying again in {seconds} s.")
        time.sleep(seconds)
    return _posted(service, body, NDJSON)


class SendSummary:
    """The results of several requests, combined into one answer."""

    def __init__(self) -> None:
        self.results: list[Any] = []
        self.counts: dict[str, int] = {}

    def count(self, results: Sequence[Any], start: int) -> Iterator[Mapping[str, Any]]:
        """Count the results, and return the rejected ones with their position in the input."""
        for place, result in enumerate(results, start):
            rejected = _rejected(result)
            status = "rejected" if rejected else str(result.get("status"))
            self.counts[status] = self.counts.get(status, 0) + 1
            placed = {**result, "index": place} if rejected and isinstance(result, Mapping) else result
            self.results.append(placed)
            if placed is not result:
                yield placed

    @property
    def incidents(self) -> int:
        return len({result.get("incident_id") for result in self.results if not _rejected(result)})


def _progress(sent: int, total: int, session: CommandSession) -> None:
    if session.stderr.isatty():
        session.stderr.write(f"\r{sent:,} of {total:,} events")
        session.stderr.flush()


def _erase(session: CommandSession) -> None:
    if session.stderr.isatty():
        session.stderr.write("\r\033[K")


def _finish(summary: SendSummary, total: int, arguments: Arguments, session: CommandSession) -> None:
    _erase(session)
    sentence = _sentence(summary, total)
    if arguments.json:
        session.put(as_json({"results": summary.results}))
        session.say(sentence)
    else:
        session.put(sentence)


def _sentence(summary: SendSummary, total: int) -> str:
    counts = ", ".join(f"{count:,} {status}" for status, count in sorted(summary.counts.items()))
    sent, incidents = len(summary.results), summary.incidents
    of = "" if sent == total else f" of {total:,}"
    return (
        f"sent {sent:,}{of} events: {counts or 'nothing'}; "
        f"{incidents:,} incident{'' if incidents == 1 else 's'}"
    )


def _from_options(arguments: Arguments) -> dict[str, Any]:
    event = {name: getattr(arguments, name) for name in FIELDS if getattr(arguments, name) is not None}
    if arguments.labels:
        event["labels"] = dict(arguments.labels)
    if event and "service" not in event:
        raise CommandFailure(Exit.USAGE, "--service is missing: say what failed.")
    return event


def _from_input(session: CommandSession) -> tuple[bytes, str]:
    if session.stdin.isatty():
        raise CommandFailure(
            Exit.USAGE, "nothing to send: give --service and --message, or JSON on standard input."
        )
    body = session.stdin.read(INPUT_AT_MOST + 1)
    if len(body) > INPUT_AT_MOST:
        raise CommandFailure(Exit.USAGE, "standard input is over 1 GiB: send it in parts.")
    if not body.strip():
        raise CommandFailure(
            Exit.USAGE, "standard input is empty: give an event as JSON, or use the options."
        )
    return body, NDJSON if _is_lines(body) else "application/json"


def _is_lines(body: bytes) -> bool:
    """Whether several lines are JSON values; the first may be malformed."""
    lines = body.removeprefix(b"\xef\xbb\xbf").strip().split(b"\n", SAMPLED_LINES)
    if len(lines) < 2 or lines[0].startswith(b"["):
        return False
    return any(map(_is_object, lines[:SAMPLED_LINES]))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _report(answer: httpx.Response, arguments: Arguments, session: CommandSession) -> Exit:
    results = _results(answer)
    if arguments.json:
        session.put(as_json(decoded(answer)))
    else:
        _report_each(results, session)
        if len(results) > 1:
            summary = SendSummary()
            list(summary.count(results, 0))
            session.say(_sentence(summary, len(results)))
    return Exit.NO if any(_rejected(result) for result in results) else Exit.OK


def _results(answer: httpx.Response) -> list[Any]:
    document = decoded(answer) if answer.is_success or answer.status_code == 422 else None
    results = document.get("results") if isinstance(document, Mapping) else None
    if isinstance(results, list):
        return results
    refuse(answer)
    return [document]


def _rejected(result: Any) -> bool:
    return not isinstance(result, Mapping) or result.get("status") == "rejected"


def _say_rejected(result: Any, session: CommandSession) -> None:
    """Print a line for a rejected event: its position in the input, counted from 1, and the reason."""
    if isinstance(result, Mapping) and isinstance(result.get("index"), int):
        session.say(f"rejected: event {result['index'] + 1:,}: {cell(result.get('error'))}")
    else:
        session.say(f"rejected: {cell(result)}")


def _report_each(results: list[Any], session: CommandSession) -> None:
    for result in results:
        if _rejected(result):
            _say_rejected(result, session)
            continue
        status, event, incident = (cell(result.get(name)) for name in ("status", "id", "incident_id"))
        session.put(f"{status} {event} incident {incident}")
        for warning in result.get("warnings") or ():
            session.say(f"warning: {cell(warning)}")
