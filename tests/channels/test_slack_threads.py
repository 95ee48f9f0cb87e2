"""Slack threads: the root message that is edited, the replies, and the buttons."""

from __future__ import annotations

import json
from typing import Any

import pytest

from notifier.channels.base import Toolbox
from notifier.channels.slack import blocks
from notifier.channels.slack.sender import SlackChannel
from notifier.channels.slack.settings import SlackSettings
from notifier.domain.delivery import Outcome, Receipt, Thread
from notifier.domain.errors import SendError
from notifier.domain.message import EpisodeSummary, Message, Told
from notifier.domain.notification import Reason
from notifier.domain.state import State
from notifier.domain.time import HOUR, MINUTE
from notifier.testing import Answer, FakeSlack, slack_complaint
from notifier.testing.messages import AT, EVENT, incident, message, message_about

pytestmark = pytest.mark.anyio

REF = "T000/C000/1700000000.000001"
OPEN = incident(first_seen=AT, last_seen=AT)
TAKEN = incident(first_seen=AT - 2 * MINUTE, state=State.ACKNOWLEDGED, acknowledged_by="ann")
OVER = incident(first_seen=AT - 12 * MINUTE, state=State.RESOLVED, resolved_at=AT)


def bot(server: FakeSlack, toolbox: Toolbox, **changes: Any) -> SlackChannel:
    options = {"token": server.token, "channel": "#oncall", "base_url": server.base_url, **changes}
    return SlackChannel(SlackSettings.model_validate(options), toolbox)


async def tell(
    channel: SlackChannel, *messages: Message, ref: str | None = None, previous: str | None = None
) -> Receipt:
    """Send messages in one thread, and return the last receipt."""
    receipt = Receipt(ref=ref)
    for one in messages:
        thread = Thread(id="t-1", ref=receipt.ref, previous_ref=previous)
        receipt = await channel.send(one, target="#oncall", thread=thread)
    return receipt


async def test_an_episode_is_one_root_that_is_edited_and_a_thread(toolbox: Toolbox) -> None:
    """Opened, acknowledged and resolved are one edited root with the history in its thread."""
    with FakeSlack() as server:
        receipt = await tell(
            bot(server, toolbox),
            message_about(OPEN, Reason.OPENED),
            message_about(TAKEN, Reason.ACKNOWLEDGED, actor="ann"),
            message_about(OVER, Reason.RESOLVED, actor="bo"),
        )
        [root] = server.roots
        taken, over = server.replies(root.ts)
    assert receipt.ref == REF
    title = "TimeoutError: upstream timed out after 30s"
    headers = [
        body["blocks"][0]["text"]["text"] for body in (server.posted[0], server.edited[0], root.document)
    ]
    assert headers == [
        f"\U0001f7e7 error · Open: {title}",
        f"\U0001f7e7 error · Acknowledged by ann after 3 min: {title}",
        f"\u2705 error · Resolved by bo after 12 min: {title}",
    ]
    assert root.edits == 2
    link = "https://notifier.example.com/incidents/142"
    assert (
        taken.document["text"]
        == f"[billing/production] error · Acknowledged by ann after 3 min: {title} {link}"
    )
    assert (
        over.document["text"] == f"[billing/production] error · Resolved by bo after 12 min: {title} {link}"
    )
    assert "4,312 times" in over.text


async def test_an_edit_shows_all_and_the_reply_what_is_new(toolbox: Toolbox) -> None:
    """The root counts and lists all three incidents, the reply has only the one that is resolved."""
    states: list[tuple[State, dict[str, Any]]] = [
        (State.OPEN, {}),
        (State.ACKNOWLEDGED, {"acknowledged_by": "ann"}),
        (State.RESOLVED, {"resolved_at": AT}),
    ]
    shown = tuple(
        incident(id=f"i-{state}", number=number, state=state, title=f"{state} one", **more)
        for number, (state, more) in enumerate(states, start=1)
    )
    told = (Told(incident=shown[2], reason=Reason.RESOLVED, actor="bo"),)
    standing = EpisodeSummary(open=1, acknowledged=1, resolved=3, events=9, incidents=shown)
    made = message(reason=Reason.RESOLVED, told=told, totals={"resolved": 1}, standing=standing)
    root, said = blocks.root(made, blocks.BlockOptions()), blocks.reply(made)
    assert root["text"] == (
        "error · billing/production, 1 open, 1 acknowledged, 3 resolved: 9 events, 5 causes; "
        "biggest: TimeoutError in charge (4,312) https://notifier.example.com/incidents/142"
    )
    text = json.dumps(root["blocks"], ensure_ascii=False)
    for fact in (
        "Open: open one",
        "Acknowledged by ann: ack",
        "Resolved by bo after 1 h",
        "2 more incidents",
    ):
        assert fact in text
    assert "resolved one" in json.dumps(said)
    assert "open one" not in json.dumps(said)


