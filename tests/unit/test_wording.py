"""The words of messages, piece by piece; whole ones are in tests/channels."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier import wording
from notifier.domain.incident import Incident
from notifier.domain.message import EpisodeSummary, Flapping, Told, by_weight
from notifier.domain.monitor import MonitorSchedule
from notifier.domain.notification import Reason
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND, parse_rfc3339
from notifier.domain.value import replace
from notifier.testing.messages import AT, EVENT, incident, message, several
from notifier.wording import blocks, evidence, messages, monitors, plain_text, reasons, sentences, times
from notifier.wording.text import plain
from tests.channels.situations import SITUATIONS

FRAME = {"file": "shop/a.py", "function": "a", "line": 1, "code": "a()", "in_app": True}


def of(**changes: Any) -> Incident:
    return incident(latest_event={**EVENT, **changes})


@pytest.mark.parametrize(
    ("length", "words"),
    [(0, "0 s"), (-5 * SECOND, "0 s"), (999, "0 s"), (45 * SECOND, "45 s"), (12 * MINUTE, "12 min"),
     (12 * MINUTE + 59 * SECOND, "12 min"), (HOUR, "1 h"), (3 * HOUR + 5 * MINUTE, "3 h 5 min"), (DAY, "1 d"),
     (2 * DAY + 4 * HOUR, "2 d 4 h"), (2 * DAY + 5 * MINUTE, "2 d 5 min"), (4_000 * DAY, "4,000 d")],
)  # fmt: skip
def test_a_duration_has_at_most_two_units(length: int, words: str) -> None:
    """And no seconds beside minutes."""
    assert wording.duration(length) == words


@pytest.mark.parametrize(("passed", "words"), [(-1, None), (0, "just now"), (12 * MINUTE, "12 min ago")])
def test_how_long_ago(passed: int, words: str | None) -> None:
    """What is still to come was not any time ago."""
    assert times.ago(passed) == words


@given(
    st.integers(-(2**70), 2**70),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Sao_Paulo"]),
)
def test_any_instant_can_be_said(at: int, zone: str) -> None:
    """By any clock, on one line."""
    shown = str(times.with_age(at, 0, ZoneInfo(zone)))
    assert shown
    assert "\n" not in shown


def test_both_sides_of_a_clocks_change_are_named() -> None:
    """The hour that comes twice has two names."""
    twice = 1_792_886_400_000  # 2026-10-25T00:00:00Z, when Berlin leaves summer time an hour later
    berlin = ZoneInfo("Europe/Berlin")
    assert [wording.moment(twice + n * HOUR, berlin) for n in range(2)] == [
        "2026-10-25 02:00 CEST",
        "2026-10-25 02:00 CET",
    ]


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "ftp://a.example", "//a.example", "https://", "http:///x", "https://a b", "", None, 7, "x",
     "https://[::1", "https://a.example/\r\nBcc: x@y.z", "https://a.example/" + "x" * 2_000, "https://a.example/\ud800",
     "https://a'b.example/", "https://a.example\\@b.example/", "https://<b>/",
     "https://a.example/" + "ä" * 200, {"a": 1}],
)  # fmt: skip
def test_what_is_no_plain_web_address_is_no_link(url: object) -> None:
    """It could end its place in one syntax or another."""
    assert evidence.evidence(of(links=[{"title": "x", "url": url}])).links == ()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://a.example/<b>?x='1'", "https://a.example/%3Cb%3E?x=%271%27"),
        ('https://a.example/e?left={"a":["b|c"]}', "https://a.example/e?left=%7B%22a%22:[%22b%7Cc%22]%7D"),
        ("https://a.example/Run Book#`x`", "https://a.example/Run%20Book#%60x%60"),
        ("https://ä.example/ü%20x", "https://xn--4ca.example/%C3%BC%20x"),
    ],
)
def test_a_link_is_encoded_as_a_browser_does_it(url: str, told: str) -> None:
    """What dashboards and people write is a link, and ends its place in no syntax."""
    (link,) = evidence.evidence(of(links=[{"title": "x", "url": url}])).links
    assert link.url == told


@pytest.mark.parametrize(
    "exception", [None, {"type": "QueryError", "message": "SELECT " + "x, " * 100 + "y: died"}]
)
def test_what_a_title_has_no_room_for_is_shown(exception: Any) -> None:
    """The end of a long line may say what happened; it is told once."""
    line = "SELECT " + "x, " * 100 + "y: died"
    title = f"QueryError: {line}" if exception else line
    found = evidence.evidence(replace(of(exception=exception, message=line), title=title[:199] + "…"))
    assert (found.details[0][:2], found.details[0][-7:], found.message) == ("…x", "y: died", None)


def test_labels_that_are_not_shown_are_counted() -> None:
    told = replace(of(), labels={f"l{n:02}": "x" for n in range(50)})
    assert blocks.own_labels(told)[-1] == ("more labels", "42")


def test_links_are_told_once_and_first_of_all() -> None:
    """Whoever sends them, each address once, and the title says where it leads."""
    link = {"title": "runbook", "url": "https://wiki.example.com/a?b=1&c=2"}
    told = tuple(
        Told(incident=replace(of(links=[link, {"title": None, "url": f"https://b.example/{n}"}]), id=f"i-{n}"),
             reason=Reason.OPENED)
        for n in range(3)
    )  # fmt: skip
    rendered = wording.render(message(told=told))
    assert [one.label for one in rendered.links] == [
        "runbook (wiki.example.com)",
        *(f"b.example/{n}" for n in range(3)),
    ]
    lines = wording.lines(rendered)
    links = [n for n, line in enumerate(lines) if line.startswith(("runbook: ", "b.example: "))]
    assert len(links) == 4
    assert max(links) < min(
        n for n, line in enumerate(lines) if line.startswith(("Sent because", "Open incident"))
    )


@pytest.mark.parametrize(("more", "first"), [(0, "billing/production"), (1, "error · billing/production")])
def test_how_bad_it_was_comes_last_where_all_is_over(more: int, first: str) -> None:
    """Where some are not shown, nobody knows of them here."""
    ended = replace(of(), state=State.RESOLVED, resolved_at=of().last_seen)
    told = tuple(Told(incident=replace(ended, id=f"i-{n}"), reason=Reason.RESOLVED) for n in range(2))
    rendered = wording.render(message(told=told, more=more))
    assert rendered.heading[0].startswith(first)
    assert rendered.heading[0].endswith("error") is (more == 0)


def test_links_that_read_alike_say_where_they_lead() -> None:
    """Two runbooks of two problems, in one message."""
    links = [
        {"title": "runbook", "url": f"https://wiki.example.com/{name}"}
        for name in ("charge", "quorum?page=2")
    ]
    told = tuple(
        Told(incident=replace(of(links=[link]), id=f"i-{n}"), reason=Reason.OPENED)
        for n, link in enumerate([*links, {"title": "wiki", "url": "https://wiki.example.com/"}])
    )
    labels = [link.label for link in wording.render(message(told=told)).links]
    assert sorted(labels) == [
        "runbook (wiki.example.com/charge)",
        "runbook (wiki.example.com/quorum?page=2)",
        "wiki (wiki.example.com)",
    ]


@pytest.mark.parametrize("links", [None, "x", 7, [None, 1, [], {}], {"url": "https://a.example"}])
@pytest.mark.parametrize("notes", [None, "x", 7, [None, 1, {}], [""]])
def test_odd_documents_cost_their_part_alone(links: object, notes: object) -> None:
    """A stored event is the sender's: nothing of its shape is taken for granted."""
    exception = {
        "type": "E",
        "message": ["x"],
        "notes": notes,
        "frames": {"a": 1},
        "cause": {"cause": "x", "notes": 1},
    }
    found = evidence.evidence(of(links=links, exception=exception, context=["x"]))
    assert (found.links, found.frames, found.context) == ((), (), ())


