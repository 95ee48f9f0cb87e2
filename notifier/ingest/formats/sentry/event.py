"""A Sentry event (https://develop.sentry.dev/sdk/data-model/event-payloads/) as the tree of a native event."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from notifier.domain.labels import RESERVED_LABELS
from notifier.domain.time import SECOND, parse_rfc3339, rfc3339
from notifier.ingest.fields import Fields
from notifier.ingest.formats.reading import NO_SERVICE, UNKNOWN_SERVICE, object_of, text_of
from notifier.ingest.formats.sentry.exceptions import Values, exception_of, is_synthetic, stack_of, values_of
from notifier.ingest.formats.templates import is_specific
from notifier.ingest.lenient import bounded, first_fitting
from notifier.ingest.schema import CONTEXT_BYTES, CONTEXT_DEPTH, FINGERPRINT, ID_CHARS, LABELS, TEXT_CHARS

BREADCRUMBS: Final = 20
_CRUMB_CHARS: Final = 512
# Tags that differ in every run of a task.
_NO_LABELS: Final = frozenset({*RESERVED_LABELS, "celery_task_id"})
_PARAMETER_CHARS: Final = 1_024
_TEMPLATE_CHARS: Final = 1_000
_PLACE: Final = re.compile(r"%(?:\((\w{1,64})\))?[#0 +-]{0,4}\d{0,4}(?:\.\d{1,4})?[a-zA-Z%]")
_SEVERITIES: Final[Mapping[str, str]] = {"fatal": "critical", "debug": "info", "log": "info"}
_ASYNCIO: Final = "asyncio"
_DEFAULT: Final = "{{ default }}"
_REQUEST: Final = ("method", "url", "query_string", "headers")
_USER: Final = ("id", "username", "email", "ip_address", "name", "segment")
_CRUMB: Final = ("timestamp", "level", "category", "type", "message", "data")


def tree_of(event: Fields, *, service: str | None, warnings: list[str]) -> dict[str, Any]:
    """The native event. Values of an unexpected type are left out."""
    tags = dict(_tags(event.get("tags")))
    named = service or (text_of(tags.get("service")) or "").strip()
    if not named:
        warnings.append(NO_SERVICE)
    service = named or UNKNOWN_SERVICE
    values = values_of(event, "exception")
    message, exception = _failure(event, values)
    tree = {
        "id": _id(event.get("event_id")),
        "timestamp": _timestamp(event.get("timestamp")),
        "service": service,
        "environment": text_of(event.get("environment")),
        "release": text_of(event.get("release")),
        "host": text_of(event.get("server_name")),
        "severity": _severity(event.get("level")),
        "message": message,
        "exception": exception,
        "task": _task(event),
        "labels": {name: value for name, value in tags.items() if name not in _NO_LABELS},
        "trace_id": text_of(object_of(object_of(event.get("contexts")).get("trace")).get("trace_id")),
        "fingerprint": _fingerprint(event, service, template=exception is None),
    }
    others = {name: value for name, value in tags.items() if name in _NO_LABELS and tree.get(name) != value}
    return {**tree, "context": _context(event, others, values)}


def _failure(event: Fields, values: Values) -> tuple[str | None, dict[str, Any] | None]:
    """The message and the exception. At least one of them is set."""
    message, _ = _message(event)
    if len(values) == 1 and is_synthetic(values[0]):
        message, exception = message or text_of(values[0].get("value")), None
    else:
        exception = exception_of(values, _failing_stack(event))
    if exception is not None and event.get("logger") == _ASYNCIO:
        return None, exception  # asyncio reports an unawaited task twice, once without this message
    if exception is None and message is None:
        message = text_of(event.get("culprit")) or text_of(event.get("transaction")) or "(no message)"
    return message and message[:TEXT_CHARS], exception


def _id(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= ID_CHARS else None


def _timestamp(value: Any) -> str | None:
    """A string, or Unix seconds. None for anything else, so that the time of arrival counts."""
    try:
        if isinstance(value, str):
            return rfc3339(parse_rfc3339(value))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return rfc3339(int(value * SECOND))
    except (ValueError, OverflowError):
        pass
    return None


def _severity(level: Any) -> str:
    return _SEVERITIES.get(level, level) if isinstance(level, str) and level else "error"


def _message(event: Fields) -> tuple[str | None, str | None]:
    """The message as shown, and its template if values were filled into it."""
    for entry in (event.get("logentry"), event.get("message")):
        if isinstance(entry, dict):
            template, formatted = text_of(entry.get("message")), text_of(entry.get("formatted"))
            params = entry.get("params")
            if template is not None and params:
                return formatted or _filled_in(template, params), template
            if template or formatted:
                return formatted or template, None
        elif text_of(entry) is not None:
            return text_of(entry), None
    return None, None


def _filled_in(template: str, params: Any) -> str:
    """The template with its parameters filled in, for older SDKs that send both. Widths and precisions are ignored."""
    named = object_of(params)
    following = iter(params if isinstance(params, list) else ())

    def value(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        argument = named.get(found[1]) if found[1] is not None else next(following, None)
        text = text_of(argument)
        return found[0] if text is None else text[:_PARAMETER_CHARS]

    return _PLACE.sub(value, template[:TEXT_CHARS])


def _fingerprint(event: Fields, service: str, *, template: bool) -> list[str] | None:
    """The sender's fingerprint, else that of the template, as the native client computes it for a log record."""
    sent = event.get("fingerprint")
    parts = [text for part in sent[:FINGERPRINT] if (text := text_of(part))] if isinstance(sent, list) else []
    if parts and parts != [_DEFAULT]:
        return parts
    _, words = _message(event)
    if not template or words is None or not is_specific(words := words[:_TEMPLATE_CHARS]):
        return None
    return ["log", service, text_of(event.get("logger")) or "", words]