@pytest.mark.parametrize(
    ("reason", "loud"),
    [
        (Reason.OPENED, True),
        (Reason.SEVERITY_RAISED, True),
        (Reason.ESCALATED, True),
        (Reason.REPEATED, True),
        (Reason.ACKNOWLEDGED, False),
        (Reason.RESOLVED, False),
    ],
)
async def test_a_reply_that_needs_somebody_is_shown_in_the_channel_too(
    toolbox: Toolbox, reason: Reason, loud: bool
) -> None:
    """A reply with news that needs action is broadcast to the channel; other replies and edits notify nobody."""
    with FakeSlack() as server:
        await tell(bot(server, toolbox), message_about(OPEN, Reason.OPENED), message_about(OPEN, reason))
    assert ("reply_broadcast" in server.posted[1]) is loud


async def test_a_new_episode_links_to_the_one_before(toolbox: Toolbox) -> None:
    """The new root links to the previous one if its channel is known."""
    with FakeSlack() as server:
        channel = bot(server, toolbox)
        await tell(channel, message_about(OPEN, Reason.REOPENED), previous=REF)
        await tell(channel, message_about(OPEN, Reason.REOPENED), previous="1700000000.000001")
        first, second = server.roots
    assert f"<{server.origin}/archives/C000/p1700000000000001|" in first.text
    assert "/archives/" not in second.text


@pytest.mark.parametrize(
    ("base_url", "link"),
    [
        ("https://slack.com/api/", "https://slack.com/archives/C000/p1700000000000001"),
        ("https://slack-gov.com/api/", "https://slack-gov.com/archives/C000/p1700000000000001"),
    ],
)
async def test_links_lead_to_the_slack_that_the_channel_is_of(
    toolbox: Toolbox, base_url: str, link: str
) -> None:
    """GovSlack has its own host."""
    options = {"token": "xoxb-1", "channel": "#oncall", "base_url": base_url}
    channel = SlackChannel(SlackSettings.model_validate(options), toolbox)
    thread = Thread(id="t", previous_ref=REF)
    assert f"<{link}|" in json.dumps(channel._body(message_about(OPEN, Reason.REOPENED), thread))


@pytest.mark.parametrize("code", ["cant_update_message", "edit_window_closed"])
async def test_a_root_that_cannot_be_edited_still_has_its_thread(toolbox: Toolbox, code: str) -> None:
    """The reply is posted even if the edit fails."""
    with FakeSlack() as server:
        channel = bot(server, toolbox)
        opened = await tell(channel, message_about(OPEN, Reason.OPENED))
        server.fail(code)
        receipt = await tell(channel, message_about(OVER, Reason.RESOLVED), ref=opened.ref)
        [root] = server.roots
        assert len(server.replies(root.ts)) == 1
    assert receipt.ref == opened.ref


@pytest.mark.parametrize("reason", [Reason.RESOLVED, Reason.DIGEST])
async def test_a_deleted_root_is_posted_again(toolbox: Toolbox, reason: Reason) -> None:
    """If the root was deleted, a new root is posted, and the receipt refers to it."""
    with FakeSlack() as server:
        channel = bot(server, toolbox)
        opened = await tell(channel, message_about(OPEN, Reason.OPENED))
        server.delete("1700000000.000001")
        receipt = await tell(channel, message_about(OVER, reason), ref=opened.ref)
        assert [root.ts for root in server.roots] == ["1700000000.000002"]
    assert receipt.ref == "T000/C000/1700000000.000002"