def test_nothing_of_the_context_is_said_twice() -> None:
    """What the title, the message, a label or a link says already; short values are kept, for they may mean another."""
    url = "https://wiki.example.com/x"
    context = {
        "error": "card declined",
        "monitor": "nightly",
        "runbook_url": url,
        "order": "17",
        "note": "by hand",
    }
    about = of(message="card declined for order 17", context=context, links=[{"url": url}])
    about = replace(about, title="card declined", labels={"monitor": "nightly"})
    assert evidence.evidence(about).context == (("order", "17"), ("note", "by hand"))


def test_a_title_with_unseen_characters_is_not_told_again() -> None:
    text = "lost \u202egnp.exe"
    assert evidence.own_message(replace(of(message=text), title=text)) is None


@pytest.mark.parametrize("text", ["می\u200cخواهم", "क्\u200dष", "👩\u200d👩\u200d👧"])
def test_joiners_stay_where_they_are_written(text: str) -> None:
    """In Persian, in Indic scripts and in pictures; between Latin letters they hide something."""
    assert plain(text) == text
    assert plain("pay\u200dpal \u200d x\u200c") == "pay pal x"


def test_the_innermost_cause_is_one_line_with_its_place() -> None:
    """However long the chain, and a chain that never ends is left."""
    inner = {"type": "OSError", "message": "\n\nrefused\nmore", "frames": [FRAME]}
    chain = {"type": "A", "message": "a", "cause": {"type": "B", "message": "b", "cause": inner}}
    assert evidence.evidence(of(exception=chain)).cause == "OSError: refused at shop/a.py:1 in a"
    assert evidence.evidence(of(exception={"type": "A", "message": "a", "cause": None})).cause is None
    endless: dict[str, Any] = {"type": "A", "message": "a"}
    endless["cause"] = endless
    assert evidence.evidence(of(exception=endless)).cause is None


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("1 validation error for Order\nprice\n  Input should be a number", ("price", "  Input should be a number")),
        ("duplicate key value\nDETAIL:  Key (id)=(1) already exists.\n", ("DETAIL: Key (id)=(1) already exists.",)),
        ("one line", ()),
        ("\n".join(map(str, range(20))), tuple(map(str, range(1, 7)))),
        ("a\n\n\n \nb", ("b",)),
        (None, ()),
    ],
)  # fmt: skip
def test_the_next_lines_of_a_message_are_shown(text: object, lines: tuple[str, ...]) -> None:
    """Six at most, by their depth; of the exception, and of a message without one."""
    assert evidence.evidence(of(exception={"type": "E", "message": text})).details == lines
    assert evidence.evidence(of(exception=None, message=text)).details == lines


