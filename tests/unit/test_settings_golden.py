"""What `notifier check` says of files that are wrong, case by case, and the JSON Schema, as files that can be read.

In `golden/settings/*.txt` a case is a paragraph: `#` says what it is about, `>` are the lines of the file, `$` is a
variable of the environment, `@ name: text` another file beside it, `<` a problem and `?` a warning.
`NOTIFIER_GOLDEN=write` writes the problems and the schema anew.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import jsonschema_rs
import pytest
from pydantic import ConfigDict, Field, SecretStr

from notifier.channels import registry
from notifier.channels.api import ChannelSettings, Kind
from notifier.channels.console import ConsoleChannel
from notifier.channels.kinds import InstalledKinds, from_entry_points
from notifier.channels.registry import ChannelConfig
from notifier.domain.errors import ConfigError, Problem
from notifier.settings.channel_blocks import ChannelBlock
from notifier.settings.loading import load
from notifier.settings.schema import json_schema
from notifier.settings.sections import DeliverySettings

GOLDEN = Path(__file__).parent / "golden" / "settings"
WRITE = os.environ.get("NOTIFIER_GOLDEN") == "write"
JARGON = ("Input should", "value_error", "Value error", "pydantic", "type=", "input_value", "hunter2")


class Free(ChannelSettings):
    model_config = ConfigDict(extra="allow")


class Tls(ChannelSettings):
    ca: SecretStr | None = None
    level: Literal["low", "high"] = "low"
    names: dict[str, int] = Field(default_factory=dict)


class Pager(ChannelSettings):
    """A kind of another package, with whatever its author found in pydantic."""

    number: Annotated[int, Field(gt=0, le=999)]
    token: SecretStr
    tokens: tuple[SecretStr, ...] = ()
    ratio: float = 1.0
    loud: bool = False
    tags: list[str] = Field(default=["a"], min_length=1, max_length=2)
    name: Annotated[str, Field(min_length=2, max_length=4, pattern="^[a-z]+$")] = "ab"
    tls: Tls = Tls()
    either: int | list[int] = 1
    log_file: str = ""


def kind(name: str, settings: type[ChannelSettings]) -> Kind[ChannelSettings]:
    return Kind(
        name=name,
        settings=settings,
        open=lambda _name, _settings, _tools: ConsoleChannel(),
        targets=lambda _settings: ("somebody",),
    )


KINDS = from_entry_points([])
KNOWN = InstalledKinds(
    kinds={**KINDS.kinds, "t": kind("t", Free), "pager": kind("pager", Pager)},
    unusable={
        "broken": "the package broken, which brings this kind, cannot be loaded (ImportError): update or remove it"
    },
)


@dataclass(frozen=True, kw_only=True)
class Case:
    lines: tuple[str, ...]

    def starting(self, sign: str) -> list[str]:
        return [line[len(sign) :].removeprefix(" ") for line in self.lines if line.startswith(sign)]

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.starting(">"))

    def said(self, folder: Path) -> list[str]:
        """The problems, or the warnings where there are none."""
        file = folder / "n.yaml"
        file.write_text(self.text)
        for name, text in (entry.split(": ", 1) for entry in self.starting("@")):
            (folder / name).write_bytes(ast.literal_eval(text))
        environ = dict(entry.split("=", 1) for entry in self.starting("$"))
        try:
            loaded = load(str(file), environ, check_channel=checked, is_secret=is_secret)
        except ConfigError as refused:
            return shown("<", refused.problems, folder)
        return shown("?", loaded.warnings, folder)


def checked(block: ChannelBlock, delivery: DeliverySettings) -> Iterable[Problem]:
    config = registry.validate(block, allow_private=delivery.allow_private_addresses, known=KNOWN)
    return () if isinstance(config, ChannelConfig) else config


def is_secret(name: str, path: tuple[str | int, ...]) -> bool:
    return registry.is_secret(name, path, KNOWN)


def shown(sign: str, problems: Iterable[Problem], folder: Path) -> list[str]:
    return [f"{sign} {str(problem).replace(f'{folder}/', '')}" for problem in problems]


def cases(file: Path) -> Iterator[Case]:
    for paragraph in file.read_text(encoding="utf-8").strip().split("\n\n"):
        yield Case(lines=tuple(paragraph.split("\n")))


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.glob("*.txt")))
def test_each_file_gets_its_places_and_sentences(name: str, tmp_path: Path) -> None:
    """Word for word as in the golden file, which somebody has read: several problems at once, in the file's order."""
    written = []
    for number, case in enumerate(cases(GOLDEN / name)):
        folder = tmp_path / str(number)
        folder.mkdir()
        given = [line for line in case.lines if line[0] not in "<?"]
        written.append("\n".join([*given, *case.said(folder)]))
    text = "\n\n".join(written) + "\n"
    if WRITE:
        (GOLDEN / name).write_text(text, encoding="utf-8")
    assert text == (GOLDEN / name).read_text(encoding="utf-8")


def test_no_problem_repeats_what_was_written_nor_speaks_of_pydantic() -> None:
    """What was written may be a secret, and a person has not chosen the library."""
    said = [
        line
        for file in GOLDEN.glob("*.txt")
        for case in cases(file)
        for line in case.lines
        if line[0] in "<?"
    ]
    assert len(said) > 300
    assert [line for line in said for word in JARGON if word in line] == []


def test_the_schema_is_as_in_its_file() -> None:
    """Of the file with every kind of channel of our own."""
    schema = json_schema({name: kind.settings for name, kind in KINDS.kinds.items()})
    text = json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
    file = GOLDEN / "schema.json"
    if WRITE:
        file.write_text(text, encoding="utf-8")
    jsonschema_rs.meta.validate(schema)
    assert text == file.read_text(encoding="utf-8")
