"""Loading of `Settings` from a file and the environment, or a `ConfigError` with all problems."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path as File
from typing import Any

from pydantic import ValidationError

from notifier.domain.errors import ConfigError, Problem
from notifier.domain.route import Route
from notifier.settings import environment
from notifier.settings.channel_blocks import ChannelBlock, ChannelCommon, is_whole, kind_of, without_empty
from notifier.settings.document import (
    LARGEST_FILE,
    Path,
    PlainValues,
    SourceFile,
    SourceMark,
    composed,
    entries_of,
    referenced_variables,
)
from notifier.settings.formats import FormatBlock
from notifier.settings.inhibition import inhibition
from notifier.settings.intervals import time_intervals
from notifier.settings.model import Settings, SettingsFile
from notifier.settings.monitors import declared_monitors
from notifier.settings.names import CHANNEL_NAME, defined_in
from notifier.settings.routes import PER_INCIDENT, RouteTree, route_key
from notifier.settings.secrets import SecretFiles
from notifier.settings.secrets import is_secret as is_secret_of
from notifier.settings.sections import DeliverySettings
from notifier.settings.validation_errors import problems_of, unknown_key

DEFAULT_FILE = "config/notifier.yaml"

ChannelCheck = Callable[[ChannelBlock, DeliverySettings], Iterable[Problem]]
FormatCheck = Callable[[str, FormatBlock], str | None]
"""Checks a format's sample. Called with its name and block, returns what is wrong or None."""
IsSecret = Callable[[str, Path], bool]
"""Whether a kind of channel, given its `type`, has a secret at a path, and so accepts `x_file` for it."""


def load(
    path: str | None,
    environ: Mapping[str, str],
    *,
    check_channel: ChannelCheck = lambda _block, _delivery: (),
    check_format: FormatCheck = lambda _name, _block: None,
    is_secret: IsSecret = lambda _kind, _path: True,
    needed: Collection[str] | None = None,
) -> Settings:
    """Load settings from `path`, `NOTIFIER_CONFIG`, config/notifier.yaml if it exists, or the defaults.

    `check_channel(block, delivery)` returns the problems of a channel's own options; `delivery` has the file's
    settings. `check_format` checks a format's sample. `is_secret(type, path)` says which keys of a channel hold
    secrets and so accept `x_file`. `needed` names the sections that are used, None for all: if a secret's file or a
    variable is unavailable in another section, that section has its defaults. Raises `ConfigError` with every
    problem, in the file's order.
    """
    default = DEFAULT_FILE if File(DEFAULT_FILE).is_file() else None
    source = path or environ.get("NOTIFIER_CONFIG") or default
    start = SourceMark(file=source or "defaults")
    problems: set[Problem] = set()
    warnings: set[Problem] = set()
    content = b"" if source is None else _contents(source, start, problems)
    root = environment.with_environment(composed(content, start.file, problems), environ)
    environment.report_misnamed(environ, referenced_variables(content), problems, warnings)
    places, values = SourceFile(start.file, root), PlainValues(root, environ, problems)
    written: dict[str, Any] = {}
    for name, (_, node) in entries_of(root).items():
        if name.startswith("x-"):
            continue  # there stand anchors, which other places repeat
        absent = problems if needed is None or name in needed else set[Problem]()
        value = {name: values.of(node, absent)}
        written |= SecretFiles(places, absent, _secrets(value, is_secret)).read(value)
    reading = _Reading({key: value for key, value in written.items() if value is not None}, places, problems)
    for key in written.keys() - SettingsFile.model_fields.keys():
        problems.add(places.key((key,)).problem(unknown_key(key, SettingsFile.model_fields)))
    file, channels = reading.file(), reading.channels()
    for block in channels.values():
        if block.type and is_whole(block.options):
            problems.update(check_channel(block, file.delivery))
    for name, format_ in file.formats.items():
        if (sentence := check_format(name, format_)) is not None:
            problems.add(places.problem(("formats", name, "sample"), sentence))
    if problems:
        raise ConfigError(tuple(sorted(problems)))
    same = {name: getattr(file, name) for name in _AS_WRITTEN}
    rules = _rules(file, channels, places, warnings)
    version = sha256(content).hexdigest()[:12]
    return Settings(**same | rules, source=source, version=version, warnings=tuple(sorted(warnings)))


def _contents(source: str, start: SourceMark, problems: set[Problem]) -> bytes:
    try:
        with File(source).open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        sentence = f"the configuration cannot be read ({reason}); check --config or NOTIFIER_CONFIG"
        problems.add(start.problem(sentence))
        return b""


