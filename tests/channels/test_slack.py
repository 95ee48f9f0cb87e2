"""Slack: messages, their places, and the meaning of its answers."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.channels.base import Toolbox
from notifier.channels.http import Reply
from notifier.channels.slack import blocks
from notifier.channels.slack.responses import read_api, read_hook
from notifier.channels.slack.sender import SlackChannel
from notifier.channels.slack.settings import SlackSettings
from notifier.domain.delivery import Outcome, Receipt, Thread
from notifier.domain.errors import SendError
from notifier.domain.message import Told
from notifier.domain.notification import Reason
from notifier.domain.value import replace
from notifier.testing import Answer, FakeSlack, slack_complaint
from notifier.testing.messages import EVENT, incident, message, several

pytestmark = pytest.mark.anyio


def bot(server: FakeSlack, toolbox: Toolbox, **changes: Any) -> SlackChannel:
    options = {"token": server.token, "channel": "#oncall", "base_url": server.base_url, **changes}
    return SlackChannel(SlackSettings.model_validate(options), toolbox)


async def test_a_message_says_what_a_person_needs() -> None:
    """The message has the problem, place, times, count, own frame, reason, suppressed count and link."""
    text = json.dumps(
        blocks.payload(message(possible_repeat=True, note="Test note", more=2)), ensure_ascii=False
    )
    for fact in (
        "error", "TimeoutError", "billing", "production", "1.4.2", "2026-11-22 04:00 UTC", "4,312 times",
        "billing/tasks.py:88 in charge", "incidents/142", "notifier.yaml:12", "4,311 further events",
        "Possible repeat", "2 more incidents", "Test note", "order_id 1842", "nobody is on it yet",
    ):  # fmt: skip
        assert fact in text


async def test_a_token_says_what_it_may_and_what_is_missing(toolbox: Toolbox) -> None:
    """Missing scopes and their consequences are reported; a token that cannot post is a problem."""
    with FakeSlack(channels=("here", "there")) as server:
        server.uninvited = {"C001"}

        async def check(channel: str, *scopes: str) -> str:
            server.scopes = list(scopes)
            bot = {"token": server.token, "channel": channel, "base_url": server.base_url}
            return await SlackChannel(SlackSettings.model_validate(bot), toolbox).check(target=channel)

        fine = await check("C000", "chat:write", "channels:read", "groups:read", "chat:write.public")
        assert "without" not in fine
        assert "it is in the channel" in fine
        bare = await check("C000", "chat:write")
        assert "without channels:read a public channel cannot be looked at" in bare
        assert "may post there all the same" in await check(
            "C001", "chat:write", "channels:read", "chat:write.public"
        )
        with pytest.raises(SendError, match="/invite"):
            await check("C001", "chat:write", "channels:read")
        with pytest.raises(SendError, match="lacks the scope chat:write"):
            await check("C000", "channels:read")
        assert server.posted == []


@pytest.mark.parametrize(
    ("code", "outcome", "whole"),
    [
        ("ratelimited", Outcome.THROTTLED, False),
        ("channel_not_found", Outcome.PERMANENT, False),
        ("not_in_channel", Outcome.PERMANENT, False),
        ("is_archived", Outcome.GONE, False),
        ("invalid_auth", Outcome.PERMANENT, True),
        ("token_revoked", Outcome.PERMANENT, True),
        ("not_authed", Outcome.PERMANENT, True),
        ("account_inactive", Outcome.PERMANENT, True),
        ("missing_scope", Outcome.PERMANENT, True),
        ("internal_error", Outcome.TRANSIENT, False),
        ("fatal_error", Outcome.TRANSIENT, False),
        ("service_unavailable", Outcome.TRANSIENT, False),
    ],
)
async def test_ok_false_is_a_failure_with_its_own_outcome(
    toolbox: Toolbox, code: str, outcome: Outcome, whole: bool
) -> None:
    """HTTP 200 with `ok: false` is a failure with the outcome of its code."""
    with FakeSlack() as server:
        server.fail(code, headers={"Retry-After": "3"})
        with pytest.raises(SendError) as caught:
            await bot(server, toolbox).send(message(), target="#oncall", thread=Thread(id="t"))
    assert (caught.value.outcome, caught.value.whole_channel) == (outcome, whole)
    assert code in caught.value.detail
    assert caught.value.retry_after == 3_000


async def test_a_wrong_token_is_the_whole_channels_problem(toolbox: Toolbox) -> None:
    """A wrong token pauses the whole channel."""
    with FakeSlack() as server:
        channel = bot(server, toolbox)
        server.token = "xoxb-another"
        with pytest.raises(SendError) as caught:
            await channel.send(message(), target="#oncall", thread=Thread(id="t"))
    assert caught.value.whole_channel


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (404, b"no_service", Outcome.GONE),
        (410, b"channel_is_archived", Outcome.GONE),
        (403, b"invalid_token", Outcome.PERMANENT),
        (400, b"invalid_payload", Outcome.PERMANENT),
        (404, b"channel_not_found", Outcome.PERMANENT),
        (500, b"rollup_error", Outcome.TRANSIENT),
        (429, b"rate_limited", Outcome.THROTTLED),
        (200, b"<!DOCTYPE html><p>Sign in", Outcome.TRANSIENT),
        (200, b"", Outcome.TRANSIENT),
    ],
)
async def test_an_incoming_webhooks_text_answers_count(
    toolbox: Toolbox, status: int, body: bytes, outcome: Outcome
) -> None:
    """A webhook's text answer decides; only `ok` is delivered."""
    with FakeSlack() as server:
        server.script(Answer(status=status, body=body))
        options = SlackSettings.model_validate({"webhook_url": server.webhook_url})
        with pytest.raises(SendError) as caught:
            await SlackChannel(options, toolbox).send(message(), target="x", thread=Thread(id="t"))
    assert caught.value.outcome is outcome


