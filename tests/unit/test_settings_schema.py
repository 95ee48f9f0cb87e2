"""The JSON Schema describes the file that the loader reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import jsonschema_rs
import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, WithJsonSchema

from notifier.settings.schema import json_schema

CONFIG = Path(__file__).parents[2] / "config"


class Server(BaseModel):
    model_config = ConfigDict(extra="forbid")

    host: str
    port: int = 25
    password: SecretStr | None = None


class Kind(BaseModel):
    model_config = ConfigDict(extra="forbid")

    server: Server = Field(description="Where mail goes.")
    token: SecretStr
    secrets: list[SecretStr] = []
    flag: bool = False


KINDS: dict[str, type[BaseModel]] = {"mail": Kind}


def errors(text: str, kinds: dict[str, type[BaseModel]] | None = None) -> list[str]:
    """Where the document breaks the schema."""
    validator = jsonschema_rs.Draft202012Validator(json_schema(kinds))
    found = validator.iter_errors(yaml.safe_load(text))
    return sorted("/".join(map(str, error.instance_path)) for error in found)


def test_it_is_a_schema() -> None:
    """Valid by the meta-schema of draft 2020-12, with and without kinds."""
    for kinds in (None, KINDS):
        jsonschema_rs.meta.validate(json_schema(kinds))


@pytest.mark.parametrize("name", ["notifier.yaml", "notifier.example.yaml"])
def test_the_shipped_files_follow_it(name: str) -> None:
    """An editor shows no error in what operators start from."""
    assert errors((CONFIG / name).read_text()) == []


def test_every_key_has_a_description() -> None:
    """An editor explains each key of the plain sections and each section."""
    sections = json_schema()["$defs"]
    for name in ("Server", "Database", "Delivery", "Ingest", "Retention"):
        assert sections[f"{name}Settings"]["description"]
        for key, schema in sections[f"{name}Settings"]["properties"].items():
            assert schema["description"], f"{name}.{key}"


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("server: {port: 70000}", ["server/port"]),
        ("server: {port: '${PORT}', host: '${HOST:-x}'}", []),
        ("server:", []),
        ("server: {prt: 1}", ["server"]),
        ("servr: {}", [""]),
        ("database: {url_file: /run/secrets/url}", []),
        ("route: {channels: [a], group_wait: 0, repeat_interval: 1h30m}", []),
        ("route: {channels: [a], group_wait: 10}", ["route/group_wait"]),
        ("route: {channels: [a], match: ['a=b']}", ["route"]),
        (
            "route: {channels: [a], routes: [{match: ['a=b'], routes: [{continue: true}, {escalate: 5}]}]}",
            ["route/routes/0/routes/1/escalate"],
        ),
        ("route: {channels: [a], send_resolved: '${X}', notify_after: {events: '${X}', within: '${X}'}}", []),
        ("route: {channels: [a], send_resolved: maybe}", ["route/send_resolved"]),
        ("route: {}", ["route"]),
        ("ingest: {rate_limit: 5}", ["ingest/rate_limit"]),
        ("inhibit: [{source: [a=b], target: [a=c], equal: [d]}]", []),
        ("inhibit: [{source: [], target: [a=c]}, {source: [a=b]}]", ["inhibit/0/source", "inhibit/1"]),
        ("inhibit_rules: []", [""]),
        ("time_intervals: [{name: n, time_intervals: [{weekdays: ['monday:friday'], location: UTC}]}]", []),
        (
            "time_intervals: [{name: n, time_intervals: [{times: [{start_time: '09:00', end_time: '24:00'}]}]}]",
            [],
        ),
        (
            "time_intervals: [{name: n, time_intervals: [{times: [{start_time: '9:00', end_time: '25:00'}]}]}]",
            [
                "time_intervals/0/time_intervals/0/times/0/end_time",
                "time_intervals/0/time_intervals/0/times/0/start_time",
            ],
        ),
        ("time_intervals: [{name: n, time_intervals: []}]", ["time_intervals/0/time_intervals"]),
        (
            "time_intervals: [{name: n, time_intervals: [{month: [may]}]}]",
            ["time_intervals/0/time_intervals/0"],
        ),
        (
            "time_intervals: [{name: n, time_intervals: [{months: [may], years: [2026], days_of_month: ['1:5']}]}]",
            [],
        ),
        (
            "time_intervals: [{name: n, time_intervals: [{holidays: [de]}, {except_holidays: [de]}]}]",
            [],
        ),
        (
            "holidays: {de: ['2026-12-25']}",
            [],
        ),
        ("holidays: {de: [], fr: ['25.12.']}", ["holidays/de", "holidays/fr/0"]),
        ("x-shared: {a: [1]}", []),
        ("auto_resolve: 1w", []),
        (
            "time_intervals: [{name: n, time_intervals: [{months: []}]}]",
            ["time_intervals/0/time_intervals/0/months"],
        ),
        ("route: {channels: [a], escalate: [{after: 15m, channels: [b]}], mute_time_intervals: [n]}", []),
        (
            "route: {channels: [a], escalate: [{after: 15, channels: []}]}",
            [
                "route/escalate/0/after",
                "route/escalate/0/channels",
            ],
        ),
        ("channels: {a: {}}", ["channels/a"]),
        ("channels: {'a b': {type: x}}", ["channels"]),
        ("channels: {a: {type: mail, rate_limit: 30/hour}}", []),
    ],
)
def test_it_refuses_what_the_loader_refuses(text: str, places: list[str]) -> None:
    """And allows what it allows."""
    assert errors(text) == places


@pytest.mark.parametrize(
    ("block", "places"),
    [
        ("{type: mail, token: x, server: {host: h, port: 25}, rate_limit: 30/hour, digest: true}", []),
        ("{type: mail, token_file: x, server: {host: h, password_file: y}, secrets_file: [a, b]}", []),
        ("{type: mail, token: x, server: {host: h, port: '${PORT}'}, flag: '${FLAG}'}", []),
        (
            "{type: mail, token: x, server: {host: h}, rate_limit: {messages: '${N}', per: 1h}, digest: '${D}'}",
            [],
        ),
        (
            "{type: mail, token: x, server: {host: h}, rate_limit: {messages: 0, per: 1h}}",
            ["channels/a/rate_limit"],
        ),
        ("{type: mail, server: {host: h}}", ["channels/a"]),
        ("{type: mail, token: x, token_file: x, server: {host: h}}", ["channels/a"]),
        ("{type: mail, token: x, server: {host: h, prt: 1}}", ["channels/a/server"]),
        ("{type: mail, token: x, server: {host: h, port: many}}", ["channels/a/server/port"]),
        ("{type: fax}", ["channels/a/type"]),
    ],
)
def test_kinds_are_merged_in(block: str, places: list[str]) -> None:
    """A block is held to its kind's schema, its shared keys included, and every secret may come from a file."""
    assert errors(f"channels: {{a: {block}}}", KINDS) == places


class Odd(BaseModel):
    title: str | None = None
    type_: str = Field(default="", alias="type")
    pattern: Annotated[str, WithJsonSchema({"type": ["string", "integer"]})] = "x"


def test_a_kind_may_name_its_keys_and_itself_as_it_likes() -> None:
    """Properties named after keywords, lists of types, and a name with the signs of a JSON pointer."""
    jsonschema_rs.meta.validate(json_schema({"a/b~c": Odd}))
    assert errors("channels: {a: {type: a/b~c, title: x, pattern: 5}}", {"a/b~c": Odd}) == []
    assert errors("channels: {a: {type: a/b~c, pattern: []}}", {"a/b~c": Odd}) == ["channels/a/pattern"]