def test_a_wrapped_exceptions_own_lines_stand_in_for_none() -> None:
    """The wrapper says it in one line, the database's own error in three."""
    cause = {"type": "UniqueViolation", "message": "duplicate key\nDETAIL: Key (id)=(1) already exists."}
    found = evidence.evidence(
        of(exception={"type": "IntegrityError", "message": "duplicate key", "cause": cause})
    )
    assert found.details == ("DETAIL: Key (id)=(1) already exists.",)


def test_own_frames_come_innermost_first_and_five_are_enough() -> None:
    """Where none is own, the innermost of all stands for them."""
    own = [{**FRAME, "line": n} for n in range(9)]
    others = [{**FRAME, "in_app": False, "file": "lib.py", "line": n} for n in range(3)]
    shown = evidence.evidence(of(exception={"type": "E", "message": "m", "frames": [*own, *others]})).frames
    assert [one.place for one in shown] == [f"shop/a.py:{n} in a" for n in (8, 7, 6, 5, 4)]
    alone = evidence.evidence(of(exception={"type": "E", "message": "m", "frames": others})).frames
    assert [one.place for one in alone] == ["lib.py:2 in a"]


def test_a_groups_other_exceptions_are_noted_and_counted() -> None:
    """The wrapper's notes are not lost with it."""
    outer = {
        "type": "ExceptionGroup", "message": "unhandled errors in a TaskGroup",
        "notes": [f"and E{n}" for n in range(9)],
        "cause": {"type": "ValueError", "message": "no", "notes": ["and E1"]},
    }  # fmt: skip
    assert evidence.evidence(of(exception=outer)).notes == (
        "and E0",
        "and E1",
        "and E2",
        "and E3",
        "and 5 more notes",
    )


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (EVENT, "TimeoutError in charge"),
        ({"exception": {"type": "a.b.ApiError", "frames": [{**FRAME, "function": "Shop.sell"}]}}, "ApiError in sell"),
        ({**EVENT, "exception": {"type": "E", "frames": []}}, "TimeoutError: upstream timed out after 30s"),
        (None, "TimeoutError: upstream timed out after 30s"),
    ],
)  # fmt: skip
def test_a_short_name_says_what_and_where(event: dict[str, Any] | None, name: str) -> None:
    """Or the title, where the code is not known."""
    assert evidence.short_name(incident(latest_event=event)) == name


