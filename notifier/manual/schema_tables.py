"""JSON Schema as Markdown tables: a row for each key with its values, default and description."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
_VARIABLE = {"$ref": "#/$defs/variable"}


def key_table(schema: Schema, definitions: Mapping[str, Schema], headed: Collection[str] = ()) -> str:
    """The properties of an object as `| key | value | what it says |`. Required keys are marked with a star.

    `headed` are the definitions that have their own heading on the page; values link to it.
    """
    rows = [
        table_row(
            f"`{name}`{' *' if name in schema.get('required', ()) else ''}",
            _value(part, definitions, headed),
            _says(part, definitions),
        )
        for name, part in schema.get("properties", {}).items()
    ]
    return (
        "\n".join(["| key | value | says |", "| --- | --- | --- |", *rows]) if rows else "It takes no keys."
    )


def table_row(*cells: str) -> str:
    """A table row; characters that would end a cell are escaped."""
    return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"


def names_within(schema: Schema) -> Iterator[str]:
    """The names of the definitions that a schema refers to, at any depth."""
    if "$ref" in schema:
        yield str(schema["$ref"]).rpartition("/")[2]
    for part in schema.values():
        for inner in part if isinstance(part, list) else [part]:
            if isinstance(inner, Mapping):
                yield from names_within(inner)


def _says(schema: Schema, definitions: Mapping[str, Schema]) -> str:
    named = definitions.get(str(schema.get("$ref", "")).rpartition("/")[2], {})
    sentence = str(schema.get("description") or named.get("description") or "").split("\n\n")[0]
    default = schema.get("default")
    if default is None or default in ([], {}):
        return sentence
    shown = json.dumps(default, ensure_ascii=False).strip('"') if not isinstance(default, str) else default
    return f"{sentence}{' ' if sentence else ''}Default `{shown}`."


def _value(schema: Schema, definitions: Mapping[str, Schema], headed: Collection[str]) -> str:
    if "$ref" in schema:
        return _named(str(schema["$ref"]).rpartition("/")[2], definitions, headed)
    fixed = schema.get("enum") or ([schema["const"]] if "const" in schema else ())
    if fixed:
        return " ".join(f"`{value}`" for value in dict.fromkeys(map(str, fixed)) if value != "None")
    parts = [part for union in ("anyOf", "oneOf") for part in schema.get(union, ()) if part != _VARIABLE]
    if parts:
        kinds = [_value(part, definitions, headed) for part in parts]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind and kind != "null"))
    kind = schema.get("type", "")
    kinds = [name for name in ([kind] if isinstance(kind, str) else kind) if name != "null"]
    if "array" in kinds and isinstance(schema.get("items"), Mapping):
        return f"list of {_value(schema['items'], definitions, headed) or 'values'}"
    return " or ".join(kinds)


def _named(name: str, definitions: Mapping[str, Schema], headed: Collection[str]) -> str:
    if name in headed:
        return f"[{name_of(name)}](#{name_of(name).replace(' ', '-')})"
    found = definitions.get(name, {})
    return name_of(name) if "properties" in found else _value(found, definitions, headed) or name


def name_of(definition: str) -> str:
    """The heading of a definition: `rate limit` for `RateLimitBlock`."""
    name = definition.removesuffix("Settings").removesuffix("Block")
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
