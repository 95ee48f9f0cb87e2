"""The doors in the OpenAPI document: the places of their keys, their bodies and their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

Operation = dict[str, Any]

TAG: Final = "senders"
SECURITY: Final[Mapping[str, Any]] = {
    "password": {
        "type": "http",
        "scheme": "basic",
        "description": "The password is a key; any name will do.",
    },
    "address": {
        "type": "apiKey",
        "in": "query",
        "name": "key",
        "description": "A key with the scope `ingest` alone, where a sender can only be told an address.",
    },
    "sentry_header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Sentry-Auth",
        "description": "`Sentry sentry_key=KEY`, as SDKs send a DSN's key; it has the scope `ingest` alone.",
    },
    "sentry_query": {"type": "apiKey", "in": "query", "name": "sentry_key", "description": "The same."},
}
"""The security schemes of doors, beside `Authorization: Bearer`."""

_JSON: Final = "application/json"
_ANY_OBJECT: Final = {"type": "object"}
_LIST: Final = {"type": "array", "items": _ANY_OBJECT}
_TEXTS: Final = {"type": "array", "items": {"type": "string"}}
_WARNED: Final = {"type": "object", "properties": {"warnings": _TEXTS}}
_RESULTS: Final = {
    "type": "object",
    "required": ["results"],
    "properties": {
        "results": {"type": "array", "items": _ANY_OBJECT},
        "dropped": {"type": "object", "additionalProperties": {"type": "integer"}},
        "warnings": _TEXTS,
    },
}
_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_OTLP_ERROR: Final = {
    _JSON: {
        "schema": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
        }
    }
}
_PAGERDUTY_ERROR: Final = {
    _JSON: {
        "schema": {
            "type": "object",
            "required": ["status", "message", "errors"],
            "properties": {"status": {"type": "string"}, "message": {"type": "string"}, "errors": _TEXTS},
        }
    }
}
_SENTENCE: Final = {_JSON: {"schema": {"type": "string"}}}
_BINARY: Final = {"type": "string", "format": "binary"}
_KEYS: Final = ("key", "password", "address")
_EVENTS: Final = (400, 401, 403, 408, 413, 415, 422, 429, 503)


def described() -> dict[str, dict[str, Operation]]:
    """Every door's operations, by path and method. Each path is also served with a trailing slash."""
    return {**_sentry(), **_declared(), **_otlp(), **_pagerduty(), **_alertmanager()}


def _sentry() -> dict[str, dict[str, Operation]]:
    answer = {
        **_WARNED,
        "required": ["id"],
        "properties": {"id": {"type": ["string", "null"]}, "warnings": _TEXTS},
    }
    shared: Operation = {
        "security": _security("sentry_header", "sentry_query", *_KEYS),
        "parameters": [_in_path("project", "Any number: the key says which project it is.")],
        "answers": {200: ("What is no event is counted.", {_JSON: {"schema": answer}})},
        "errors": (_EVENTS, _PROBLEM),
    }
    return {
        "/api/{project}/envelope/": {
            "post": _operation(
                "post_sentry_envelope",
                "Sentry's SDKs: an envelope, in gzip, br, deflate or as it is, with any content type, "
                "`application/x-sentry-envelope` by most. 429 says how long in `X-Sentry-Rate-Limits`.",
                content={"application/octet-stream": {"schema": _BINARY}},
                **shared,
            )
        },
        "/api/{project}/store/": {
            "post": _operation(
                "post_sentry_event",
                "Sentry's older SDKs: one event.",
                content={_JSON: {"schema": _ANY_OBJECT}},
                **shared,
            )
        },
    }


def _declared() -> dict[str, dict[str, Operation]]:
    taken = {_JSON: {"schema": _RESULTS}}
    return {
        "/v1/ingest/{format}": {
            "post": _operation(
                "post_format",
                "A body in a format that is data: one that notifier brings, or one of the configuration's `formats`. "
                "202 comes after the commit; over quota it is 503, as those who send webhooks come again then.",
                security=_security(*_KEYS),
                parameters=[_in_path("format", "Its name.")],
                content={_JSON: {"schema": {}}, "application/x-ndjson": {"schema": {"type": "string"}}},
                answers={
                    202: ("Committed.", taken),
                    422: ("Not one event is valid.", {**_PROBLEM, **taken}),
                },
                errors=((400, 401, 403, 404, 408, 413, 415, 503), _PROBLEM),
            )
        }
    }


def _otlp() -> dict[str, dict[str, Operation]]:
    partial = {
        "type": "object",
        "properties": {
            "partialSuccess": {
                "type": "object",
                "properties": {"rejectedLogRecords": {"type": "string"}, "errorMessage": {"type": "string"}},
            }
        },
    }
    says = {
        "logs": "OTLP/HTTP. Records with an exception, or of the severity ERROR or worse, become events; others are "
        "counted. Protobuf needs the extra `otlp`.",
        "traces": "OTLP/HTTP: answered and dropped.",
        "metrics": "OTLP/HTTP: answered and dropped.",
    }
    both = {_JSON: {"schema": partial}, "application/x-protobuf": {"schema": _BINARY}}
    return {
        f"/v1/{signal}": {
            "post": _operation(
                f"post_otlp_{signal}",
                sentence,
                security=_security(*_KEYS),
                content={_JSON: {"schema": _ANY_OBJECT}, "application/x-protobuf": {"schema": _BINARY}},
                answers={200: ("In the encoding of the request.", both)},
                errors=((400, 401, 403, 408, 413, 415, 429, 503), _OTLP_ERROR),
            )
        }
        for signal, sentence in says.items()
    }