def test_what_is_over_comes_last_then_severity_then_count() -> None:
    """The biggest first within a severity; of equals what nobody has."""
    shown = [
        incident(id="over", state=State.RESOLVED, severity=Severity.CRITICAL, count=99),
        incident(id="small", count=1),
        incident(id="taken", count=7, state=State.ACKNOWLEDGED),
        incident(id="open", count=7),
        incident(id="worst", severity=Severity.CRITICAL, count=2),
    ]
    order = by_weight(Told(incident=one, reason=Reason.OPENED) for one in shown)
    assert [one.incident.id for one in order] == ["worst", "open", "taken", "small", "over"]


@pytest.mark.parametrize(
    ("shown", "full", "brief", "more"), [(1, 1, 0, 0), (5, 5, 0, 0), (20, 5, 15, 0), (20, 5, 15, 30)]
)
def test_five_are_told_in_full_the_next_in_a_line_the_rest_in_numbers(
    shown: int, full: int, brief: int, more: int
) -> None:
    """However many there are."""
    rendered = wording.render(replace(several(shown), more=more))
    assert (len(rendered.blocks), len(rendered.brief)) == (full, brief)
    assert rendered.more == (f"and {more} more incidents" if more else None)


def test_the_headline_counts_all_and_names_the_biggest() -> None:
    """Those that are not shown included; where another is worse, it is named, with what else there is."""
    storm = replace(several(20), more=20, events=2_000, totals={"opened": 40})
    assert wording.render(storm).marked == (
        "error · billing/production, 40 new: 2,000 events, 40 causes; biggest: TimeoutError in charge (4,312)"
    )
    crowd = wording.render(replace(storm, most_events=9_000)).marked
    assert (
        crowd
        == "error · billing/production, 40 new: 2,000 events, 40 causes; worst: TimeoutError in charge (4,312)"
    )
    worse = Told(incident=incident(severity=Severity.CRITICAL, count=3, latest_event=None, title="quorum"),
                 reason=Reason.SEVERITY_RAISED)  # fmt: skip
    mixed = message(told=(*several(2).told, worse), totals={"opened": 2, "severity_raised": 1})
    assert wording.render(mixed).marked == (
        "critical · billing/production, 2 new, 1 worse: 8,627 events, 3 causes (1 critical, 2 error); worst: quorum (3)"
    )