def test_a_proxys_page_says_so() -> None:
    """HTML in place of JSON is reported with its likely cause and without its content."""
    page = Reply(status=200, body=b"<html>s3cr3t", content_type="text/html")
    with pytest.raises(SendError, match="proxy") as caught:
        read_api(page)
    assert "s3cr3t" not in caught.value.detail


@given(st.integers(100, 599), st.binary(), st.booleans())
def test_any_answer_is_a_receipt_or_a_send_error(status: int, body: bytes, whole: bool) -> None:
    """Any answer gives a receipt or `SendError`."""
    reply = Reply(status=status, body=body, whole=whole)
    with contextlib.suppress(SendError):
        assert read_api(reply)["ok"] is True
    with contextlib.suppress(SendError):
        assert read_hook(reply) == Receipt()


NASTY = st.text() | st.builds(
    lambda text, times: text * times,
    st.sampled_from(["<!channel>", "&", "€", "😀", "\x00\r\n", "`*_~|"]),
    st.integers(0, 4_000),
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 20), NASTY, NASTY, st.sampled_from(Reason))
def test_no_event_breaks_a_limit_or_adds_a_mention(
    count: int, title: str, value: str, reason: Reason
) -> None:
    """Slack's limits hold, and every angle bracket is escaped or part of our own link."""
    frame = {"file": value, "function": title, "line": 1, "code": value, "in_app": True}
    event = {**EVENT, "exception": {**EVENT["exception"], "frames": [frame]}}
    changed = incident(
        title=title, labels={"service": value, "task": title}, latest_event=event, acknowledged_by=value
    )
    told = tuple(Told(incident=changed, reason=reason) for _ in range(count))
    made = message(told=told, labels={"service": value}, reason=reason, note=title or None)
    for body in (
        blocks.payload(made),
        blocks.root(made, blocks.BlockOptions(buttons=True)),
        blocks.reply(made),
    ):
        assert slack_complaint(body) is None
        link = (
            r"<https://notifier.example.com/(incidents/142\|Open incident 142|groups/g-1\|Open the whole group"
            r"|incidents\|Open the list of incidents)>"
        )
        texts = re.sub(
            rf"{link}|<!date\^\d+\^{{date_short_pretty}} {{time}}\|[0-9: UTC-]+>", "", "".join(_texts(body))
        )
        assert "<" not in texts
        assert ">" not in texts


