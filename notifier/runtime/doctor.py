"""Examines a running service: existing and upcoming problems, and what to do. Sends no notifications."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa

from notifier.channels.base import Channel, Checkable
from notifier.delivery.dispatcher import OpenChannel
from notifier.domain.errors import SendError
from notifier.domain.key import Key
from notifier.domain.time import SECOND, words
from notifier.oncall.findings import Finding
from notifier.runtime import pg_dump
from notifier.runtime.database import sqlite_path
from notifier.runtime.status import AWAY_OR_AHEAD, CLOCK_ADVICE, ServiceStatus
from notifier.settings.model import Settings
from notifier.store import keys
from notifier.store.database import Database

CHECK_S = 15.0
CLOCKS_APART_S = 5.0
DISK_LEFT = 1_000_000_000


class _Target(NamedTuple):
    """One target of an open channel."""

    channel: str
    target: str
    sender: Channel


async def examine(
    database: Database,
    settings: Settings,
    channels: Mapping[str, OpenChannel],
    targets: Mapping[str, Sequence[str]],
    status: ServiceStatus,
) -> tuple[Finding, ...]:
    """Examines everything. Channels are checked concurrently, for at most fifteen seconds."""
    existing = await database.read(keys.listing)
    return (
        *_service(status),
        *_database(database, settings),
        *_backups(settings, status),
        *await _pg_dump(database, settings),
        *_configuration(settings),
        *_keys(existing),
        *await examine_channels(channels, targets),
    )


async def examine_channels(
    channels: Mapping[str, OpenChannel], targets: Mapping[str, Sequence[str]]
) -> tuple[Finding, ...]:
    """Checks all targets concurrently, for at most fifteen seconds."""
    checks = [
        _channel(_Target(name, target, channel.sender))
        for name, channel in sorted(channels.items())
        for target in targets.get(name, ())
    ]
    return tuple(await asyncio.gather(*checks))


def _service(status: ServiceStatus) -> Iterator[Finding]:
    for sentence in status.not_ready:
        yield Finding(
            "service", status.replica, "problem", sentence, "look at the log and at the page /status"
        )
    if not status.books.balanced:
        yield Finding(
            "service", "books", "problem", "the accounting equations do not hold",
            "keep a backup, and look at the page /status",
        )  # fmt: skip
    if not status.not_ready and status.books.balanced:
        yield Finding(
            "service", status.replica, "ok", "a commit works, every loop moves, and the books balance"
        )
    waits_until = status.database.retention_waits_until
    if waits_until is not None:
        left = words(waits_until - status.database.at)
        yield Finding(
            "clock", "retention", "warning",
            f"{AWAY_OR_AHEAD}: nothing is removed for its age for {left}",
            CLOCK_ADVICE[:1].lower() + CLOCK_ADVICE[1:],
        )  # fmt: skip


def _database(database: Database, settings: Settings) -> Iterator[Finding]:
    apart = abs(database.now() / SECOND - datetime.now(UTC).timestamp())
    if apart > CLOCKS_APART_S:
        yield Finding(
            "clock", database.dialect, "problem",
            f"the database's clock and this machine's are {apart:.0f} s apart", "synchronise both (NTP)",
        )  # fmt: skip
    path = sqlite_path(settings.database.url)
    if path is None:
        yield Finding("database", "PostgreSQL", "ok", "it answers, and fsync is on")
        return
    size, left = path.stat().st_size, shutil.disk_usage(path.resolve().parent).free
    largest = settings.database.max_size
    if size > 0.8 * largest:
        yield Finding(
            "database", path.name, "warning",
            f"it has {size / largest:.0%} of database.max_size; at 90 % the oldest samples go early",
            "raise database.max_size, or shorten retention",
        )  # fmt: skip
    if left < DISK_LEFT:
        yield Finding(
            "disk",
            path.name,
            "warning",
            f"{left / 1e6:,.0f} MB are left on its disk",
            "make room: at none, ingest waits",
        )
    else:
        yield Finding(
            "disk", path.name, "ok", f"{size / 1e6:,.0f} MB are in use, {left / 1e9:,.1f} GB are left"
        )


def _backups(settings: Settings, status: ServiceStatus) -> Iterator[Finding]:
    backup_settings, state = settings.backup, status.database.backup
    if backup_settings is None:
        if status.database.dialect == "sqlite":
            yield Finding(
                "backup", "backup", "warning", "the service makes none by itself",
                "set `backup: {to: FOLDER}`, or see to it that `notifier backup` is run",
            )  # fmt: skip
        return
    if state is None or state.made_at is None:
        why = "none has been made yet" if state is None or not state.why else state.why
        yield Finding("backup", "last", "warning", why, "see the page /status")
        return
    age = status.database.at - state.made_at
    sentence = f"the last one, {state.file}, was begun {words(age)} ago and has {state.bytes / 1e6:,.1f} MB"
    if state.why or age > 2 * backup_settings.every:
        why = f": {state.why}" if state.why else ""
        yield Finding("backup", "last", "problem", f"{sentence}; a newer one is not made{why}", "see the log")
    else:
        yield Finding("backup", "last", "ok", sentence)


async def _pg_dump(database: Database, settings: Settings) -> tuple[Finding, ...]:
    """Whether `pg_dump` is installed, and new enough for the server."""
    if settings.backup is None or database.dialect != "postgresql":
        return ()
    program = await pg_dump.version()
    if program is None:
        return (Finding("backup", "pg_dump", "problem", pg_dump.ABSENT, "see `backup` in the manual"),)
    server = (
        int(await database.read(lambda tx: tx.run(sa.text("SHOW server_version_num")).scalar_one())) // 10_000
    )
    sentence = f"it is of PostgreSQL {program}, and the server of {server}"
    if program < server:
        return (Finding("backup", "pg_dump", "problem", sentence, pg_dump.OLDER),)
    return (Finding("backup", "pg_dump", "ok", sentence),)


def _configuration(settings: Settings) -> Iterator[Finding]:
    if settings.server.url is None:
        yield Finding(
            "configuration", "server.url", "warning", "it is not set: messages have no links",
            "set it to the address that people reach this service under",
        )  # fmt: skip
    if settings.fallback is None:
        yield Finding(
            "configuration", "fallback", "warning", "there is none: an alert whose channel fails is told to nobody",
            "name another channel as `fallback`",
        )  # fmt: skip
    for warning in settings.warnings:
        yield Finding("configuration", "file", "warning", str(warning), "see `notifier check`")


def _keys(existing: Sequence[Key]) -> Iterator[Finding]:
    working = [key for key in existing if key.revoked_at is None]
    if len(working) == 1 and "admin" in working[0].scopes:
        yield Finding(
            "keys", working[0].name, "warning", "the first key, which may do everything, is the only one",
            "make one for each sender with `notifier keys create --scope ingest`",
        )  # fmt: skip
    else:
        yield Finding("keys", "all", "ok", f"{len(working)} keys work")


async def _channel(target: _Target) -> Finding:
    subject = f"{target.channel} ({target.target})"
    if not isinstance(target.sender, Checkable):
        return Finding(
            "channel", subject, "warning", "its kind cannot be tried without sending",
            f"send a test: notifier test-channel {target.channel}",
        )  # fmt: skip
    action = f"correct this, then: notifier test-channel {target.channel}"
    try:
        async with asyncio.timeout(CHECK_S):
            return Finding("channel", subject, "ok", await target.sender.check(target=target.target))
    except SendError as error:
        return Finding("channel", subject, "problem", error.detail, action)
    except TimeoutError:
        return Finding("channel", subject, "problem", f"nothing answered within {CHECK_S:.0f} s", action)
