"""What a reload keeps, opens and closes; and who may still hold what was replaced."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from notifier.channels import registry
from notifier.channels.base import Channel, ChannelSettings, Kind, Toolbox
from notifier.channels.registry import ChannelConfig
from notifier.domain.delivery import RateLimit, Receipt, Thread
from notifier.domain.errors import ConfigError
from notifier.domain.message import Message
from notifier.domain.route import Route
from notifier.domain.time import HOUR
from notifier.domain.value import replace
from notifier.runtime.active_config import (
    ActiveConfig,
    ChannelPool,
    ChannelSet,
    ConfigRows,
    CurrentConfig,
    rules_of,
    settings_text,
)
from notifier.runtime.reload import keep_fixed
from notifier.settings.channel_blocks import ChannelBlock
from notifier.settings.document import SourceFile, SourceMark
from notifier.settings.model import Settings
from notifier.settings.sections import (
    DatabaseSettings,
    DeliverySettings,
    IngestSettings,
    RetentionSettings,
    ServerSettings,
)
from notifier.testing import ManualClock

pytestmark = pytest.mark.anyio

SETTINGS = Settings(
    server=ServerSettings(),
    database=DatabaseSettings(),
    channels={},
    fallback=None,
    route=Route(key="root", name="default"),
    delivery=DeliverySettings(),
    ingest=IngestSettings(),
    retention=RetentionSettings(),
    source=None,
    version="a" * 12,
)


class Spoken(ChannelSettings):
    voice: str = "low"


@dataclass(eq=False)
class Speaker:
    """A channel that counts how often it was closed."""

    voice: str
    closed: int = 0
    lent: list[Toolbox] = field(default_factory=list)

    async def send(self, message: Message, *, target: str, thread: Thread) -> Receipt:
        del message, target, thread
        return Receipt()

    async def aclose(self) -> None:
        self.closed += 1


def _open(_name: str, settings: Spoken, toolbox: Toolbox) -> Channel:
    if settings.voice == "none":
        raise RuntimeError("no voice")
    return Speaker(settings.voice, lent=[toolbox])


KIND = Kind(name="speaker", settings=Spoken, open=_open, targets=lambda _: ("all",))


def _config(name: str, voice: str = "low", **changes: Any) -> ChannelConfig:
    config = ChannelConfig(
        name=name,
        mark=SourceMark(file="notifier.yaml", line=len(name), column=1),
        kind=KIND,
        settings=Spoken(voice=voice),
        targets=("all",),
        rate_limit=None,
        digest=True,
        pace=0,
        concurrency=8,
    )
    return replace(config, **changes)


def _configs(*configs: ChannelConfig) -> dict[str, ChannelConfig]:
    return {config.name: config for config in configs}


def _configured(
    channel_set: ChannelSet, *configs: ChannelConfig, settings: Settings = SETTINGS
) -> ActiveConfig:
    return ActiveConfig(
        settings=settings,
        configs=_configs(*configs),
        channel_set=channel_set,
        rules=rules_of(settings, ConfigRows(targets={}, settings_hashes={})),
    )


def _speaker(channel_set: ChannelSet, name: str) -> Speaker:
    sender = channel_set.channels[name].sender
    assert isinstance(sender, Speaker)
    return sender


@pytest.fixture
def channel_pool() -> ChannelPool:
    return ChannelPool(ManualClock())


async def test_an_unchanged_channel_keeps_its_sender(channel_pool: ChannelPool) -> None:
    """Whatever changes around it, its rate limit included; a changed one has a new sender, and the old is closed."""
    first = await channel_pool.open(SETTINGS, _configs(_config("kept"), _config("louder"), _config("gone")))
    before = _configured(first, _config("kept"), _config("louder"), _config("gone"))
    limit = RateLimit(messages=1, per=HOUR, burst=1)
    after = _configs(_config("kept", rate_limit=limit), _config("louder", "high"), _config("new"))
    second = await channel_pool.open(SETTINGS, after, before)
    assert _speaker(second, "kept") is _speaker(first, "kept")
    assert second.channels["kept"].rate_limit == limit
    assert _speaker(second, "louder").voice == "high"
    assert [_speaker(first, name).closed for name in ("kept", "louder", "gone")] == [0, 0, 0]
    await channel_pool.close_unused(first, unless=second)
    assert [_speaker(first, name).closed for name in ("kept", "louder", "gone")] == [0, 1, 1]
    await channel_pool.aclose()
    assert [_speaker(first, name).closed for name in ("kept", "louder", "gone")] == [1, 1, 1]
    assert [_speaker(second, name).closed for name in ("kept", "louder", "new")] == [1, 1, 1]


async def test_another_address_policy_opens_every_channel_anew(channel_pool: ChannelPool) -> None:
    """The guarded client is lent when a channel is opened: nobody may keep the one with the old policy."""
    first = await channel_pool.open(SETTINGS, _configs(_config("one")))
    loose = replace(SETTINGS, delivery=DeliverySettings(allow_private_addresses=True))
    second = await channel_pool.open(loose, _configs(_config("one")), _configured(first, _config("one")))
    assert _speaker(second, "one") is not _speaker(first, "one")
    assert _speaker(second, "one").lent[0].http is not _speaker(first, "one").lent[0].http
    await channel_pool.close_unused(first, unless=second)
    assert _speaker(first, "one").closed == 1
    await channel_pool.aclose()
    assert (_speaker(first, "one").closed, _speaker(second, "one").closed) == (1, 1)


async def test_a_channel_that_cannot_be_opened_leaves_all_as_it_was(channel_pool: ChannelPool) -> None:
    """Every such channel is named, what was opened beside it is closed, and what was there stays open."""
    first = await channel_pool.open(SETTINGS, _configs(_config("kept")))
    made: list[Speaker] = []

    def watched(name: str, settings: Spoken, toolbox: Toolbox) -> Channel:
        sender = _open(name, settings, toolbox)
        assert isinstance(sender, Speaker)
        made.append(sender)
        return sender

    kind = replace(KIND, open=watched)
    after = _configs(
        _config("kept"), _config("new", kind=kind), _config("bad", "none"), _config("worse", "none")
    )
    with pytest.raises(ConfigError) as refused:
        await channel_pool.open(SETTINGS, after, _configured(first, _config("kept")))
    assert [problem.line for problem in refused.value.problems] == [len("bad"), len("worse")]
    assert [one.closed for one in made] == [1]
    assert _speaker(first, "kept").closed == 0
    await channel_pool.aclose()
    assert [one.closed for one in (*made, _speaker(first, "kept"))] == [1, 1]


async def test_what_is_replaced_is_unused_once_its_last_user_has_left(channel_pool: ChannelPool) -> None:
    """Two hold the old configuration; who comes after the swap has the new one and keeps nobody waiting."""
    old = _configured(await channel_pool.open(SETTINGS, {}))
    new = replace(old, settings=replace(SETTINGS, version="b" * 12))
    current_config = CurrentConfig(old)
    with current_config.use() as outer:
        with current_config.use() as inner:
            current_config.now = new
            waiting = asyncio.create_task(current_config.wait_until_unused(old))
            with current_config.use() as later:
                assert (outer.version, inner.version, later.version) == (old.version, old.version, "b" * 12)
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
    async with asyncio.timeout(5):
        await waiting
    await channel_pool.aclose()


def test_only_a_restart_moves_the_socket_and_the_database() -> None:
    """They keep their running values and are named; the rest of their sections follows the file."""
    wanted = replace(
        SETTINGS,
        server=ServerSettings(host="::1", port=9, url="https://n.example.com"),
        database=DatabaseSettings(url="sqlite:///b.db", max_size=1),
        version="b" * 12,
    )
    kept, undone = keep_fixed(wanted, SETTINGS)
    assert undone == ("server.host", "server.port", "database.url", "database.max_size")
    assert (kept.server.host, kept.server.port, kept.database) == ("127.0.0.1", 8000, SETTINGS.database)
    assert (kept.server.url, kept.version) == ("https://n.example.com", "b" * 12)
    assert keep_fixed(SETTINGS, SETTINGS) == (SETTINGS, ())


def test_settings_are_told_apart_by_everything_but_who_is_told() -> None:
    """A password, a host or an address of the network is another setting; one more recipient is not."""
    smtp = {"host": "smtp.example.com", "port": 587, "username": "n", "password": "one"}
    options: dict[str, Any] = {"smtp": smtp, "from": "n@example.com", "to": ["a@example.com"]}

    def text(**changes: Any) -> str:
        config = registry.validate(
            ChannelBlock(
                name="mail",
                type="email",
                options=options | changes,
                source=SourceFile("n"),
            ),
            allow_private=True,
        )
        assert isinstance(config, ChannelConfig), config
        return settings_text(config)

    assert text() == text() == text(to=["b@example.com", "a@example.com"])
    others = [
        text(smtp=smtp | {"password": "two"}),
        text(smtp=smtp | {"host": "b"}),
        text(**{"from": "m@example.com"}),
    ]
    assert len({text(), *others}) == 4
    assert "one" in text()