def test_each_reader_sees_their_own_time() -> None:
    """Times are date elements, with the channel's local time and the age as fallback."""
    look = blocks.BlockOptions(time_zone="Europe/Berlin")
    for body in (
        blocks.payload(message(), look),
        blocks.root(message(), look),
        blocks.reply(message(), look),
    ):
        text = json.dumps(body["blocks"], ensure_ascii=False)
        assert (
            "since <!date^1795320000^{date_short_pretty} {time}|2026-11-22 05:00 CET> (1 h 1 min ago)" in text
        )
        assert "last <!date^1795323600^{date_short_pretty} {time}|06:00 CET> (1 min ago)" in text


def test_text_alone_says_how_bad_what_where_and_leads_there() -> None:
    """The text without blocks, for phones and Mattermost, has severity, problem, place and link."""
    for body in (
        blocks.payload(message()),
        blocks.root(message(), blocks.BlockOptions()),
        blocks.reply(message()),
    ):
        assert re.fullmatch(
            r"\[billing/production\] error \u00b7 (New|Open): TimeoutError: upstream timed out after 30s "
            r"https://notifier\.example\.com/incidents/142",
            body["text"],
        )


def test_an_instant_before_slacks_calendar_is_told_in_words() -> None:
    """A time before Slack's range is written as text."""
    told = (Told(incident=incident(first_seen=-5_000_000, last_seen=10**16), reason=Reason.OPENED),)
    text = json.dumps(blocks.payload(message(told=told)))
    assert "<!date" not in text
    assert "1969-12-31 22:36 UTC" in text


def test_a_link_is_whole_or_left_out() -> None:
    """A link is never truncated, and `|` in it is escaped."""
    links = {
        url: json.dumps(
            blocks.payload(message(told=(Told(incident=incident(url=url), reason=Reason.OPENED),)))
        )
        for url in ("https://n.example.com/a|b&c", "https://n.example.com/" + "x" * 700)
    }
    assert [text.count("|Open incident 142>") for text in links.values()] == [1, 0]
    assert "<https://n.example.com/a%7Cb&amp;c|" in next(iter(links.values()))


def test_twenty_incidents_fit_into_one_message() -> None:
    """Five incidents are shown in full, with frames and code, the others on a line each."""
    body = blocks.payload(several(20))
    assert slack_complaint(body) is None
    text = json.dumps(body)
    assert text.count("TimeoutError: upstream") == 20
    assert text.count("await gateway.charge") == text.count("billing/tasks.py:88 in charge") == 5


CODE = "await gateway.charge(order, " + "retries=3, " * 8


@pytest.mark.parametrize(
    ("length", "codes", "frames", "titles"), [(20, 5, 5, 20), (80, 0, 5, 20), (150, 0, 0, 20)]
)
def test_what_is_too_long_for_slack_loses_details_first(
    length: int, codes: int, frames: int, titles: int
) -> None:
    """Beyond Slack's limit the code is dropped first, then frames, and never a title."""
    place = [
        {"file": "x" * 100, "function": f"f{n}" * 15, "line": n, "in_app": True, "code": CODE}
        for n in range(3)
    ]
    event = {"exception": {"type": "E", "message": "m", "frames": place}, "context": {"a": "b" * 10 * length}}
    body = blocks.payload(several(20, title="T" * length, latest_event=event))
    assert slack_complaint(body) is None
    text = json.dumps(body)
    assert [text.count(word) // each for word, each in (("await", 3), ("x" * 100, 3), ("T" * length, 1))] == [
        codes, frames, titles,
    ]  # fmt: skip


def test_what_has_no_room_at_all_is_counted() -> None:
    """If twenty incidents with texts of maximum length do not fit, the message says how many are missing."""
    long = "&" * 300
    labels = {"service": long, "task": long, "host": long, "release": long}
    told = several(20, title=long, labels=labels)
    body = blocks.payload(replace(told, labels={}))
    assert slack_complaint(body) is None
    text = json.dumps(body)
    shown = text.count("New: &amp;")
    assert 1 <= shown < 20
    assert f"{20 - shown} more of these incidents have no room here" in text


def _texts(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [text for value in node.values() for text in _texts(value)]
    if isinstance(node, list):
        return [text for value in node for text in _texts(value)]
    return [node] if isinstance(node, str) else []
