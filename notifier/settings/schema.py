"""The JSON Schema of the file, for editors and for `notifier schema`: what the models say, and what is true of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from notifier.domain.time import UNITS
from notifier.settings.channel_blocks import ChannelCommon
from notifier.settings.model import SettingsFile
from notifier.settings.names import CHANNEL_NAME
from notifier.settings.sections import Sections

Schema = dict[str, Any]

_VARIABLE: Schema = {"$ref": "#/$defs/variable"}
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
            {"type": "string", "pattern": f"^(?=[0-9])(?:{_UNITS})$"},
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


class _FileSchema(GenerateJsonSchema):
    """A key that is left empty is not there, so None is never written but for a mapping."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> Schema:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> Schema:
        own = super().default_schema(schema)
        shown = isinstance(own.get("default"), str | int | float)
        return {key: value for key, value in own.items() if shown or key != "default"}

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        own = super().model_schema(schema)
        del own["title"]
        return own if "required" in own else own | {"type": ["object", "null"]}


def json_schema(kinds: Mapping[str, Mapping[str, Any]] | None = None) -> Schema:
    """JSON Schema (draft 2020-12) of the file.

    `kinds` gives the schema of each kind's own options, as pydantic's `model_json_schema` does.
    """
    file = _adapted(SettingsFile.model_json_schema(schema_generator=_FileSchema), "#/$defs/")
    definitions, properties = file["$defs"], file["properties"]
    for name in Sections.model_fields:
        properties[name] = definitions.pop(_referred(properties[name]))
    shared = definitions.pop(ChannelCommon.__name__)["properties"]
    properties["channels"] |= _channels(tuple(sorted(kinds or {})))
    route = definitions[_referred(properties["route"])]
    for section in (route, *properties.values(), properties["holidays"]["additionalProperties"]):
        if section.get("type") in ("object", "array"):
            section["type"] = [section["type"], "null"]  # nothing may be in it yet
    blocks = {
        _definition(name): _kind(name, schema, shared) for name, schema in sorted((kinds or {}).items())
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "notifier configuration",
        "type": "object",
        "properties": properties,
        "patternProperties": {"^x-": {"description": "A place for anchors; nothing reads it."}},
        "additionalProperties": False,
        "$defs": _DEFS | definitions | blocks,
    }


def _referred(schema: Schema) -> str:
    """The name of the definition that a schema refers to."""
    return str(schema["$ref"]).removeprefix("#/$defs/")


def _or_variable(schema: Schema) -> Schema:
    """A number or a flag may also be a variable, which is text until it is filled in."""
    if schema.get("type") not in ("integer", "number", "boolean"):  # it may be a list
        return schema
    about: Schema = {key: schema.pop(key) for key in ("title", "description", "default") if key in schema}
    return {"anyOf": [schema, _VARIABLE], **about}


def _secret_file(name: str) -> Schema:
    return {
        "description": f"A file that holds `{name}`.",
        "type": ["string", "array"],
        "items": {"type": "string"},
    }


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
    return {"propertyNames": {"pattern": f"^{CHANNEL_NAME.pattern}$"}, "additionalProperties": block}


def _definition(kind: str) -> str:
    return f"channel-{kind}"


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _kind(name: str, schema: Mapping[str, Any], shared: Schema) -> Schema:
    """A kind's schema with the shared keys, its references pointing to where it now stands."""
    own: Schema = _adapted(dict(schema), f"#/$defs/{_pointer(_definition(name))}/$defs/")
    own["properties"] = own.get("properties", {}) | shared | {"type": {"const": name}}
    return own


def _adapted(schema: Any, definitions: str) -> Any:
    if isinstance(schema, list):
        return [_adapted(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    adapted = {key: _below(key, value, definitions) for key, value in schema.items()}
    if isinstance(reference := schema.get("$ref"), str):
        adapted["$ref"] = reference.replace("#/$defs/", definitions, 1)
    if isinstance(shared := adapted.pop("x-def", None), str):
        adapted["$ref"] = f"#/$defs/{shared}"
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
    changed = schema | {"properties": schema["properties"] | files}
    if "required" in schema:
        changed["required"] = needed
    return changed | {"allOf": [*schema.get("allOf", ()), *either]} if either else changed


def _is_secret(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(map(_is_secret, schema))
    if not isinstance(schema, dict):
        return False
    return schema.get("writeOnly") is True or any(
        _is_secret(schema.get(key)) for key in ("anyOf", "items", "oneOf")
    )
