"""The console, and the wording that all channels share."""

from __future__ import annotations

import io
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier import wording
from notifier.channels import console
from notifier.channels.slack.blocks import payload as slack_payload
from notifier.domain.delivery import Outcome, Thread
from notifier.domain.errors import SendError
from notifier.domain.message import Told
from notifier.domain.notification import Reason
from notifier.domain.time import DAY, HOUR, SECOND
from notifier.testing.messages import AT, incident, message, several
from notifier.wording import blocks, evidence

pytestmark = pytest.mark.anyio


async def test_a_block_is_printed_and_flushed() -> None:
    """The message is printed and flushed, with a bar before every line."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    await console.ConsoleChannel(stream=stream).send(message(), target="stdout", thread=Thread(id="t"))
    printed = stream.buffer.getvalue().decode()
    assert printed == (
        "\n"
        "| [billing/production] error: TimeoutError: upstream timed out after 30s (shop)\n"
        "| New: TimeoutError: upstream timed out after 30s · error in billing/production\n"
        "| 4,312 times, since 2026-11-22 04:00 UTC (1 h 1 min ago), last 05:00 UTC (1 min ago) · "
        "nobody is on it yet\n"
        "|\n"
        "| Open incident 142: https://notifier.example.com/incidents/142\n"
        "|\n"
        '| Sent because a new incident opened; route: severity="critical" (notifier.yaml:12)\n'
        "|\n"
        "| could not charge order 1842\n"
        "| at billing/tasks.py:88 in charge\n"
        "|    await gateway.charge(order)\n"
        "| called from billing/app.py:3 in main\n"
        "|    run()\n"
        "| release: 1.4.2\n"
        "| context: order_id=1842\n"
        "|\n"
        "| 4,311 further events are included in the numbers above, without separate messages\n"
        "\n"
    )


async def test_a_narrow_terminal_encoding_costs_no_message() -> None:
    """Characters that the stream cannot encode become question marks."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    await console.ConsoleChannel(stream=stream).send(message(), target="stdout", thread=Thread(id="t"))


async def test_the_console_has_a_clock_too() -> None:
    """Times are in the time zone of the log's reader."""
    stream = io.StringIO()
    settings = console.ConsoleSettings(time_zone="Asia/Kolkata")
    await console.ConsoleChannel(settings, stream=stream).send(
        message(), target="stdout", thread=Thread(id="t")
    )
    assert "since 2026-11-22 09:30 IST (1 h 1 min ago), last 10:30 IST (1 min ago)" in stream.getvalue()


async def test_a_closed_stream_is_transient() -> None:
    """A closed pipe is a transient outcome, not a crash."""
    stream = io.StringIO()
    stream.close()
    with pytest.raises(SendError) as caught:
        await console.ConsoleChannel(stream=stream).send(message(), target="stdout", thread=Thread(id="t"))
    assert caught.value.outcome is Outcome.TRANSIENT


@given(st.text(), st.text())
def test_no_event_writes_a_line_or_a_colour_of_its_own(title: str, value: str) -> None:
    """Line breaks, escape sequences and keys in an event are plain text behind the bar."""
    nasty = f"\nntf_stolen\r\x1b[31m\u2028ntf_{title}"
    changed = incident(title=nasty, labels={"service": nasty, "task": value})
    told = (Told(incident=changed, reason=Reason.OPENED),)
    printed = console.payload(message(told=told, labels={"service": nasty}, note=nasty))
    assert not any(line.startswith("ntf_") for line in printed.splitlines())
    assert all(line == "" or line.startswith("|") for line in printed.split("\n"))
    assert "\x1b" not in printed