@pytest.mark.parametrize(("reason", "linked"), [(Reason.OPENED, True), (Reason.RESOLVED, False)])
def test_a_reply_in_the_channel_has_its_links(reason: Reason, linked: bool) -> None:
    """A broadcast reply has the runbook's link, because its readers do not see the root."""
    event = {**EVENT, "links": [{"title": "runbook", "url": "https://wiki.example.com/charge"}]}
    said = blocks.reply(message_about(incident(latest_event=event), reason))
    assert ("<https://wiki.example.com/charge>" in json.dumps(said)) is linked
    assert slack_complaint(said) is None


async def test_a_lost_thread_is_no_lost_reply(toolbox: Toolbox) -> None:
    """If Slack does not find the thread, the reply is posted as a root."""
    with FakeSlack() as server:
        server.fail("thread_not_found")
        receipt = await tell(
            bot(server, toolbox), message_about(OVER, Reason.RESOLVED), ref="1600000000.000009"
        )
        assert receipt.ref == "T000/C000/1700000000.000001"


@pytest.mark.parametrize(("channel", "edits"), [("#oncall", 0), ("C000", 1)])
async def test_a_thread_from_before_there_were_edits_goes_on(
    toolbox: Toolbox, channel: str, edits: int
) -> None:
    """A reference that is a bare `ts` is continued, and edited if the configuration has the channel's id."""
    with FakeSlack(channels=(channel,)) as server:
        server.channels = ("#oncall",)
        bot_ = bot(server, toolbox, channel=channel)
        await tell(bot_, message_about(OPEN, Reason.OPENED))
        receipt = await tell(bot_, message_about(OVER, Reason.RESOLVED), ref="1700000000.000001")
    assert receipt.ref == "1700000000.000001"
    assert server.posted[1]["thread_ts"] == "1700000000.000001"
    assert len(server.edited) == edits


async def test_a_storm_is_one_message_that_is_edited(toolbox: Toolbox) -> None:
    """Digests with a thread edit one message, without replies."""
    with FakeSlack() as server:
        notes = ("312 events, 9 causes, 4 services", "5,000 events, 12 causes, 4 services")
        receipt = await tell(
            bot(server, toolbox), *(message(reason=Reason.DIGEST, group=None, note=note) for note in notes)
        )
        [root] = server.messages.values()
    assert receipt.ref == REF
    assert notes[1] in root.text
    assert notes[0] not in root.text


@pytest.mark.parametrize("failing", ["chat.update", "chat.postMessage"])
async def test_a_retry_repeats_the_edit_and_nothing_else(toolbox: Toolbox, failing: str) -> None:
    """A retry after a 429 at either call results in one reply and a current root."""
    with FakeSlack() as server:
        channel = bot(server, toolbox)
        opened = await tell(channel, message_about(OPEN, Reason.OPENED))
        if failing == "chat.update":
            server.fail("ratelimited", headers={"Retry-After": "2"})
        else:
            server.script(_updated(), _throttled())
        with pytest.raises(SendError) as caught:
            await tell(channel, message_about(OVER, Reason.RESOLVED), ref=opened.ref)
        await tell(channel, message_about(OVER, Reason.RESOLVED), ref=opened.ref)
        [root] = server.roots
        assert len(server.replies(root.ts)) == 1
    assert (caught.value.outcome, caught.value.retry_after) == (Outcome.THROTTLED, 2_000)
    assert "Resolved after 12 min" in root.text


def _updated() -> Answer:
    return Answer(body=b'{"ok": true, "channel": "C000", "ts": "1700000000.000001"}')


def _throttled() -> Answer:
    return Answer(status=429, headers={"Retry-After": "2"}, body=b'{"ok": false, "error": "ratelimited"}')


async def test_the_fake_takes_one_message_a_second_where_it_is_asked_to(toolbox: Toolbox) -> None:
    """The fake answers 429 with `Retry-After` after its burst, as Slack does."""
    with FakeSlack(paced=True) as server:
        channel = bot(server, toolbox)
        with pytest.raises(SendError) as caught:
            for _ in range(6):
                await tell(channel, message_about(OPEN, Reason.OPENED))
    assert (caught.value.outcome, caught.value.retry_after) == (Outcome.THROTTLED, 1_000)
    assert 4 <= len(server.posted) <= 5