def _secrets(data: dict[str, Any], is_secret: IsSecret) -> Callable[[Path], bool]:
    """A function that says whether a path in a file may hold a secret."""

    def is_one(path: Path) -> bool:
        match path:
            case ("channels", name, *below) if below:
                return is_secret(kind_of(data["channels"][name]), tuple(below))
            case _:
                return is_secret_of(SettingsFile, path)

    return is_one


@dataclass(frozen=True, slots=True)
class _Reading:
    """Validates a file, and reports pydantic's errors with their places."""

    data: Mapping[str, Any]
    source: SourceFile
    problems: set[Problem]

    def file(self) -> SettingsFile:
        """The file without channels, which are validated one by one. A section with errors has its defaults."""
        if "route" not in self.data and self.data.keys() & {"channels", "fallback"}:
            sentence = "`route` is missing: write `route: {channels: [...]}` to say who is told"
            self.problems.add(self.source.value(()).problem(sentence))
        alone = {"channels"} if isinstance(self.data.get("channels"), dict) else set()
        read = {key: self.data[key] for key in self.data.keys() & SettingsFile.model_fields.keys() - alone}
        names = defined_in(self.data, self.source)
        try:
            return SettingsFile.model_validate(read, context=names)
        except ValidationError as error:
            self._note(error, ())
            faulty = {each["loc"][0] for each in error.errors(include_url=False, include_context=False)}
            right = {key: value for key, value in read.items() if key not in faulty}
            return SettingsFile.model_validate(right, context=names)

    def channels(self) -> Mapping[str, ChannelBlock]:
        """All channel blocks by name, including those with problems; the console if the file has none."""
        written = self.data.get("channels")
        if written is None and "route" not in self.data:
            return {"console": ChannelBlock(name="console", type="console", options={}, source=self.source)}
        entries = written.items() if isinstance(written, dict) else ()
        return {name: self._block(name, value) for name, value in entries if value is not None}

    def _block(self, name: str, written: Any) -> ChannelBlock:
        path: Path = ("channels", name)
        if not CHANNEL_NAME.fullmatch(name):
            sentence = "a channel's name has letters, digits, - _ and . only, and at most 64 of them"
            self.problems.add(self.source.key(path).problem(f"channels: {sentence}"))
        try:
            common = ChannelCommon.model_validate(written, context=())
        except ValidationError as error:
            self._note(error, path)
            common = ChannelCommon.model_construct(type="")
        options = written if isinstance(written, dict) else {}
        return ChannelBlock(
            name=name,
            type=kind_of(written),
            options=without_empty(
                {key: options[key] for key in options if key not in ChannelCommon.model_fields}
            ),
            rate_limit=None if common.rate_limit is None else common.rate_limit.limit,
            digest=common.digest,
            source=self.source,
        )

    def _note(self, error: ValidationError, within: Path) -> None:
        self.problems.update(problems_of(error, SettingsFile, self.data, self.source, within=within))


_AS_WRITTEN = SettingsFile.model_fields.keys() & {field.name for field in fields(Settings)}


def _rules(
    file: SettingsFile, channels: Mapping[str, ChannelBlock], source: SourceFile, warnings: set[Problem]
) -> dict[str, Any]:
    """Settings that are derived from a valid file."""
    if file.route is None:
        route = Route(key=route_key("", (), 0), name="default", channels=tuple(channels), group_wait=0)
    else:
        intervals = time_intervals(file.time_intervals, file.holidays)
        route = RouteTree(file.fallback, intervals, source, warnings).root(file.route)
    if file.fallback is None and any(block.type != "console" for block in channels.values()):
        sentence = "`fallback` is missing: nobody is told when a channel fails; name a second channel"
        warnings.add(source.value(()).problem(sentence))
    warnings.update(_floods(route, channels, source))
    inhibit = tuple(inhibition(i, block, source, warnings) for i, block in enumerate(file.inhibit))
    monitors = declared_monitors(file.monitors)
    return {"channels": channels, "route": route, "inhibit": inhibit, "monitors": monitors}


def _floods(root: Route, channels: Mapping[str, ChannelBlock], source: SourceFile) -> Iterator[Problem]:
    """Warnings of mail channels that one outage fills: a mail for each incident, and no limit."""
    lines: dict[str, str | None] = {}
    for route in root.walk():
        if route.group_by == (PER_INCIDENT,):
            lines = {**dict.fromkeys(route.channels, route.line), **lines}
    for name, line in lines.items():
        # What chats take is paced, and more of it is a digest.
        if channels[name].type == "email" and channels[name].rate_limit is None:
            yield source.value(("channels", name)).problem(
                f"channels.{name}: the route at {line} sends a mail for each incident, hundreds in one outage; "
                "add a `rate_limit` such as 30/hour, and what is more comes as a digest"
            )
