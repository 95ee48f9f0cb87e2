"""PagerDuty's Events API v2: a request becomes an event, or an action on the incident of its `dedup_key`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal, get_args

import msgspec

from notifier.ingest import sanitise
from notifier.ingest.formats.reading import NO_SERVICE, UNKNOWN_SERVICE, ParsedBody, object_of, text_of
from notifier.ingest.formats.timestamps import as_rfc3339

NAME: Final = "pagerduty"
MAX_BODY_BYTES: Final = 512 * 1024
DEDUP_KEY_CHARS: Final = 255
Action = Literal["trigger", "acknowledge", "resolve"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
_GROUPED_BY: Final = ("summary", "source", "component", "group", "class")
_LABELS: Final = ("component", "group", "class")

Tree = Mapping[str, Any]


class InvalidAlert(Exception):
    """A body that is no PagerDuty event. `errors` are sentences that repeat none of its content."""

    def __init__(self, *errors: str) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDutyAlert:
    """A request. `fingerprint` identifies the problem of its `dedup_key`. `read` is empty for an acknowledgement."""

    action: Action
    dedup_key: str
    fingerprint: tuple[str, ...]
    read: ParsedBody


@dataclass(frozen=True, slots=True, kw_only=True)
class PagerDutyChange:
    """A change event of a service."""

    service: str
    summary: str


class _Keyed(msgspec.Struct):
    routing_key: str | None = None


def routing_key(body: bytes) -> str | None:
    """The routing key in a body, or None. Reads nothing else. Raises `InvalidAlert` if the body is no object."""
    try:
        return msgspec.json.decode(body, type=_Keyed).routing_key or None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        key = _object(body).get("routing_key")
        return key if isinstance(key, str) and key else None


def read_alert(body: bytes, *, service: str | None) -> PagerDutyAlert:
    """The request in a body of `/v2/enqueue`. Raises `InvalidAlert` if there is none."""
    tree = _object(body)
    action: Any = tree.get("event_action")
    payload = object_of(tree.get("payload"))
    key = text_of(tree.get("dedup_key"))
    errors = list(_errors(action, payload, key))
    if errors:
        raise InvalidAlert(*errors)
    named = _service(payload, service)
    key = key or _derived_key(payload, named)
    fingerprint = (NAME, service or "", key)
    event = {
        "service": named or UNKNOWN_SERVICE,
        "fingerprint": list(fingerprint),
        **_event_tree(tree, payload),
        **({"status": "resolved"} if action == "resolve" else {}),
    }
    read = ParsedBody([] if action == "acknowledge" else [event], warnings=() if named else (NO_SERVICE,))
    return PagerDutyAlert(action=action, dedup_key=key, fingerprint=fingerprint, read=read)


def read_change(body: bytes, *, service: str | None) -> PagerDutyChange:
    """The change in a body of `/v2/change/enqueue`. Raises `InvalidAlert` if there is none."""
    payload = object_of(_object(body).get("payload"))
    summary = text_of(payload.get("summary"))
    if summary is None:
        raise InvalidAlert("'payload.summary' is missing or blank")
    return PagerDutyChange(service=_service(payload, service) or UNKNOWN_SERVICE, summary=summary[:1_024])


def _object(body: bytes) -> Tree:
    try:
        tree = sanitise.read(body)
    except sanitise.UnreadableJson as error:
        raise InvalidAlert(f"the body cannot be read: {error}") from None
    if not isinstance(tree, dict):
        raise InvalidAlert("the body must be a JSON object")
    return tree


def _errors(action: Any, payload: Tree, key: str | None) -> Iterator[str]:
    if action not in ACTIONS:
        yield "'event_action' must be one of trigger, acknowledge, resolve"
    elif action == "trigger" and text_of(payload.get("summary")) is None:
        yield "'payload.summary' is missing or blank"
    elif action != "trigger" and key is None:
        yield "'dedup_key' is missing or blank"
    if key is not None and len(key) > DEDUP_KEY_CHARS:
        yield f"'dedup_key' must have at most {DEDUP_KEY_CHARS} characters"


def _derived_key(payload: Tree, service: str | None) -> str:
    """A key for an event without `dedup_key`: equal events of a service get equal keys."""
    parts = (service or "", *(text_of(payload.get(name)) or "" for name in _GROUPED_BY))
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _service(payload: Tree, service: str | None) -> str | None:
    """The event's service, else that of the key, else the event's component or source."""
    details = object_of(payload.get("custom_details"))
    return (
        text_of(details.get("service"))
        or service
        or text_of(payload.get("component"))
        or text_of(payload.get("source"))
    )


def _event_tree(tree: Tree, payload: Tree) -> dict[str, Any]:
    labels = {name: text for name in _LABELS if (text := text_of(payload.get(name))) is not None}
    details = payload.get("custom_details")
    fields = {
        "message": text_of(payload.get("summary")),
        "severity": payload.get("severity"),
        "host": text_of(payload.get("source")),
        "timestamp": as_rfc3339(payload.get("timestamp")),
        "labels": labels,
        "links": list(_links(tree)),
        "context": details if isinstance(details, dict) else {"custom_details": details} if details else None,
    }
    return {name: value for name, value in fields.items() if value}


def _links(tree: Tree) -> Iterator[dict[str, Any]]:
    for link in _objects(tree.get("links")):
        if url := text_of(link.get("href")):
            yield {"url": url, "title": text_of(link.get("text")) or "link"}
    for image in _objects(tree.get("images")):
        if url := text_of(image.get("href")) or text_of(image.get("src")):
            yield {"url": url, "title": text_of(image.get("alt")) or "image"}
    if url := text_of(tree.get("client_url")):
        yield {"url": url, "title": text_of(tree.get("client")) or "client"}


def _objects(value: Any) -> list[Tree]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