def _pagerduty() -> dict[str, dict[str, Operation]]:
    success = {
        "type": "object",
        "required": ["status", "message"],
        "properties": {
            "status": {"const": "success"},
            "message": {"type": "string"},
            "dedup_key": {"type": "string"},
        },
    }
    says = {
        "/v2/enqueue": ("post_pagerduty_event", "PagerDuty's Events API v2: trigger, acknowledge, resolve."),
        "/v2/change/enqueue": ("post_pagerduty_change", "PagerDuty's change events: kept in the audit."),
    }
    return {
        path: {
            "post": _operation(
                name,
                f"{sentence} `routing_key` is the key, unless the request has one in another place.",
                security=[{}, *_security(*_KEYS)],
                content={_JSON: {"schema": _ANY_OBJECT}},
                answers={202: ("Committed.", {_JSON: {"schema": success}})},
                errors=((400, 408, 413, 429, 503), _PAGERDUTY_ERROR),
            )
        }
        for path, (name, sentence) in says.items()
    }


def _alertmanager_calls() -> Sequence[tuple[str, str, str, str, Any, list[Any], tuple[int, ...]]]:
    """Method, path, name, summary, answer, parameters, and additional statuses of each call."""
    listed, shown = _LIST, _ANY_OBJECT
    matchers = _in_query("filter", {"type": "array", "items": {"type": "string"}}, "Matchers.")
    alerts = [
        matchers,
        _in_query("receiver", {"type": "string"}, "A regular expression of channels."),
        *(
            _in_query(name, {"type": "boolean", "default": True}, "Whether these are listed.")
            for name in ("active", "silenced", "inhibited", "unprocessed")
        ),
    ]
    id_ = _in_path("id", "A silence's.")
    return (
        (
            "post",
            "/alerts",
            "post_alerts",
            "Alerts, as Prometheus posts them; scope `ingest`.",
            listed,
            [],
            (429,),
        ),
        ("get", "/alerts", "list_alerts", "What is not resolved.", listed, alerts, ()),
        ("get", "/alerts/groups", "list_alert_groups", "The same, as it is told.", listed, alerts, ()),
        ("get", "/receivers", "list_receivers", "The channels.", listed, [], ()),
        ("get", "/status", "show_alertmanager_status", "An Alertmanager that is no cluster.", shown, [], ()),
        ("get", "/silences", "list_alertmanager_silences", "Silences.", listed, [matchers], ()),
        (
            "post",
            "/silences",
            "post_alertmanager_silence",
            "A silence; scope `manage`.",
            shown,
            [],
            (404, 409),
        ),
        ("get", "/silence/{id}", "show_alertmanager_silence", "A silence.", shown, [id_], (404,)),
        (
            "delete",
            "/silence/{id}",
            "end_alertmanager_silence",
            "End it; scope `manage`.",
            shown,
            [id_],
            (404, 409),
        ),
    )


def _alertmanager() -> dict[str, dict[str, Operation]]:
    paths: dict[str, dict[str, Operation]] = {}
    for method, path, name, sentence, schema, parameters, more in _alertmanager_calls():
        empty = name in {"post_alerts", "end_alertmanager_silence"}
        body = (
            None
            if method != "post"
            else {
                _JSON: {
                    "schema": {"type": "array", "items": _ANY_OBJECT} if path == "/alerts" else _ANY_OBJECT
                }
            }
        )
        paths.setdefault(f"/api/v2{path}", {})[method] = _operation(
            name,
            f"As Alertmanager's API: {sentence} An error is a sentence.",
            security=_security(*(_KEYS if method == "post" and path == "/alerts" else _KEYS[:2])),
            parameters=parameters,
            content=body,
            answers={200: ("Done.", {} if empty else {_JSON: {"schema": schema}})},
            errors=((400, 401, 403, 408, 413, 415, 503, *more), _SENTENCE),
        )
    return paths


def _operation(
    name: str,
    description: str,
    *,
    security: Sequence[Mapping[str, Any]],
    answers: Mapping[int, tuple[str, Mapping[str, Any]]],
    errors: tuple[Sequence[int], Mapping[str, Any]],
    content: Mapping[str, Any] | None = None,
    parameters: Sequence[Mapping[str, Any]] = (),
) -> Operation:
    statuses, error = errors
    responses = {
        str(status): {"description": HTTPStatus(status).phrase, "content": error} for status in statuses
    }
    for status, (says, body) in answers.items():
        responses[str(status)] = {"description": says, **({"content": body} if body else {})}
    operation: Operation = {
        "tags": [TAG],
        "summary": name.replace("_", " ").title(),
        "description": description,
        "operationId": name,
        "security": list(security),
        "responses": dict(sorted(responses.items())),
    }
    if parameters:
        operation["parameters"] = list(parameters)
    if content is not None:
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _security(*names: str) -> list[Mapping[str, Any]]:
    return [{name: []} for name in names]


def _in_path(name: str, description: str) -> Mapping[str, Any]:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema, "description": description}


def _in_query(name: str, schema: Mapping[str, Any], description: str) -> Mapping[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}
