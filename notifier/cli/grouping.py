"""`notifier explain-grouping`: how an event would be grouped, and what to send to change that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from notifier.cli.options import Arguments, Subparsers, command
from notifier.cli.service import connect
from notifier.cli.session import CommandFailure, CommandSession, Exit
from notifier.cli.text import as_json, cell, visible

INPUT_AT_MOST = 1024 * 1024
UNNAMED = "unnamed"

EPILOG = """\
  notifier explain-grouping event.json
  echo 'could not charge order 1842' | notifier explain-grouping -

FILE holds one event as it is posted, `-` is standard input; what is no JSON object is one message. Nothing is stored.
It needs a key with the scope `read`."""

Row = Mapping[str, Any]


def add(commands: Subparsers) -> None:
    parser = command(commands, "explain-grouping", explain_grouping, "show how an event is grouped, and why")
    parser.epilog = EPILOG
    parser.add_argument("file", metavar="FILE|-", help="an event as JSON, or a message; - is standard input")
    parser.add_argument("--service", default=UNNAMED, help="the service, if the file contains only a message")


def explain_grouping(arguments: Arguments, session: CommandSession) -> Exit:
    text = _input(arguments.file, session)
    body = text if _is_event(text) else _message(text, arguments.service)
    with connect(session, arguments.config) as service:
        answer = service.request(
            "POST", "/v1/fingerprint", content=body, headers={"Content-Type": "application/json"}
        )
    session.put(as_json(answer) if arguments.json else "\n".join(_sentences(answer)))
    return Exit.OK


def _input(name: str, session: CommandSession) -> bytes:
    if name == "-":
        data = session.stdin.read(INPUT_AT_MOST + 1)
    else:
        try:
            with Path(name).open("rb") as file:
                data = file.read(INPUT_AT_MOST + 1)
        except OSError as error:
            raise CommandFailure(
                Exit.USAGE, f"the file cannot be read ({error.strerror}): name another, or - ."
            ) from error
    if len(data) > INPUT_AT_MOST:
        raise CommandFailure(Exit.USAGE, "the file is over 1 MiB: give one event.")
    if not data.strip():
        raise CommandFailure(Exit.USAGE, "the file is empty: give an event as JSON, or a message.")
    return data


def _is_event(data: bytes) -> bool:
    """Whether the data may be an event. A list counts: the service explains what is wrong with it."""
    try:
        return isinstance(json.loads(data), dict | list)
    except (ValueError, RecursionError):
        return False


def _message(data: bytes, service: str) -> bytes:
    text = data.decode("utf-8", "replace").removeprefix("\ufeff").strip()
    return json.dumps({"service": service, "message": text}).encode()


def _sentences(answer: Row) -> Iterator[str]:
    message = answer["message"]
    given = ", with the sender's own list" if answer["given"] else ""
    yield cell(answer["title"])
    yield ""
    yield f"fingerprint  {cell(answer['fingerprint'])} (version {cell(answer['version'])}{given})"
    yield f"exception    {cell(answer['exception'])}"
    used = any(frame["used"] for frame in answer["frames"])
    yield f"told by      {'its frames' if used else 'its message'}"
    yield from _frames(answer["frames"])
    yield f"message      {cell(' '.join(message['masked'].split()))}"
    yield from _parts(message["parts"])
    yield ""
    yield "To group otherwise, send this with the event, and change it:"
    yield visible(f'  "fingerprint": {json.dumps(answer["override"], ensure_ascii=False)}')


def _frames(frames: Sequence[Row]) -> Iterator[str]:
    if frames:
        yield "frames       outermost first; * is used"
    for frame in frames:
        place = ":".join(cell(frame[name]) for name in ("file", "function") if frame[name])
        yield f"  {'*' if frame['used'] else ' '} {place}"


def _parts(parts: Sequence[Row]) -> Iterator[str]:
    if parts:
        yield "masked"
    width = max((len(cell(part["kind"])) for part in parts), default=0)
    for part in parts:
        yield f"    {cell(part['kind']).ljust(width)}  {cell(' '.join(part['text'].split()))}"
