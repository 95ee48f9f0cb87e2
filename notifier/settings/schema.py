"""The JSON Schema of the file, for editors and for `notifier schema`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from notifier.domain.time import UNITS
from notifier.settings.channel_blocks import NAME
from notifier.settings.sections import AUTO_RESOLVE, SECTIONS, Key

Schema = dict[str, Any]

_VARIABLE: Schema = {"$ref": "#/$defs/variable"}
_SHARED: Schema = {
    "rate_limit": {
        "description": "Per target; without it nothing is held. Without `burst`, all messages may go at once.",
        "anyOf": [
            {"$ref": "#/$defs/rate"},
            {
                "type": "object",
                "properties": {
                    "messages": {"type": "integer", "minimum": 1},
                    "per": {"$ref": "#/$defs/duration"},
                    "burst": {"type": "integer", "minimum": 1},
                },
                "required": ["messages", "per"],
                "additionalProperties": False,
            },
        ],
    },
    "digest": {
        "description": "Whether what is held by the rate limit goes as one digest; else it goes one by one.",
        "type": "boolean",
    },
}
_STRINGS: Schema = {"type": "array", "items": {"type": "string"}}
_NUMBERS: Schema = {"type": "array", "minItems": 1, "items": {"type": ["string", "integer"]}}
_HOLIDAYS: Schema = {
    "description": "Lists of dates by name, for `holidays` and `except_holidays` of time intervals.",
    "type": ["object", "null"],
    "additionalProperties": {
        "type": ["array", "null"],
        "minItems": 1,
        "items": {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$|\$\{"},
    },
}
_TIME: Schema = {
    "description": "A time of day such as 09:00, in quotes; a window that ends at 24:00 ends at midnight.",
    "type": "string",
    "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$|\$\{",
}
_INHIBIT: Schema = {
    "description": "While an incident that meets `source` is not resolved, those that meet `target` are held.",
    "type": ["array", "null"],
    "items": {
        "type": "object",
        "properties": {
            "source": _STRINGS | {"description": "Matchers: all of them must hold.", "minItems": 1},
            "target": _STRINGS | {"description": "Matchers: all of them must hold.", "minItems": 1},
            "equal": _STRINGS | {"description": "Labels of which both have the same values."},
        },
        "required": ["source", "target"],
        "additionalProperties": False,
    },
}
_WINDOW: Schema = {
    "type": "object",
    "properties": {
        "weekdays": _STRINGS | {"description": "monday, or monday:friday; else every day.", "minItems": 1},
        "days_of_month": _NUMBERS | {"description": "1, 1:5, or from the end of the month -3:-1."},
        "months": _NUMBERS | {"description": "may, 5, or january:march."},
        "years": _NUMBERS | {"description": "2026, or 2026:2028."},
        "holidays": _STRINGS | {"description": "Only on the dates of these lists.", "minItems": 1},
        "except_holidays": _STRINGS | {"description": "Not on the dates of these lists.", "minItems": 1},
        "times": {
            "description": "One that ends at or before its start ends on the next day; without, all day.",
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {"start_time": _TIME, "end_time": _TIME},
                "required": ["start_time", "end_time"],
                "additionalProperties": False,
            },
        },
        "location": {"description": "A time zone such as Europe/Berlin; else UTC.", "type": "string"},
    },
    "additionalProperties": False,
}
_INTERVALS: Schema = {
    "description": "Windows by name, for mute_time_intervals and active_time_intervals of routes.",
    "type": ["array", "null"],
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "time_intervals": {"type": "array", "minItems": 1, "items": _WINDOW},
        },
        "required": ["name", "time_intervals"],
        "additionalProperties": False,
    },
}
_SECTION_HELP = {
    "server": "Where the service listens.",
    "database": "Where everything is kept.",
    "delivery": "How deliveries are retried.",
    "ingest": "What one key may post.",
    "retention": "How long what is finished is kept.",
}
# Values of these are data, not schemas.
_VERBATIM = frozenset({"default", "examples", "enum", "const", "description", "title", "pattern"})
_UNITS = "".join(f"([0-9]+{unit})?" for unit in UNITS)
_DEFS: Schema = {
    "variable": {
        "description": "Filled in from the environment: ${NAME} or ${NAME:-default}.",
        "type": "string",
        "pattern": r"\$\{",
    },
    "duration": {
        "description": "Such as 500ms, 10s, 5m, 4h, 30d, 1w or 1h30m; a bare 0 is allowed where nothing is waited for.",
        "anyOf": [
            {
                "type": "string",
                "pattern": f"^(?=[0-9])(?:{_UNITS})$",
            },
            {"enum": [0, "0"]},
            _VARIABLE,
        ],
    },
    "size": {
        "description": "Bytes, as 10GB (powers of 1000) or 256KiB (powers of 1024).",
        "anyOf": [
            {"type": "string", "pattern": "^[0-9]+ ?([KMGT]i?)?B?$"},
            {"type": "integer", "minimum": 1},
            _VARIABLE,
        ],
    },
    "rate": {
        "description": "How many in how long: 30/hour, 600000/minute, 30/10m.",
        "type": "string",
        "pattern": r"^[0-9]+ ?/ ?[0-9a-z]+$|\$\{",
    },
}


def json_schema(kinds: Mapping[str, Mapping[str, Any]] | None = None) -> Schema:
    """JSON Schema (draft 2020-12) of the file.

    `kinds` gives the schema of each kind's own options, as pydantic's `model_json_schema` does.
    """
    blocks = {_definition(name): _kind(name, schema) for name, schema in sorted((kinds or {}).items())}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "notifier configuration",
        "type": "object",
        "properties": {name: _section(name, keys) for name, keys in SECTIONS.items()}
        | {
            "channels": _channels(tuple(sorted(kinds or {}))),
            "fallback": {"description": "The channel that is told when another fails.", "type": "string"},
            "route": {"$ref": "#/$defs/root_route"},
            "inhibit": _INHIBIT,
            "time_intervals": _INTERVALS,
            "holidays": _HOLIDAYS,
            "auto_resolve": _key(AUTO_RESOLVE),
        },
        "patternProperties": {"^x-": {"description": "A place for anchors; nothing reads it."}},
        "additionalProperties": False,
        "$defs": _DEFS
        | {"root_route": _here(_route(root=True)), "route": _here(_route(root=False))}
        | blocks,
    }


def _section(name: str, keys: Mapping[str, Key]) -> Schema:
    properties = {key: _key(entry) for key, entry in keys.items()}
    for key, entry in keys.items():
        if entry.secret:
            properties[f"{key}_file"] = _secret_file(key)
    return _object(properties) | {"description": _SECTION_HELP[name]}


def _key(key: Key) -> Schema:
    schema = _or_variable(dict(key.form.schema)) | {"description": key.help}
    return schema if key.default is None else schema | {"default": key.default}


def _object(properties: Schema) -> Schema:
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": False}


def _or_variable(schema: Schema) -> Schema:
    """A number or a flag may also be a variable, which is text until it is filled in."""
    if schema.get("type") in ("integer", "number", "boolean"):
        return {"anyOf": [schema, _VARIABLE]}
    return schema


def _secret_file(name: str) -> Schema:
    return {
        "description": f"A file that holds `{name}`.",
        "type": ["string", "array"],
        "items": {"type": "string"},
    }


def _route(*, root: bool) -> Schema:
    timing = {"$ref": "#/$defs/duration"}
    properties: Schema = {
        "channels": _STRINGS
        | (
            {"description": "Who is told.", "minItems": 1}
            if root
            else {"description": "Who is told; [] is nobody."}
        ),
        "group_by": _STRINGS
        | {"description": "Incidents with equal values of these labels are told together."},
        "group_wait": timing | {"description": "How long a new group waits for more."},
        "group_interval": timing | {"description": "The least time between two messages about one group."},
        "repeat_interval": timing | {"description": "When what still happens is told again."},
        "send_resolved": {"description": "Whether a resolution is told.", "type": "boolean"},
        "resolve_after": timing
        | {
            "description": "How long an all-clear waits; without it, only what has come back within an hour does."
        },
        "notify_after": {
            "description": "Tell once so many events have arrived within the time.",
            "type": "object",
            "properties": {"events": {"type": "integer", "minimum": 1}, "within": timing},
            "required": ["events", "within"],
            "additionalProperties": False,
        },
        "escalate": {
            "description": "Whom else to tell of what is still open, and not acknowledged, so long after it was told.",
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"after": timing, "channels": _STRINGS | {"minItems": 1}},
                "required": ["after", "channels"],
                "additionalProperties": False,
            },
        },
        "mute_time_intervals": _STRINGS | {"description": "While one of these is on, nothing is told."},
        "active_time_intervals": _STRINGS | {"description": "Told only while one of these is on."},
        "routes": {"type": "array", "items": {"$ref": "#/$defs/route"}},
    }
    if root:
        return _object(properties) | {
            "description": "Takes what no other route takes.",
            "required": ["channels"],
        }
    own: Schema = {
        "match": _STRINGS | {"description": 'All of them must hold: name op "value", op one of = != =~ !~.'},
        "continue": {"description": "Whether the routes below are asked as well.", "type": "boolean"},
    }
    return _object(own | properties) | {"description": "Inherits all but match, continue and routes."}


def _channels(kinds: tuple[str, ...]) -> Schema:
    block: Schema = {"type": "object", "properties": {"type": {"type": "string"}}, "required": ["type"]}
    if kinds:
        block["properties"] = {"type": {"enum": list(kinds)}}
        block["allOf"] = [
            {
                "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
                "then": {"$ref": f"#/$defs/{_pointer(_definition(kind))}"},
            }
            for kind in kinds
        ]
    return {
        "description": "The configured senders, by name.",
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^{NAME.pattern}$"},
        "additionalProperties": block,
    }


def _definition(kind: str) -> str:
    return f"channel-{kind}"


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _kind(name: str, schema: Mapping[str, Any]) -> Schema:
    """A kind's schema with the shared keys, its references pointing to where it now stands."""
    own: Schema = _adapted(dict(schema), f"#/$defs/{_pointer(_definition(name))}/$defs/")
    own["properties"] = (
        {"type": {"const": name}}
        | own.get("properties", {})
        | {key: _here(schema) for key, schema in _SHARED.items()}
    )
    return own