@pytest.mark.parametrize(
    ("answers", "ref"),
    [
        ([{"ok": True, "team_id": "T777"}], "T777/C000/1.5"),
        ([{"ok": False, "error": "fatal_error"}], "/C000/1.5"),
        ([{"ok": True, "team_id": "../.."}], "/C000/1.5"),
    ],
)
async def test_the_team_is_asked_for_where_the_answer_does_not_name_it(
    toolbox: Toolbox, answers: list[Any], ref: str
) -> None:
    """The team's id is requested once, and its failure does not affect the message."""
    posted = {"ok": True, "channel": "C000", "ts": "1.5"}
    with FakeSlack() as server:
        server.script(*(Answer(body=json.dumps(one).encode()) for one in [posted, *answers]))
        channel = bot(server, toolbox)
        assert (await tell(channel, message_about(OPEN, Reason.OPENED))).ref == ref
        if ref.startswith("T"):
            server.script(Answer(body=json.dumps(posted).encode()))
            assert (await tell(channel, message_about(OPEN, Reason.OPENED))).ref == ref
            assert [one.path for one in server.requests].count("/api/auth.test") == 1


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ({"open": 2, "acknowledged": 1, "resolved": 1}, ["acknowledge", "silence", "resolve", "open"]),
        ({"open": 0, "acknowledged": 1, "resolved": 1}, ["silence", "resolve", "open"]),
        ({"open": 0, "acknowledged": 0, "resolved": 4}, ["open"]),
    ],
)
async def test_buttons_shrink_with_the_state(
    toolbox: Toolbox, state: dict[str, int], names: list[str]
) -> None:
    """An acknowledged incident has no Acknowledge, a resolved one only its link."""
    standing = EpisodeSummary(**state, events=4, incidents=(OPEN,))
    made = message(standing=standing)
    with FakeSlack() as server:
        await tell(bot(server, toolbox, signing_secret=server.signing_secret), made)
        [root] = server.roots
        assert list(root.buttons) == names


async def test_buttons_carry_ids_and_nothing_else(toolbox: Toolbox) -> None:
    """Buttons contain ids and a silence's duration; the link leads to the incident."""
    with FakeSlack() as server:
        channel = bot(server, toolbox, signing_secret=server.signing_secret, time_zone="Europe/Berlin")
        await tell(channel, message_about(OPEN, Reason.OPENED))
        buttons = server.roots[0].buttons
    assert [buttons[name]["value"] for name in ("acknowledge", "resolve")] == ["t-1", "t-1"]
    assert [one["value"] for one in buttons["silence"]["options"]] == [
        "t-1:30m", "t-1:1h", "t-1:4h", "t-1:morning",
    ]  # fmt: skip
    assert buttons["silence"]["options"][3]["text"]["text"] == "until 09:00 (Europe/Berlin)"
    assert buttons["open"]["url"] == "https://notifier.example.com/incidents/142"
    assert "value" not in buttons["open"]


@pytest.mark.parametrize("reason", [Reason.TEST, Reason.DIGEST, Reason.SYSTEM, Reason.FALLBACK])
async def test_what_is_about_no_group_has_no_buttons(toolbox: Toolbox, reason: Reason) -> None:
    """Such messages, and those of a channel without `signing_secret`, have no buttons; links need an incident."""
    with FakeSlack() as server:
        secret = {"signing_secret": server.signing_secret}
        await tell(bot(server, toolbox, **secret), message(reason=reason, note="a note"))
        await tell(bot(server, toolbox), message_about(OPEN, Reason.OPENED))
        await tell(bot(server, toolbox, **secret), message_about(incident(url=None), Reason.OPENED))
        plain, without, unlinked = server.roots
    assert not plain.buttons
    assert not without.buttons
    assert "open" not in unlinked.buttons
    assert unlinked.buttons


def test_a_message_of_before_shows_what_it_tells() -> None:
    """A message stored without an episode summary is rendered from its incidents."""
    old = message(told=(Told(incident=OVER, reason=Reason.RESOLVED),), more=2, at=AT + HOUR)
    assert blocks.root(old, blocks.BlockOptions())["text"].startswith(
        "error · billing/production: 3 causes; biggest: "
    )