@given(st.text(), st.integers(1, 300))
def test_plain_is_one_visible_line_within_its_limit(text: str, limit: int) -> None:
    """The text is bounded, without control characters, and unchanged if applied again."""
    shown = wording.plain(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable() or all(char.isprintable() or ord(char) > 0x7F for char in shown)
    assert wording.plain(shown, limit) == shown


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_words(reason: Reason) -> None:
    """Every reason has a headline and an explanation."""
    told = (Told(incident=incident(acknowledged_by="ann"), reason=reason),)
    rendered = wording.render(message(reason=reason, told=told))
    assert rendered.headline
    assert rendered.why.startswith("Sent because")


def test_several_are_counted_in_the_headline() -> None:
    """With several incidents the headline has their number, service and environment, and the largest."""
    rendered = wording.render(several(3))
    assert rendered.marked == (
        "error · billing/production, 3 new: 12,936 events, 3 causes; biggest: TimeoutError in charge (4,312)"
    )
    assert rendered.several


@pytest.mark.parametrize(
    ("newest", "words"),
    [(AT, None), (AT + 59 * SECOND, None), (AT + HOUR, "06:00 UTC (23 h ago)"),
     (AT + DAY, "2026-11-23 05:00 UTC (just now)"), (10**18, f"{10**18} ms")],
)  # fmt: skip
def test_the_last_time_is_told_as_short_as_it_can_be(newest: int, words: str | None) -> None:
    """The last time is omitted if it equals the first, and its date if it is the same day."""
    last = blocks.last(incident(first_seen=AT, last_seen=newest), AT + DAY)
    assert (None if last is None else str(last)) == words


@pytest.mark.parametrize(
    ("title", "text", "shown"),
    [
        ("TimeoutError: 30s", "could not charge", "could not charge"),
        ("could not charge", "could not charge", None),
        ("ValueError: no", "no", None),
        ("x" * 199 + "…", "x" * 250, None),
        ("TimeoutError: 30s", None, None),
        ("TimeoutError: 30s", {"a": 1}, "{'a': 1}"),
    ],
)
def test_the_senders_message_is_shown_where_the_title_is_another(
    title: str, text: object, shown: str | None
) -> None:
    """The event's message is shown below the exception's, unless they are equal."""
    assert evidence.own_message(incident(title=title, latest_event={"message": text})) == shown


def test_an_incident_without_a_link_goes_by_its_number() -> None:
    """Without `server.url` the incident's number is shown; a channel test has none."""
    told = [(Told(incident=incident(url=None, number=number), reason=Reason.OPENED),) for number in (142, 0)]
    shown = [console.payload(message(told=one)) for one in told]
    assert ["| incident 142\n" in text for text in shown] == [True, False]
    slacks = [str(slack_payload(message(told=one))["blocks"][:-1]) for one in told]
    assert ["incident" in text for text in slacks] == [True, False]


def test_the_only_projects_name_is_no_news() -> None:
    """The subject omits the default project's name."""
    subject = "[billing/production] error: TimeoutError: upstream timed out after 30s"
    assert wording.subject(message(project="shop")) == f"{subject} (shop)"
    assert wording.subject(message(project="default")) == subject


def test_a_message_without_incidents_still_says_what_it_is() -> None:
    """A channel test's message has no incident."""
    rendered = wording.render(message(reason=Reason.TEST, told=(), labels={}, note="This is a test."))
    assert rendered.headline == "Test: shop"
    assert rendered.note == "This is a test."


@pytest.mark.parametrize(
    "event",
    [None, {}, {"exception": None}, {"exception": {"frames": "x"}}, {"exception": {"frames": [1, None]}},
     {"exception": {"frames": [{}]}}, {"exception": {"frames": [{"file": 1, "line": "x", "function": None}]}}],
)  # fmt: skip
def test_any_shape_of_event_can_be_told(event: object) -> None:
    """An event document of any shape may lose its frame, but not the message."""
    told = (Told(incident=incident(latest_event=event), reason=Reason.OPENED),)
    assert wording.render(message(told=told)).blocks[0].title


def test_times_are_shown_by_the_readers_clock() -> None:
    """Times have their zone, or its offset; times beyond the calendar are still shown."""
    assert wording.moment(AT) == "2026-11-22 05:00 UTC"
    assert wording.moment(AT, ZoneInfo("Europe/Berlin")) == "2026-11-22 06:00 CET"
    assert wording.moment(AT, ZoneInfo("America/Sao_Paulo")) == "2026-11-22 02:00 UTC-03"
    assert wording.moment(10**18) == f"{10**18} ms"
