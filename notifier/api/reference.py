"""The manual's chapters about the HTTP API and the event, generated from the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from notifier.api.openapi import Api
from notifier.api.router import routers
from notifier.ingest import schema
from notifier.manual.schema_tables import key_table, table_row

_LIMITS = {
    "an id": schema.ID_CHARS,
    "a name (service, environment, release, host, function ...)": schema.NAME_CHARS,
    "a message": schema.TEXT_CHARS,
    "a line of code, a file's name": schema.CODE_CHARS,
    "a label's name": schema.LABEL_KEY_CHARS,
    "labels of an event": schema.LABELS,
    "frames of an exception": schema.FRAMES,
    "causes of an exception": schema.CAUSES,
    "notes of an exception": schema.NOTES,
    "links": schema.LINKS,
    "parts of a fingerprint": schema.FINGERPRINT,
    "levels of the context": schema.CONTEXT_DEPTH,
    "bytes of the context": schema.CONTEXT_BYTES,
}


def calls() -> str:
    """Every call: its description, parameters, body and answers."""
    document = _document()
    definitions = document["components"]["schemas"]
    lines = [
        line
        for path, by_method in document["paths"].items()
        for method, call in by_method.items()
        for line in _call(f"{method.upper()} {path}", call, definitions)
    ]
    return "\n".join(lines)


def event() -> str:
    """The fields of an event, with their limits."""
    definitions = _document()["components"]["schemas"]
    rows = [table_row(name, f"{limit:,}") for name, limit in _LIMITS.items()]
    return "\n".join(
        [
            key_table(definitions["Event"], definitions, ("Exception",)),
            "",
            "### Exception",
            "",
            key_table(definitions["Exception"], definitions, ("Exception",)),
            "",
            "### Limits",
            "",
            "| of | at most |",
            "| --- | --- |",
            *rows,
            "",
        ]
    )


def _document() -> dict[str, Any]:
    api = Api(title="notifier", version="1")
    for router in routers():
        api.include_router(router)
    return api.openapi()


def _call(name: str, call: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[str]:
    yield f"### `{name}`"
    yield ""
    yield _sentence(str(call.get("description") or call.get("summary") or ""))
    yield ""
    if parameters := call.get("parameters"):
        yield "| parameter | in | value | says |"
        yield "| --- | --- | --- | --- |"
        for parameter in parameters:
            yield _parameter(parameter)
        yield ""
    contents = call.get("requestBody", {}).get("content", {})
    body: Mapping[str, Any] = next(
        (content["schema"] for content in contents.values() if "schema" in content), {}
    )
    shown = definitions.get(str(body.get("$ref", "")).rpartition("/")[2], body)
    if shown.get("properties"):
        yield "Body:"
        yield ""
        yield key_table(shown, {**definitions, **shown.get("$defs", {})})
        yield ""
    yield f"Answers {', '.join(sorted(call.get('responses', {})))}."
    yield ""


def _parameter(parameter: Mapping[str, Any]) -> str:
    found = parameter.get("schema", {})
    values = found.get("enum") or next(
        (part["enum"] for part in found.get("anyOf", ()) if "enum" in part), ()
    )
    kind = " ".join(f"`{value}`" for value in values) or str(found.get("type") or "string")
    return table_row(f"`{parameter['name']}`", parameter["in"], kind, str(parameter.get("description") or ""))


def _sentence(text: str) -> str:
    return text if not text or text.endswith(".") else f"{text}."
