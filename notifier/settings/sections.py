"""The plain sections: each key with its reader, its default and its sentence, in one table.

The loader, the environment and the JSON Schema all follow this table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from notifier.domain.time import parse_duration, parse_positive_duration
from notifier.settings import values
from notifier.settings.document import Node
from notifier.settings.model import Quota
from notifier.settings.reading import Reader, below
from notifier.settings.values import Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A kind of scalar: how it is read, and its JSON Schema."""

    read: Callable[[Scalar], Any]
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a section. A `secret` one may come from `x_file` as well."""

    form: Form
    help: str
    default: str | int | bool | None = None
    secret: bool = False


def _quota(value: Scalar) -> Quota:
    count, per = values.rate(value)
    return Quota(count=count, per=per)


def _whole(lowest: int, highest: int) -> Form:
    return Form(
        read=values.whole_number(lowest, highest),
        schema={"type": "integer", "minimum": lowest, "maximum": highest},
    )


TEXT = Form(read=values.text, schema={"type": "string", "minLength": 1})
BASE_URL = Form(read=values.base_url, schema={"type": "string", "format": "uri"})
DATABASE_URL = Form(read=values.database_url, schema={"type": "string", "format": "uri"})
PORT = _whole(0, 65_535)
COUNT = _whole(1, values.LARGEST_COUNT)
SIZE = Form(read=values.size, schema={"$ref": "#/$defs/size"})
DURATION = Form(read=parse_duration, schema={"$ref": "#/$defs/duration"})
SPAN = Form(read=parse_positive_duration, schema={"$ref": "#/$defs/duration"})
QUOTA = Form(read=_quota, schema={"$ref": "#/$defs/rate"})
FLAG = Form(read=values.yes_or_no, schema={"type": "boolean"})

AUTO_RESOLVE = Key(
    form=SPAN, default="24h", help="An incident without events for this long resolves by itself."
)

SECTIONS: Mapping[str, Mapping[str, Key]] = {
    "server": {
        "host": Key(form=TEXT, default="127.0.0.1", help="The address to listen on; 0.0.0.0 for every one."),
        "port": Key(form=PORT, default=8000, help="The port to listen on; 0 lets the system choose."),
        "url": Key(form=BASE_URL, help="The base of links in messages. Without it they carry no links."),
    },
    "database": {
        "url": Key(
            form=DATABASE_URL,
            default="sqlite:///notifier.db",
            help="`sqlite:///path` (four slashes before an absolute path) or `postgresql://user@host/name`.",
            secret=True,
        ),
        "max_size": Key(
            form=SIZE,
            default="10GB",
            help="The most that the database may take; the oldest samples go at 90 %, ingest waits at 100 %.",
        ),
    },
    "delivery": {
        "expires_after": Key(
            form=SPAN, default="24h", help="A delivery is retried for this long, then dead."
        ),
        "fallback_after": Key(
            form=DURATION, default="10m", help="The fallback is told of a delivery that fails for this long."
        ),
        "hold": Key(
            form=FLAG,
            default=False,
            help="Each start holds deliveries, the fallback and escalation until `notifier release`.",
        ),
        "allow_private_addresses": Key(
            form=FLAG,
            default=False,
            help="Lifts the whole deny table of webhook and Slack addresses, loopback and http:// included.",
        ),
    },
    "ingest": {
        "rate_limit": Key(form=QUOTA, default="600000/minute", help="Events that one key may post."),
        "new_incidents": Key(form=QUOTA, default="10000/minute", help="Incidents that one key may open."),
        "max_event_bytes": Key(form=SIZE, default="256KiB", help="The largest event, after decompression."),
        "max_body_bytes": Key(form=SIZE, default="8MiB", help="The largest request, after decompression."),
    },
    "retention": {
        "events": Key(form=SPAN, default="30d", help="How long samples of events are kept."),
        "incidents": Key(form=SPAN, default="365d", help="How long resolved incidents are kept."),
        "deliveries": Key(form=SPAN, default="30d", help="How long finished deliveries are kept."),
        "task_runs": Key(form=SPAN, default="14d", help="How long finished task runs are kept."),
    },
}


def names(section: str) -> frozenset[str]:
    """Every key that may be written in a section, `x_file` included."""
    keys = SECTIONS[section]
    return frozenset(keys) | {f"{name}_file" for name, key in keys.items() if key.secret}


def read_section(reader: Reader, section: str, node: Node | None) -> dict[str, Any]:
    """The values that were written, by the attribute's name; what was not written keeps the model's default."""
    entries = reader.entries(node, section)
    reader.only(node, section, names(section))
    read = {
        name: reader.value(entry, below(section, name), key.form.read)
        for name, key in SECTIONS[section].items()
        if (entry := _entry(reader, entries, section, name, key)) is not None
    }
    return {name: value for name, value in read.items() if value is not None}


def _entry(reader: Reader, entries: Mapping[str, Node], section: str, name: str, key: Key) -> Node | None:
    file = entries.get(f"{name}_file") if key.secret else None
    if file is None:
        return entries.get(name)
    path = below(section, name)
    if name in entries:
        reader.complain(file.key, f"{path}_file", f"`{name}` is set as well: keep one of the two")
        return None
    return reader.secret(file, f"{path}_file")
