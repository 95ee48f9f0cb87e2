"""From a file and an environment to Settings, or to all the problems at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path as File
from typing import Any

from pydantic import ValidationError

from notifier.domain.errors import ConfigError, Problem
from notifier.domain.route import Route
from notifier.settings import environment
from notifier.settings.channel_blocks import (
    SHARED,
    ChannelBlock,
    ChannelCommon,
    channel_block,
    is_whole,
    kind_of,
)
from notifier.settings.complaints import complaints, unknown_key
from notifier.settings.document import (
    LARGEST_FILE,
    MISSING,
    Path,
    Problems,
    SourceMark,
    SourceNode,
    interpolate,
    parse,
)
from notifier.settings.inhibition import inhibitions
from notifier.settings.intervals import time_intervals
from notifier.settings.model import Settings, SettingsFile
from notifier.settings.names import CHANNEL_NAME, defined_in
from notifier.settings.routes import RouteTree, route_key
from notifier.settings.secret_files import SecretFiles
from notifier.settings.secrets import is_secret as is_secret_of
from notifier.settings.sections import DeliverySettings, Sections

DEFAULT_FILE = "config/notifier.yaml"

ChannelCheck = Callable[[ChannelBlock, DeliverySettings], Iterable[Problem]]
IsSecret = Callable[[str, Path], bool]
"""Whether a kind of channel (its `type`) has a secret at a path, and so takes `x_file` for it."""


def every_key(_kind: str, _path: Path) -> bool:
    """Every `x_file` stands for a secret `x`: what holds where the kinds are not known."""
    return True


def no_key(_kind: str, _path: Path) -> bool:
    """No secret of a channel is read: what is enough for who needs none."""
    return False


def _no_check(_block: ChannelBlock, _delivery: DeliverySettings) -> Iterable[Problem]:
    return ()


def load(
    path: str | None,
    environ: Mapping[str, str],
    *,
    check_channel: ChannelCheck = _no_check,
    is_secret: IsSecret = every_key,
) -> Settings:
    """Settings from `path`, else `NOTIFIER_CONFIG`, else config/notifier.yaml where it exists, else the defaults.

    `check_channel(block, delivery)` says what is wrong with a block's own options, so that those problems come with
    all others; `delivery` is what the file allows. `is_secret(type, path)` says for which keys of a channel `x_file`
    is a secret's file; others that end so are the kind's own. Raises `ConfigError` with every problem, in the file's
    order.
    """
    source = (
        path or environ.get("NOTIFIER_CONFIG") or (DEFAULT_FILE if File(DEFAULT_FILE).is_file() else None)
    )
    problems, warnings = Problems(), Problems()
    start = SourceMark(file=source or "defaults", line=1, column=1)
    data = b"" if source is None else _contents(source, start, problems)
    root = _without_extensions(parse(data, start.file, problems))
    root = interpolate(environment.apply(root, environ, problems, warnings), environ, problems)
    root = SecretFiles(File(start.file).parent, problems, _secrets(root, is_secret)).read(root)
    reading = _Reading(root, problems)
    file = reading.file()
    channels = reading.channels()
    for block in channels.values():
        if block.type and is_whole(block.options):
            problems.extend(check_channel(block, file.delivery))
    if problems:
        raise ConfigError(tuple(problems))
    settings = _settings(file, channels, root, warnings)
    version = sha256(data).hexdigest()[:12]
    return replace(settings, source=source, version=version, warnings=tuple(warnings))


def _contents(source: str, start: SourceMark, problems: Problems) -> bytes:
    try:
        with File(source).open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        problems.add(start, f"the configuration cannot be read ({reason}); check --config or NOTIFIER_CONFIG")
        return b""


def _without_extensions(root: SourceNode) -> SourceNode:
    """The file without its `x-...` keys, where anchors are written that other places repeat."""
    assert isinstance(root.value, Mapping)
    return replace(root, value={key: node for key, node in root.value.items() if not key.startswith("x-")})


def _secrets(root: SourceNode, is_secret: IsSecret) -> Callable[[Path], bool]:
    """Where in a file a secret may stand."""

    def is_one(path: Path) -> bool:
        match path:
            case ("channels", str() as name, *below) if below:
                return is_secret(kind_of(root.at(("channels", name))), tuple(below))
            case _:
                return is_secret_of(Sections, path)

    return is_one


@dataclass(frozen=True, slots=True)
class _Reading:
    """Validates a file, and notes what pydantic has found at its places."""

    root: SourceNode
    problems: Problems

    def file(self) -> SettingsFile:
        """All but the channels."""
        entries = self.root.entries
        for key, entry in self.root.value.items() if isinstance(self.root.value, Mapping) else ():
            if key not in SettingsFile.model_fields:
                self.problems.add(entry.key, unknown_key(key, SettingsFile.model_fields))
        if "route" not in entries and entries.keys() & {"channels", "fallback"}:
            sentence = "`route` is missing: write `route: {channels: [...]}` to say who is told"
            self.problems.add(self.root.mark, sentence)
        own = {name: entry.plain() for name, entry in entries.items() if name in SettingsFile.model_fields}
        if self.root.get("channels").entries:
            del own["channels"]  # each is read on its own
        names = defined_in(self.root)
        file = SettingsFile.model_validate(own, context=names)
        for name, error in names.faults:
            self._note(error, own, (name,))
        return file

    def channels(self) -> Mapping[str, ChannelBlock]:
        """Every block, by name; one with problems of its own is there too."""
        return {name: self._block(name, node) for name, node in self.root.get("channels").entries.items()}

    def _block(self, name: str, node: SourceNode) -> ChannelBlock:
        if not CHANNEL_NAME.fullmatch(name):
            sentence = "a channel's name has letters, digits, - _ and . only, and at most 64 of them"
            self.problems.add(node.key, f"channels: {sentence}")
        written = {key: entry.plain() for key, entry in node.entries.items() if key in SHARED}
        common = None
        try:
            whole = written if isinstance(node.value, Mapping) else node.plain()
            common = ChannelCommon.model_validate(whole, context=())
        except ValidationError as error:
            self._note(error, {"channels": {name: whole}}, ("channels", name))
        return channel_block(name, node, common)

    def _note(self, error: ValidationError, data: Any, within: Path) -> None:
        for complaint in complaints(error, SettingsFile, data, within=within):
            node = self.root.at(complaint.path)
            if complaint.at_key or node.value is not MISSING:
                self.problems.add(node.key if complaint.at_key else node.mark, complaint.message)


def _settings(
    file: SettingsFile, channels: Mapping[str, ChannelBlock], root: SourceNode, warnings: Problems
) -> Settings:
    """Settings of a file without problems. One that does not say who is told gets the console, at once."""
    if file.route is None:
        block = ChannelBlock(name="console", type="console", options={}, mark=root.mark)
        channels = {"console": block}
        route = Route(key=route_key("", (), 0), name="default", channels=("console",), group_wait=0)
    else:
        intervals = time_intervals(file.time_intervals, file.holidays)
        tree = RouteTree(fallback=file.fallback, intervals=intervals, warnings=warnings)
        route = tree.root(file.route, root.get("route"))
    if file.fallback is None and any(block.type != "console" for block in channels.values()):
        sentence = "`fallback` is missing: nobody is told when a channel fails; name a second channel"
        warnings.add(root.mark, sentence)
    return Settings(
        server=file.server,
        database=file.database,
        channels=channels,
        fallback=file.fallback,
        route=route,
        inhibit=inhibitions(file.inhibit, root.get("inhibit").items, warnings),
        auto_resolve=file.auto_resolve,
        delivery=file.delivery,
        ingest=file.ingest,
        retention=file.retention,
        source=None,
        version="",
    )
