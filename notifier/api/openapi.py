"""The OpenAPI document: FastAPI's routes, and the operations that bypass it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.routing import Match
from starlette.types import Scope

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}

_TEXT = {"type": "string"}
_OPTIONAL_TEXT = {"type": ["string", "null"]}
_FRAME = {
    "type": "object",
    "properties": {
        "file": _OPTIONAL_TEXT,
        "function": _OPTIONAL_TEXT,
        "line": {"type": ["integer", "null"]},
        "code": _OPTIONAL_TEXT,
        "in_app": {"type": ["boolean", "null"]},
    },
}
_EXCEPTION: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": _OPTIONAL_TEXT,
        "module": _OPTIONAL_TEXT,
        "message": _OPTIONAL_TEXT,
        "frames": {"type": "array", "items": _FRAME, "description": "Outermost first."},
        "cause": {"oneOf": [{"$ref": "#/components/schemas/Exception"}, {"type": "null"}]},
        "notes": {"type": "array", "items": _TEXT},
    },
}
_TASK = {
    "type": "object",
    "properties": {
        "id": _OPTIONAL_TEXT,
        "name": _OPTIONAL_TEXT,
        "attempt": {"type": ["integer", "null"]},
        "max_attempts": {"type": ["integer", "null"]},
    },
}
_EVENT = {
    "type": "object",
    "description": "One error occurrence. `service`, and `message` or `exception`, are required.",
    "required": ["service"],
    "properties": {
        "id": {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "description": "Unique for 24 h at least.",
        },
        "timestamp": {"type": "string", "format": "date-time"},
        "service": {"type": "string", "minLength": 1},
        "environment": {"type": "string", "default": "production"},
        "release": _OPTIONAL_TEXT,
        "host": _OPTIONAL_TEXT,
        "severity": {
            "anyOf": [{"enum": ["critical", "error", "warning", "info", "none"]}, {}],
            "default": "error",
            "description": "Other spellings (`FATAL`, `warn`, `p3`) are taken as one of these, what is not known as "
            "`error`, with a warning. `none` is kept and told to nobody.",
        },
        "message": _OPTIONAL_TEXT,
        "exception": {"oneOf": [{"$ref": "#/components/schemas/Exception"}, {"type": "null"}]},
        "task": _TASK,
        "labels": {
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean", "object", "array", "null"]},
            "description": "Numbers and truth values become strings; lists and objects JSON text, with a warning.",
        },
        "context": {"type": "object"},
        "trace_id": _OPTIONAL_TEXT,
        "fingerprint": {"type": "array", "items": _TEXT},
        "links": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"title": _TEXT, "url": {"type": "string", "format": "uri"}},
            },
        },
        "status": {"enum": ["firing", "resolved"], "default": "firing"},
    },
}
_RESULT = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "id": _TEXT,
        "incident_id": _OPTIONAL_TEXT,
        "status": {"enum": ["accepted", "duplicate", "rejected"]},
        "warnings": {"type": "array", "items": _TEXT},
        "index": {"type": "integer"},
        "error": _TEXT,
    },
}
_RESULTS = {
    "type": "object",
    "required": ["results"],
    "properties": {"results": {"type": "array", "items": _RESULT}},
}
_CLOUD_EVENT = {
    "type": "object",
    "description": "CloudEvents 1.0; with its attributes in headers, `ce-...`, the body is the data.",
    "required": ["specversion", "id", "source", "type"],
    "properties": {"specversion": {"const": "1.0"}, "id": _TEXT, "source": _TEXT, "type": _TEXT},
}
_ONE_OR_MANY = {"application/json": {"schema": {"oneOf": [_RESULT, _RESULTS]}}}
_MOMENT = {"type": ["string", "null"], "format": "date-time"}
TASK_RUN_CHANGE: dict[str, Any] = {
    "type": "object",
    "description": "A task run as it is now, or as far as it is known. Unknown fields are ignored, with a warning.",
    "required": ["id", "task", "service", "state"],
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 128},
        "task": {"type": "string", "minLength": 1},
        "service": {"type": "string", "minLength": 1},
        "environment": {"type": ["string", "null"], "default": "production"},
        "state": {"enum": ["pending", "processing", "retrying", "completed", "failed", "lost"]},
        "attempt": {"type": ["integer", "null"], "minimum": 1, "default": 1},
        "max_attempts": {"type": ["integer", "null"], "minimum": 1},
        "queued_at": _MOMENT,
        "started_at": _MOMENT,
        "finished_at": _MOMENT,
        "duration_ms": {"type": ["number", "null"], "minimum": 0},
        "result": {"description": "Any JSON; over 64 KiB it is cut."},
        "error": {
            "oneOf": [
                {
                    **_EXCEPTION,
                    "properties": {**_EXCEPTION["properties"], "reason": _OPTIONAL_TEXT},
                },
                {"type": ["string", "null"]},
            ]
        },
        "key": {"type": ["string", "null"], "maxLength": 256},
        "process_id": {"type": ["string", "null"], "maxLength": 128},
        "replay_of": {"type": ["string", "null"], "maxLength": 128},
        "arguments": {
            "type": ["object", "null"],
            "properties": {
                "args": {"type": ["array", "null"]},
                "kwargs": {"type": ["object", "null"]},
            },
        },
        "replayable": {"enum": ["no", "yes", "touched", None], "default": "no"},
    },
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation for its errors."""
    return {status: {"description": HTTPStatus(status).phrase, "content": PROBLEM} for status in statuses}