@pytest.mark.parametrize(
    ("counts", "words"),
    [((3, 0), "nobody is on them yet"), ((1, 0), "nobody is on it yet"), ((2, 1), "2 of 3 wait for somebody"),
     ((0, 2), None), ((0, 0), None)],
)  # fmt: skip
def test_whether_somebody_is_on_several(counts: tuple[int, int], words: str | None) -> None:
    """Nobody, some, or all of them."""
    episode = EpisodeSummary(open=counts[0], acknowledged=counts[1], resolved=1, events=9, incidents=())
    assert reasons.owners(episode) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [({}, "nobody is on it yet"), ({"state": State.ACKNOWLEDGED, "acknowledged_by": "ann"}, "ann is on it"),
     ({"state": State.ACKNOWLEDGED}, "somebody is on it"), ({"state": State.RESOLVED}, None)],
)  # fmt: skip
def test_whether_somebody_is_on_it(changes: dict[str, Any], words: str | None) -> None:
    """By name where there is one."""
    assert reasons.owner(incident(**changes)) == words


def test_flapping_is_named_by_the_readers_clock() -> None:
    """How often, and since when."""
    told = Told(incident=incident(), reason=Reason.REOPENED, flapping=Flapping(times=7, since=AT))
    assert (
        reasons.state(told, AT, ZoneInfo("Europe/Berlin"))
        == "Back again (flapping: 7 times since 2026-11-22 06:00 CET)"
    )


@pytest.mark.parametrize(
    ("suppressed", "words"),
    [(0, ()), (1, ("1 further event is included in the numbers above, without a separate message",)),
     (1_960, ("1,960 further events are included in the numbers above, without separate messages",))],
)  # fmt: skip
def test_what_was_not_told_one_by_one_is_in_the_counts(suppressed: int, words: tuple[str, ...]) -> None:
    """A reader asks where they are, and finds them."""
    assert messages.footer(message(suppressed=suppressed)) == words


STORM = sentences.StormFigures(
    events=9, causes=8, services=1, service="shop", told_here=(3, 2), worst=("Sealed", 1),
    biggest=[("no (x), y", 5), ("z", 2)],
)  # fmt: skip


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (sentences.released("silenced"), "A silence has ended."),
        (
            sentences.released("silenced", author="ann", comment="moving."),
            "The silence of ann has ended: moving.",
        ),
        (
            sentences.released("silenced", author="ann", comment="moving", ended=False),
            "The silence of ann no longer applies: moving.",
        ),
        (sentences.released("snoozed"), "A snooze has ended."),
        (sentences.released("snoozed", author="bo"), "The snooze of bo has ended."),
        (sentences.released("inhibited"), "The incident that inhibited it has ended."),
        (sentences.released("mute_time"), "The route's quiet hours have ended."),
        (
            sentences.escalated(15 * MINUTE),
            "Escalated: it has been open for 15 min, and nobody has acknowledged it.",
        ),
        (
            sentences.undelivered("chat", "#a", dead=False, outcome=None, detail=None),
            "Delivery through chat to #a has not succeeded yet and is being retried. The message:",
        ),
        (
            sentences.storm(sentences.StormFigures(events=1, causes=1, services=1, biggest=[])),
            "1 event, 1 cause, 1 service",
        ),
        (
            sentences.storm(STORM),
            (
                "9 events, 8 causes, 1 service; all of shop; told here: 3 events, 2 causes; "
                "worst: Sealed (×1), biggest: no (x), y (×5), z (×2)"
            ),
        ),
    ],
)
def test_what_is_decided_has_its_sentence(said: str, sentence: str) -> None:
    """Without a database."""
    assert said == sentence


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_first_screen_answers(situation: str) -> None:
    """What, where, how bad, since when, what to do, and whether somebody is on it: in the subject and twelve lines."""
    told = SITUATIONS[situation]
    rendered = wording.render(told)
    screen = "\n".join([rendered.subject, *wording.lines(rendered)[:12]])
    first = by_weight(told.told)[0].incident
    assert first.title in screen or evidence.short_name(first) in screen
    if first.number == 0:
        return
    for fact in (first.severity.value, "since ", " ago)", "https://"):
        assert fact in screen
    assert ("2 services" if told.reason is Reason.DIGEST else first.labels["service"]) in screen
    assert first.state is State.RESOLVED or "on it" in screen or "on them" in screen