def _here(schema: Schema) -> Schema:
    """A schema of our own: numbers and flags may be variables, references stay."""
    adapted: Schema = _adapted(schema, "#/$defs/")
    return adapted


def _adapted(schema: Any, definitions: str) -> Any:
    if isinstance(schema, list):
        return [_adapted(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    adapted = {key: _below(key, value, definitions) for key, value in schema.items()}
    if isinstance(reference := schema.get("$ref"), str):
        adapted["$ref"] = reference.replace("#/$defs/", definitions, 1)
    if isinstance(schema.get("properties"), dict):
        adapted = _with_secret_files(adapted)
    return _or_variable(adapted)


def _below(key: str, value: Any, definitions: str) -> Any:
    if key in _VERBATIM:
        return value
    if key in {"properties", "$defs"} and isinstance(value, dict):
        return {name: _adapted(entry, definitions) for name, entry in value.items()}
    return _adapted(value, definitions)


def _with_secret_files(schema: Schema) -> Schema:
    """Every secret `x` may be given as `x_file` instead, unless that is another key; pydantic marks it `writeOnly`."""
    own = schema["properties"]
    secrets = [name for name, entry in own.items() if _is_secret(entry) and f"{name}_file" not in own]
    if not secrets:
        return schema
    files = {f"{name}_file": _secret_file(name) for name in secrets}
    needed = [name for name in schema.get("required", ()) if name not in secrets]
    either = [
        {"oneOf": [{"required": [name]}, {"required": [f"{name}_file"]}]}
        for name in schema.get("required", ())
        if name in secrets
    ]
    changed = schema | {"properties": schema["properties"] | files, "required": needed}
    return changed | {"allOf": [*schema.get("allOf", ()), *either]} if either else changed


def _is_secret(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(map(_is_secret, schema))
    if not isinstance(schema, dict):
        return False
    return schema.get("writeOnly") is True or any(
        _is_secret(schema.get(key)) for key in ("anyOf", "items", "oneOf")
    )