class Api(FastAPI):
    """FastAPI with a description that includes `/v1/events` and the problem document, and is rendered once.

    `others` are operations that bypass FastAPI, by path and method; `other_keys` are their places for keys.
    """

    others: Mapping[str, Mapping[str, Any]] = {}
    other_keys: Mapping[str, Any] = {}

    @cached_property
    def description_bytes(self) -> bytes:
        return json.dumps(self.openapi(), ensure_ascii=False, separators=(",", ":")).encode()

    def has_route(self, scope: Scope) -> bool:
        """Whether the path has a route, for any method."""
        return any(route.matches(scope)[0] is not Match.NONE for route in self.router.routes)

    async def describe(self, _: Request) -> Response:
        return Response(self.description_bytes, media_type="application/json")

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document["components"]["schemas"]
            schemas.update(_problem_schemas())
            schemas["Exception"] = _EXCEPTION
            schemas["Event"] = _EVENT
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            document["components"].setdefault("securitySchemes", {}).update(self.other_keys)
            document["paths"] = {"/v1/events": {"post": _events()}, **document["paths"], **self.others}
        assert self.openapi_schema is not None
        return self.openapi_schema


def _problem_schemas() -> dict[str, Any]:
    error = {
        "type": "object",
        "required": ["path", "message"],
        "properties": {"path": {**_TEXT, "description": "The field; empty: the whole."}, "message": _TEXT},
    }
    problem = {
        "type": "object",
        "description": "RFC 9457.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": _TEXT,
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemError"}},
            "state": {**_TEXT, "description": "With 409: the present state."},
        },
    }
    return {"Problem": problem, "ProblemError": error}


def _events() -> dict[str, Any]:
    event = {"$ref": "#/components/schemas/Event"}
    many = {"type": "array", "items": event, "minItems": 1, "maxItems": 1_000}
    answers: dict[int | str, dict[str, Any]] = {
        202: {"description": "Committed: what became of each event.", "content": _ONE_OR_MANY},
        **problems(401, 403, 413, 415, 429, 503),
        422: {"description": "Not one event is valid.", "content": {**PROBLEM, **_ONE_OR_MANY}},
    }
    return {
        "tags": ["events"],
        "summary": "Post Events",
        "description": "One event, or up to 1,000 as an array or as NDJSON, gzip or not. 202 comes after the commit.",
        "operationId": "post_events",
        "security": [{"key": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"oneOf": [event, many]}},
                "application/x-ndjson": {"schema": {"type": "string"}},
                "application/cloudevents+json": {"schema": _CLOUD_EVENT},
                "application/cloudevents-batch+json": {"schema": {"type": "array", "items": _CLOUD_EVENT}},
            },
        },
        "responses": {str(status): answer for status, answer in answers.items()},
    }
