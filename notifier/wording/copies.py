"""An incident as text to paste elsewhere: Markdown, JSON, and shell commands.

An event's content is untrusted. Markdown puts it in code spans, with fences longer than its own; JSON escapes
invisible characters. A command puts it between single quotes, without quotes, backslashes, control characters or
exclamation marks, so that no shell interprets it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from notifier.domain.incident import Incident
from notifier.wording.reasons import owner, service_of
from notifier.wording.text import TITLE, counted, escaped_unseen, plain
from notifier.wording.times import moment
from notifier.wording.tracebacks import traceback_of

COMMAND_BYTES = 100_000
"""Most systems limit an argument of a command to 128 KiB."""

# Fields of the newest event that a repeated one does not have.
_OF_ONE = ("id", "timestamp")
_CURL = 'curl -sS -H "Authorization: Bearer $NOTIFIER_KEY"'
_TICKS = re.compile(r"`+")
_SPECIAL_IN_JSON = re.compile(r"\\\\|['!\x7f]")
_SPECIAL_IN_URL = re.compile(r"[^!-~]|['!\\]")


def as_markdown(incident: Incident) -> str:
    """The incident for an issue or a chat: its state, its count, and the traceback."""
    standing = owner(incident) or "over"
    span = f"from {moment(incident.first_seen)} to {moment(incident.last_seen)}"
    facts = [
        f"- {_code(incident.state.value)}, severity {_code(incident.severity.value)}, {_code(standing)}",
        f"- service {_code(service_of(incident))}, environment {_code(incident.environment)}",
        f"- {counted(incident.count, 'event')} {span}",
    ]
    facts += [f"- <{incident.url}>"] if incident.url else []
    text = traceback_of(incident.latest_event).text or _message(incident.latest_event)
    return "\n".join(
        [
            f"**Incident {incident.number}:** {_code(incident.title)}",
            "",
            *facts,
            *(["", _fenced(escaped_unseen(text))] if text else []),
            "",
        ]
    )


def as_json(incident: Incident) -> str:
    """The documented JSON of an incident, as the API returns it."""
    return escaped_unseen(json.dumps(incident.as_json(), indent=2, ensure_ascii=False))


def show_command(incident: Incident, base: str) -> str:
    """A command that requests the incident. The key comes from the shell's environment."""
    address = _address(f"{base}/v1/incidents/{incident.id}")
    return f"{_CURL} '{address}'"


def post_command(incident: Incident, base: str) -> str | None:
    """A command that posts the newest event again. None if there is no event, or if the command would be too long."""
    if not isinstance(incident.latest_event, Mapping):
        return None
    event = {name: value for name, value in incident.latest_event.items() if name not in _OF_ONE}
    address = _address(f"{base}/v1/events")
    command = (
        f"{_CURL} -H 'Content-Type: application/json' --data-binary '{json_for_shells(event)}' '{address}'"
    )
    return command if len(command) <= COMMAND_BYTES else None


def json_for_shells(document: Mapping[str, Any]) -> str:
    """ASCII JSON without characters that sh, bash, zsh, fish or csh interpret between single quotes."""
    text = json.dumps(document, separators=(",", ":"))
    return _SPECIAL_IN_JSON.sub(lambda match: f"\\u{ord(match[0][-1]):04x}", text)


def _address(url: str) -> str:
    return _SPECIAL_IN_URL.sub(
        lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace")), url
    )


def _message(event: Mapping[str, Any] | None) -> str:
    text = event.get("message") if isinstance(event, Mapping) else None
    return text if isinstance(text, str) else ""


def _code(value: str) -> str:
    text = plain(value, TITLE) or "(nothing)"
    ticks = "`" * (_longest(text) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def _fenced(text: str) -> str:
    fence = "`" * max(3, _longest(text) + 1)
    return f"{fence}text\n{text}\n{fence}"


def _longest(text: str) -> int:
    return max((len(run) for run in _TICKS.findall(text)), default=0)