def test_labels_that_all_have_alike_are_said_once() -> None:
    """And each incident says what is its own."""
    rendered = wording.render(SITUATIONS["critical-beside-warnings"])
    assert rendered.labels == ()  # eighteen are not shown, and nobody knows theirs
    three = wording.render(message(told=tuple(
        Told(incident=incident(id=str(n), labels={"service": "a", "region": "eu", "pod": str(n)}), reason=Reason.OPENED)
        for n in range(3))))  # fmt: skip
    assert three.labels == (("region", "eu"),)
    assert [one.labels for one in three.blocks] == [(("pod", str(n)),) for n in range(3)]
    assert "region: eu" in wording.lines(three)


def test_a_brief_line_names_its_incident() -> None:
    """By its link, else by its number."""
    one = blocks.block(Told(incident=incident(url=None), reason=Reason.OPENED), AT)
    assert (
        plain_text.brief_line(one)
        == "error · New: TimeoutError: upstream timed out after 30s · 4,312 times · incident 142"
    )


def test_a_problem_that_goes_and_comes_back_is_one() -> None:
    """Its root says how it stands now and that it flaps, its mail what is new; six that are over are no causes."""
    told = SITUATIONS["flapping"]
    root = wording.episode(told)
    since = "(flapping: 7 times since 2026-11-22 02:12 UTC)"
    assert root.marked == f"error · Open {since}: TimeoutError: upstream timed out after 30s"
    assert [one.name for one in root.blocks] == ["incident 149"]
    old = Told(incident=incident(state=State.RESOLVED, resolved_at=AT), reason=Reason.RESOLVED)
    both = replace(told, told=(old, *told.told), totals={"resolved": 1, "reopened": 1})
    assert wording.render(both).headline.startswith(f"Back again {since}: ")
    assert [one.state for one in wording.render(both).blocks] == [f"Back again {since}", "Resolved after 1 h"]


def test_lines_of_a_message_are_shown_once() -> None:
    """The first stays with the title that says it; the next are details, the exception's and then the message's own."""
    text = "duplicate key\nDETAIL: Key (id)=(17) exists."
    found = evidence.evidence(
        of(message=f"{text}\nCONTEXT: insert", exception={"type": "UniqueViolation", "message": text})
    )
    assert found.message == "duplicate key"
    assert found.details == ("DETAIL: Key (id)=(17) exists.", "CONTEXT: insert")


def test_what_ended_and_came_back_is_one_cause() -> None:
    """Two incidents of one problem in one message, beside another problem."""
    before = replace(of(), number=1, id="i-1", state=State.RESOLVED, resolved_at=AT)
    back = replace(of(), number=2, id="i-2", previous_id="i-1")
    other = replace(of(), number=3, id="i-3")
    told = tuple(Told(incident=one, reason=Reason.OPENED) for one in (back, before, other))
    assert ", 2 causes; " in messages.figures(replace(message(), told=told))
    assert ", 1 cause; " in messages.figures(replace(message(), told=told[:2]))


def test_a_monitor_of_a_zone_that_is_no_more_tells_in_utc() -> None:
    gone = MonitorSchedule(cron="0 3 * * *", zone="Atlantis/Capital")
    assert "00:00 UTC" in monitors.missed("a", parse_rfc3339("2026-11-22T00:00:00Z"), gone)


def test_a_monitor_tells_its_moments_by_its_own_clock() -> None:
    """A crontab is read by the clocks of its zone, and so is when the job was last seen."""
    schedule = MonitorSchedule(cron="0 3 * * *", zone="Europe/Berlin", longest=30 * MINUTE)
    at = parse_rfc3339("2026-11-22T02:00:00Z")
    assert "since 2026-11-22 03:00 CET: expected at 0 3 * * * (Europe/Berlin)" in monitors.missed(
        "a", at, schedule
    )
    assert monitors.overran("a", at, schedule).startswith("a began at 2026-11-22 03:00 CET and")