def _tags(tags: Any) -> Iterator[tuple[str, str]]:
    """Yields the tags of an object, a list of pairs, or a list of objects."""
    pairs: Iterable[Any] = tags.items() if isinstance(tags, dict) else tags if isinstance(tags, list) else ()
    for count, pair in enumerate(pairs):
        if count == LABELS:
            return
        if isinstance(pair, dict):
            name, value = pair.get("key"), pair.get("value")
        elif isinstance(pair, list | tuple) and len(pair) == 2:
            name, value = pair
        else:
            continue
        label = str(value).lower() if isinstance(value, bool) else text_of(value)
        if isinstance(name, str) and name and label is not None:
            yield name, label


def _failing_stack(event: Fields) -> Any:
    """The frames of the crashed or current thread. Older SDKs send them in the event itself."""
    threads = values_of(event, "threads")
    for mark in ("crashed", "current"):
        for thread in threads:
            if thread.get(mark) is True and stack_of(thread):
                return stack_of(thread)
    return stack_of(event)


def _task(event: Fields) -> dict[str, Any] | None:
    """The name of a Celery task. Its id is left out, because it names no task run of the service."""
    name = text_of(object_of(object_of(event.get("extra")).get("celery-job")).get("task_name"))
    return None if name is None else {"name": name}


def _context(event: Fields, tags: Mapping[str, str], values: Values) -> dict[str, Any]:
    """Details of the failure, the most useful first, because what exceeds the size limit is dropped."""
    mechanism = object_of(values[-1].get("mechanism")) if values else {}
    context: dict[str, Any] = {
        "logger": text_of(event.get("logger")),
        "transaction": text_of(event.get("transaction")),
        "mechanism": _selected(mechanism, ("type", "handled")),
        "request": _request(event.get("request")),
        "user": _selected(event.get("user"), _USER),
        "tags": tags,
    }
    extra = {name: value for name, value in object_of(event.get("extra")).items() if name not in context}
    later = {
        "breadcrumbs": [_crumb(crumb) for crumb in values_of(event, "breadcrumbs")[-BREADCRUMBS:]],
        "contexts": {
            name: value for name, value in object_of(event.get("contexts")).items() if name != "trace"
        },
        "threads": [
            _selected(thread, ("name", "crashed", "current")) for thread in values_of(event, "threads")
        ],
        "sdk": _selected(event.get("sdk"), ("name", "version")),
    }
    whole = {
        name: value for name, value in {**context, **extra, **later}.items() if value not in (None, {}, [])
    }
    bounded_context: dict[str, Any] = bounded(whole, CONTEXT_DEPTH)[0]
    return first_fitting(bounded_context, CONTEXT_BYTES)


def _selected(value: Any, names: Iterable[str]) -> dict[str, Any]:
    fields = object_of(value)
    return {name: fields[name] for name in names if fields.get(name) is not None}


def _request(value: Any) -> dict[str, Any]:
    """The request without its body and cookies."""
    request = _selected(value, _REQUEST)
    headers = request.get("headers")
    if isinstance(headers, list):
        request["headers"] = dict(_tags(headers))
    return request


def _crumb(crumb: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in _selected(crumb, _CRUMB).items() if value != {}}
    fields["timestamp"] = _timestamp(crumb.get("timestamp"))
    message = fields.get("message")
    if isinstance(message, str):
        fields["message"] = message[:_CRUMB_CHARS]
    return fields
