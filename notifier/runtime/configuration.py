"""Reads and validates the whole configuration, including channels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from notifier.channels import registry
from notifier.channels.registry import ChannelConfig
from notifier.domain.errors import ConfigError, Problem
from notifier.domain.value import replace
from notifier.runtime import pg_dump
from notifier.settings import loading
from notifier.settings.channel_blocks import ChannelBlock
from notifier.settings.formats import FormatBlock, available
from notifier.settings.model import Settings
from notifier.settings.schema import json_schema
from notifier.settings.sections import DeliverySettings

if TYPE_CHECKING:
    from notifier.ingest.formats.trial import FormatTrial


def load(path: str | None, environ: Mapping[str, str]) -> tuple[Settings, Mapping[str, ChannelConfig]]:
    """Reads and validates everything. Raises `ConfigError` with all problems at once. Channels may add warnings."""
    configs: dict[str, ChannelConfig] = {}

    def check_channel(block: ChannelBlock, delivery: DeliverySettings) -> Iterable[Problem]:
        result = registry.validate(block, allow_private=delivery.allow_private_addresses)
        if isinstance(result, ChannelConfig):
            configs[block.name] = result
            return ()
        return result

    def check_format(name: str, block: FormatBlock) -> str | None:
        from notifier.ingest.formats.trial import sample_fault  # noqa: PLC0415 - slow; most files have no formats

        return sample_fault(name, block)

    read = loading.load(
        path,
        environ,
        check_channel=check_channel,
        check_format=check_format,
        is_secret=registry.is_secret,
    )
    every = {name: configs[name] for name in read.channels}
    return replace(read, warnings=(*read.warnings, *_warnings(read, every))), every


def load_for_database(path: str | None, environ: Mapping[str, str]) -> Settings:
    """The settings for commands that only use the database. Secrets of channels may be unreadable for them."""
    return loading.load(path, environ, needed=("database", "server"))


def _warnings(settings: Settings, configs: Mapping[str, ChannelConfig]) -> Iterator[Problem]:
    for config in configs.values():
        yield from config.warnings
    if (
        settings.backup is not None
        and not settings.database.url.startswith("sqlite:")
        and not pg_dump.is_there()
    ):
        sentence = f"backup: {pg_dump.ABSENT}; none is made before that"
        yield Problem(file=settings.source or "defaults", line=1, column=1, message=sentence)
    used = {block.type for block in settings.channels.values()}
    for sentence in registry.unusable(used):
        yield Problem(file=settings.source or "defaults", line=1, column=1, message=sentence)


def check(path: str | None, environ: Mapping[str, str]) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """The errors and warnings of a configuration."""
    try:
        settings, _ = load(path, environ)
    except ConfigError as error:
        return error.problems, ()
    return (), settings.warnings


def try_format(
    path: str | None, environ: Mapping[str, str], name: str, sample: bytes | None
) -> FormatTrial | tuple[Problem, ...]:
    """Tries a format on a body, or on its own sample. Returns the problems if the configuration has any.

    Raises `KeyError` with a sentence for an unknown format, and if there is neither a body nor a sample.
    """
    from notifier.ingest.formats.trial import trial  # noqa: PLC0415

    try:
        settings, _ = load(path, environ)
    except ConfigError as error:
        return error.problems
    formats = available(settings.formats)
    if name not in formats:
        raise KeyError(f"there is no such format: it is one of {', '.join(sorted(formats))}")
    if sample is None and formats[name].sample is None:
        raise KeyError(f"the format {name} has no sample: give one with --sample FILE")
    return trial(formats[name], name, sample)


def schema() -> dict[str, Any]:
    """The JSON Schema of the configuration file, including all kinds of channels."""
    return json_schema(registry.models())
