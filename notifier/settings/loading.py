"""From a file and an environment to Settings, or to all the problems at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from notifier.domain.errors import ConfigError, Problem
from notifier.domain.route import Route
from notifier.settings import environment
from notifier.settings.channel_blocks import IsSecret, every_key, is_whole, read_channels
from notifier.settings.document import LARGEST_FILE, MISSING, Node, Problems, interpolate, parse
from notifier.settings.inhibition import read_inhibitions
from notifier.settings.intervals import read_holidays, read_intervals
from notifier.settings.model import (
    ChannelBlock,
    DatabaseSettings,
    DeliverySettings,
    IngestSettings,
    Mark,
    RetentionSettings,
    ServerSettings,
    Settings,
)
from notifier.settings.reading import Reader
from notifier.settings.routes import Named, read_name, read_root, route_key
from notifier.settings.sections import AUTO_RESOLVE, SECTIONS, read_section

DEFAULT_FILE = "config/notifier.yaml"

KEYS = frozenset(SECTIONS) | {
    "channels",
    "fallback",
    "route",
    "inhibit",
    "time_intervals",
    "holidays",
    "auto_resolve",
}

ChannelCheck = Callable[[ChannelBlock, DeliverySettings], Iterable[Problem]]


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
        path or environ.get("NOTIFIER_CONFIG") or (DEFAULT_FILE if Path(DEFAULT_FILE).is_file() else None)
    )
    problems, warnings = Problems(), Problems()
    start = Mark(file=source or "defaults", line=1, column=1)
    data = b"" if source is None else _contents(source, start, problems)
    written = _without_extensions(parse(data, start.file, problems))
    root = environment.apply(written, environment.overrides(environ, problems, warnings))
    reader = Reader(problems, Path(start.file).parent)
    settings = _read(reader, interpolate(root, environ, problems), warnings, is_secret)
    for block in settings.channels.values():
        if block.type and is_whole(block.options):
            problems.extend(check_channel(block, settings.delivery))
    if problems:
        raise ConfigError(tuple(problems))
    version = sha256(data).hexdigest()[:12]
    return replace(settings, source=source, version=version, warnings=tuple(warnings))


def _without_extensions(root: Node) -> Node:
    """The file without its `x-...` keys, where anchors are written that other places repeat."""
    assert isinstance(root.value, Mapping)
    return replace(root, value={key: node for key, node in root.value.items() if not key.startswith("x-")})


def _contents(source: str, start: Mark, problems: Problems) -> bytes:
    try:
        with Path(source).open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        problems.add(start, f"the configuration cannot be read ({reason}); check --config or NOTIFIER_CONFIG")
        return b""


def _read(reader: Reader, root: Node, warnings: Problems, is_secret: IsSecret) -> Settings:
    reader.only(root, "", KEYS)
    entries = reader.entries(root, "")
    channels, fallback, route = _telling(reader, root, entries, warnings, is_secret)
    auto_resolve = entries.get("auto_resolve")
    resolve_after = (
        None if auto_resolve is None else reader.value(auto_resolve, "auto_resolve", AUTO_RESOLVE.form.read)
    )
    settings = Settings(
        server=ServerSettings(**read_section(reader, "server", entries.get("server"))),
        database=DatabaseSettings(**read_section(reader, "database", entries.get("database"))),
        delivery=DeliverySettings(**read_section(reader, "delivery", entries.get("delivery"))),
        ingest=IngestSettings(**read_section(reader, "ingest", entries.get("ingest"))),
        retention=RetentionSettings(**read_section(reader, "retention", entries.get("retention"))),
        channels=channels,
        fallback=fallback,
        route=route,
        inhibit=read_inhibitions(reader, entries.get("inhibit"), warnings),
        source=None,
        version="",
    )
    return settings if resolve_after is None else replace(settings, auto_resolve=resolve_after)


def _telling(
    reader: Reader, root: Node, entries: Mapping[str, Node], warnings: Problems, is_secret: IsSecret
) -> tuple[Mapping[str, ChannelBlock], str | None, Route]:
    """Who is told. A file that says nothing of it gets the console, at once."""
    holidays = read_holidays(reader, entries.get("holidays"))
    intervals = read_intervals(reader, entries.get("time_intervals"), holidays)
    route = entries.get("route")
    if route is None and not entries.keys() & {"channels", "fallback"}:
        return _console(root.mark)
    channels = read_channels(reader, entries.get("channels"), is_secret)
    names = frozenset(channels)
    fallback = None
    if "fallback" in entries:
        fallback = read_name(reader, entries["fallback"], "fallback", names)
    elif any(block.type != "console" for block in channels.values()):
        warnings.add(
            root.mark, "`fallback` is missing: nobody is told when a channel fails; name a second channel"
        )
    if route is None:
        reader.problems.add(
            root.mark, "`route` is missing: write `route: {channels: [...]}` to say who is told"
        )
        route = Node(value=MISSING, mark=root.mark, key=root.mark)
    named = Named(channels=names, fallback=fallback, intervals=intervals)
    return channels, fallback, read_root(reader, route, named, warnings)


def _console(mark: Mark) -> tuple[Mapping[str, ChannelBlock], None, Route]:
    block = ChannelBlock(name="console", type="console", options={}, mark=mark)
    route = Route(key=route_key("", (), 0), name="default", channels=("console",), group_wait=0)
    return {"console": block}, None, route
