"""The JSON Schema of the file, for editors and `notifier schema`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from notifier.domain.time import UNITS
from notifier.settings.channel_blocks import ChannelCommon
from notifier.settings.model import SettingsFile
from notifier.settings.names import CHANNEL_NAME
from notifier.settings.secrets import is_secret
from notifier.settings.values import Schema, or_variable

_UNITS = "".join(f"([0-9]+{unit})?" for unit in UNITS)
_SHARED: Schema = {
    "variable": {
        "description": "Filled in from the environment: ${NAME} or ${NAME:-default}.",
        "type": "string",
        "pattern": r"\$\{",
    },
    "duration": {
        "description": "Such as 500ms, 10s, 5m, 4h, 30d, 1w or 1h30m. A bare 0 is allowed for no wait.",
        "anyOf": [
            {"type": "string", "pattern": f"^(?=[0-9])(?:{_UNITS})$"},
            {"enum": [0, "0"]},
            {"x-def": "variable"},
        ],
    },
    "size": {
        "description": "Bytes, as 10GB (powers of 1000) or 256KiB (powers of 1024).",
        "anyOf": [
            {"type": "string", "pattern": "^[0-9]+ ?([KMGT]i?)?B?$"},
            {"type": "integer", "minimum": 1},
            {"x-def": "variable"},
        ],
    },
    "rate": {
        "description": "A count per time: 30/hour, 600000/minute, 30/10m.",
        "type": "string",
        "pattern": r"^[0-9]+ ?/ ?[0-9a-z]+$|\$\{",
    },
}


class _FileSchema(GenerateJsonSchema):
    """A generator that adds what holds for all keys: variables, `x_file` for secrets, empty lists and mappings."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def int_schema(self, schema: core_schema.IntSchema) -> Schema:
        return or_variable(super().int_schema(schema))

    def float_schema(self, schema: core_schema.FloatSchema) -> Schema:
        return or_variable(super().float_schema(schema))

    def bool_schema(self, schema: core_schema.BoolSchema) -> Schema:
        return or_variable(super().bool_schema(schema))

    def nullable_schema(self, schema: core_schema.NullableSchema) -> Schema:
        return _or_empty(self.generate_inner(schema["schema"]))

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Schema:
        own = _or_empty(super().default_schema(schema))
        if not isinstance(own.get("default"), str | int | float):
            own.pop("default", None)
        return own

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        own = super().model_schema(schema)
        own.pop("title", None)
        _add_secret_files(own, schema["cls"])
        return own if "required" in own else _or_empty(own)


def json_schema(kinds: Mapping[str, type[BaseModel]] | None = None) -> Schema:
    """The JSON Schema (draft 2020-12) of the file. `kinds` maps each kind to the model of its own options."""
    models = dict(sorted((kinds or {}).items()))
    needed: set[type[BaseModel]] = {SettingsFile, ChannelCommon, *models.values()}
    references, document = models_json_schema(
        [(model, "validation") for model in needed], schema_generator=_FileSchema
    )
    definitions = document["$defs"]
    used: dict[type[BaseModel], Schema] = {
        model: definitions.pop(references[model, "validation"]["$ref"].removeprefix("#/$defs/"))
        for model in needed
    }
    file, shared = used[SettingsFile], used[ChannelCommon]["properties"]
    file["properties"]["channels"] |= {
        "propertyNames": {"pattern": f"^{CHANNEL_NAME.pattern}$"},
        "additionalProperties": _channel({name: used[model] for name, model in models.items()}, shared),
    }
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "notifier configuration",
        "type": "object",
        "properties": file["properties"],
        "additionalProperties": False,
        "patternProperties": {"^x-": {"description": "A place for anchors, which is ignored otherwise."}},
        "$defs": _SHARED | definitions,
    }
    schema: Schema = json.loads(json.dumps(whole), object_hook=_referring)
    return schema


def _channel(kinds: Mapping[str, Schema], shared: Schema) -> Schema:
    """The schema of a channel: the keys of its kind and the shared ones."""
    block: Schema = {"type": "object", "properties": {"type": {"type": "string"}}, "required": ["type"]}
    if kinds:
        block["properties"] = {"type": {"enum": list(kinds)}}
        block["allOf"] = [
            {
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": own | {"properties": own.get("properties", {}) | shared | {"type": {"const": name}}},
            }
            for name, own in kinds.items()
        ]
    return block


def _referring(schema: Schema) -> Schema:
    """The schema, with a reference in place of a shared definition."""
    shared = schema.pop("x-def", None)
    return schema if shared is None else {**schema, "$ref": f"#/$defs/{shared}"}


def _or_empty(schema: Schema) -> Schema:
    kind = schema.get("type")
    return {**schema, "type": [kind, "null"]} if kind in ("object", "array") else schema


def _add_secret_files(schema: Schema, model: type[BaseModel]) -> None:
    """Add `x_file` as an alternative to each secret `x` of a model."""
    own: Schema = schema.get("properties", {})
    for name in [name for name in own if is_secret(model, (name,))]:
        path: Schema = {"type": ["string", "array"], "items": {"type": "string"}}
        own[f"{name}_file"] = {"description": f"A file that holds `{name}`.", **path}
        if name in schema.get("required", ()):
            schema["required"].remove(name)
            either: Schema = {"oneOf": [{"required": [name]}, {"required": [f"{name}_file"]}]}
            schema.setdefault("allOf", []).append(either)
