"""Sentry's envelopes and events: golden samples, and every form that SDKs send."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifier.client.capture import logs
from notifier.domain.event import Rejection
from notifier.domain.monitor import CheckIn, MonitorSchedule
from notifier.domain.time import HOUR, MINUTE, parse_rfc3339
from notifier.ingest.batch import Malformed
from notifier.ingest.formats.reading import NO_SERVICE, ParsedBody
from notifier.ingest.formats.sentry.envelope import EVENT_BYTES, EVENTS, ITEMS, read_envelope, read_store
from notifier.ingest.formats.templates import EMPTY, is_specific
from notifier.ingest.normalize import Accepted, Normalizer

GOLDEN = Path(__file__).parent / "golden"
NOW = parse_rfc3339("2026-11-27T12:00:00Z")
TEMPLATE = "order %s of %s failed"
FAILURE = {"values": [{"type": "ValueError", "value": "no such card"}]}


def envelope(*items: tuple[dict[str, Any], bytes], header: dict[str, Any] | None = None) -> bytes:
    lines = [json.dumps(header or {}).encode()]
    for item, payload in items:
        lines += [json.dumps(item).encode(), payload]
    return b"\n".join(lines)


def of(event: Any, service: str | None = "billing") -> ParsedBody:
    return read_envelope(envelope(({"type": "event"}, json.dumps(event).encode())), {}, service=service)


def tree(event: Any, service: str | None = "billing") -> dict[str, Any]:
    [item] = of(event, service).items
    return decoded(item)


def decoded(item: Any) -> dict[str, Any]:
    """The event's JSON without null fields, which read as None here."""
    return defaultdict(lambda: None, json.loads(item))


def normal(event: Any) -> Accepted:
    normalizer = Normalizer(max_event_bytes=262_144, new_id=lambda: "new")
    [read] = normalizer.read(of(event).items, project="shop", received_at=NOW, sent_at=None)
    assert not isinstance(read, Rejection), read
    return read


@pytest.mark.parametrize("sample", ["python-fastapi", "python-log", "node"])
def test_a_sample_becomes_an_event(sample: str) -> None:
    """A reduced sample of a current SDK gives the event in the golden file."""
    read = read_envelope((GOLDEN / f"sentry-{sample}.envelope").read_bytes(), {}, service=None)
    assert list(map(decoded, read.items)) == json.loads((GOLDEN / f"sentry-{sample}.json").read_text())


def test_a_store_body_is_one_event() -> None:
    """A body of the store endpoint is an event, unless it is a transaction."""
    [item] = read_store(json.dumps({"exception": FAILURE}).encode(), {}, service="billing").items
    assert decoded(item)["exception"]["type"] == "ValueError"
    assert read_store(b'{"type": "transaction"}', {}, service=None) == ParsedBody([], {"transaction": 1})
    with pytest.raises(Malformed, match="empty"):
        read_store(b" ", {}, service=None)


def test_items_are_told_apart_by_their_length_or_by_lines() -> None:
    """Items end by length or line; a wrong length does not affect the following event."""
    event = json.dumps({"message": "it broke"}).encode()
    binary = b'{"type":"event"}\n\n\x00\n'
    honest = envelope(
        ({"type": "attachment", "length": len(binary)}, binary),
        ({"type": "event", "length": len(event)}, event),
        ({"type": "session"}, b"{}"),
        header={"sent_at": "2026-11-27T11:59:00Z"},
    )
    read = read_envelope(honest, {}, service="billing")
    assert (len(read.items), read.dropped) == (1, {"attachment": 1, "session": 1})
    assert read.sent_at == parse_rfc3339("2026-11-27T11:59:00Z")
    for length in (0, 3, -1, 10**30, "10", None, 2.5, len(event) - 1, len(event) + 1_000):
        lying = envelope(({"type": "event", "length": length}, event), ({"type": "event"}, event))
        assert len(read_envelope(lying, {}, service="billing").items) == 2, length


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "begins with a line"),
        (b"[]\n", "begins with a line"),
        (b'{"dsn"', "begins with a line"),
        (b"{}\nnot json\n", "item of an envelope"),
        (b"{}\n" + b'{"type":"session"}\n{}\n' * (ITEMS + 1), "more than 1000 items"),
        (b"{}\n" + b'{"type":"event"}\n{}\n' * (EVENTS + 1), "more than 100 events"),
        (b'{}\n{"type":"event"}\n{"message": "%s"}' % (b"x" * EVENT_BYTES), "more than 1048576 bytes"),
    ],
)
def test_what_is_no_envelope_is_said(body: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        read_envelope(body, {}, service=None)


@pytest.mark.parametrize(
    ("config", "schedule"),
    [
        (None, None),
        (
            {
                "schedule": {"type": "interval", "value": 2, "unit": "hour"},
                "checkin_margin": 5,
                "max_runtime": 30,
            },
            MonitorSchedule(every=2 * HOUR, grace=5 * MINUTE, longest=30 * MINUTE),
        ),
        (
            {"schedule": {"type": "crontab", "value": "0 3 * * 1-5"}, "timezone": "Europe/Berlin"},
            MonitorSchedule(cron="0 3 * * 1-5", zone="Europe/Berlin", grace=MINUTE),
        ),
        ({"schedule": {"type": "interval", "value": 10**30, "unit": "year"}}, "unreadable"),
        ({"schedule": {"type": "interval", "value": True, "unit": "hour"}}, "unreadable"),
        ({"schedule": {"type": "crontab", "value": "at noon"}}, "unreadable"),
        ({"schedule": {"type": "crontab", "value": "0 3 * * *"}, "timezone": "../x"}, "unreadable"),
        ({}, "unreadable"),
    ],
)
def test_a_check_in_is_a_sign_of_its_monitor(config: Any, schedule: Any) -> None:
    """A check-in has the SDK's monitor configuration, or a warning if it is invalid."""
    said = {"monitor_slug": " nightly\nbackup ", "status": "ok", "duration": 1.5, "environment": "staging"}
    body = envelope(({"type": "check_in"}, json.dumps({**said, "monitor_config": config}).encode()))
    read = read_envelope(body, {}, service=None)
    unreadable = schedule == "unreadable"
    assert [bool(read.warnings), read.items, read.dropped] == [unreadable, [], {}]
    assert read.check_ins == (
        CheckIn(
            name="nightly backup",
            environment="staging",
            duration_ms=1500.0,
            schedule=None if unreadable else schedule,
        ),
    )


@pytest.mark.parametrize("name", ["event_id", "level", "environment", "release", "message", "extra", "tags"])
def test_a_number_that_nothing_holds_costs_no_event(name: str) -> None:
    """A number beyond 64 bits and doubles is kept as text."""
    for digits in (b"1e999", b"9" * 400):
        body = b'{"message": "it broke", "%s": %s}' % (name.encode(), digits)
        [item] = read_store(body, {}, service="billing").items
        assert isinstance(
            Normalizer(max_event_bytes=262_144, new_id=lambda: "id").read(
                [item], project="shop", received_at=NOW, sent_at=None
            )[0],
            Accepted,
        )


def test_a_check_in_that_says_nothing_is_dropped() -> None:
    """Invalid check-ins, and those beyond the limit, are dropped."""
    bad: list[Any] = [
        None,
        [],
        {},
        {"monitor_slug": "a"},
        {"monitor_slug": "a", "status": "fine"},
        {"monitor_slug": {}, "status": "ok"},
    ]
    good = {"monitor_slug": "a", "status": "error", "duration": 1e300}
    body = envelope(*(({"type": "check_in"}, json.dumps(each).encode()) for each in [*bad, *[good] * 101]))
    read = read_envelope(body, {}, service=None)
    assert (len(read.check_ins), read.dropped) == (100, {"check_in": 7})
    assert read.check_ins[0] == CheckIn(name="a", status="error")


def test_what_comes_before_a_broken_item_is_kept() -> None:
    """Items before a broken one are kept."""
    event = json.dumps({"message": "it broke"}).encode()
    body = envelope(({"type": "event"}, event)) + b'\n{"type": "ev'
    assert len(read_envelope(body, {}, service="billing").items) == 1
    for nothing in (b"{}", b"{}\n", b"{}\n\n\n"):
        assert read_envelope(nothing, {}, service="billing") == ParsedBody([], {})


def test_an_event_that_cannot_be_read_is_rejected_by_name() -> None:
    """The rejection says what is wrong with the event."""
    normalizer = Normalizer(max_event_bytes=262_144, new_id=lambda: "new")
    for payload in (b"{", b"[1]", b"\xff", b"[" * 100_000, b'{"a": NaN}'):
        read = read_envelope(envelope(({"type": "event"}, payload)), {}, service="billing")
        [result] = normalizer.read(read.items, project="shop", received_at=NOW, sent_at=None)
        assert isinstance(result, Rejection)
        assert result.reason == "unreadable"


def test_the_service_is_the_key_s_else_a_tag_s_else_unknown() -> None:
    """The service is the key's, else a tag's, else `unknown` with a warning."""
    tagged = {"message": "it broke", "tags": {"service": "web"}}
    assert tree(tagged, "billing")["service"] == "billing"
    assert tree(tagged, None)["service"] == "web"
    read = of({"message": "it broke", "tags": {"service": " "}}, None)
    assert read.warnings == (NO_SERVICE,)
    [item] = read.items
    assert decoded(item)["service"] == "unknown"


def test_the_last_exception_was_raised_and_the_first_is_its_innermost_cause() -> None:
    values = [{"type": name, "value": name.lower()} for name in ("Inner", "Middle", "Outer")]
    chain = tree({"exception": {"values": values}})["exception"]
    names = []
    while chain:
        names.append(chain["type"])
        chain = chain["cause"]
    assert names == ["Outer", "Middle", "Inner"]
    assert tree({"exception": values[0]})["exception"]["type"] == "Inner"
    assert tree({"exception": values})["exception"]["type"] == "Outer"


def test_a_group_has_its_first_as_cause_and_the_others_as_notes() -> None:
    """The first exception of a group is the cause and the others are notes, as in the native client."""

    def value(name: str, id_: int, parent: int | None, source: str) -> dict[str, Any]:
        mechanism = {"type": "chained", "exception_id": id_, "parent_id": parent, "source": source}
        return {"type": name, "value": name.lower(), "mechanism": mechanism}

    first, second = value("First", 1, 0, "exceptions[0]"), value("Second", 2, 0, "exceptions[1]")
    group = value("ExceptionGroup", 0, None, "")
    told = tree({"exception": {"values": [second, first, group]}})["exception"]
    assert (told["type"], told["cause"]["type"], told["notes"]) == (
        "ExceptionGroup",
        "First",
        ["and Second: second"],
    )
    cause, context = value("Cause", 3, 0, "__cause__"), value("Context", 4, 0, "__context__")
    for values, expected in (([context, cause, first, group], "Cause"), ([context, first, group], "First")):
        assert tree({"exception": {"values": values}})["exception"]["cause"]["type"] == expected
    knot = [value("A", 0, 1, ""), value("B", 1, 0, "")]
    assert tree({"exception": {"values": knot}})["exception"]["cause"]["type"] == "B"


@pytest.mark.parametrize("in_app", [True, False])
def test_both_reports_of_an_asyncio_task_are_one_incident(in_app: bool) -> None:
    """The asyncio integration's report and the log record `Task exception was never retrieved` are one incident."""
    frames = [{"filename": "app/jobs.py", "function": "charge", "lineno": 7, "in_app": in_app}]
    value = {"type": "ValueError", "value": "lonely", "stacktrace": {"frames": frames}}
    by_asyncio = {"exception": {"values": [{**value, "mechanism": {"type": "asyncio", "handled": False}}]}}
    said = "Task exception was never retrieved\nfuture: <Task finished name='Task-5'>"
    by_logger = {
        "logger": "asyncio",
        "logentry": {"message": said, "formatted": said, "params": []},
        "exception": {"values": [{**value, "mechanism": {"type": "logging", "handled": True}}]},
    }
    one, other = normal(by_asyncio).event, normal(by_logger).event
    assert one.fingerprint == other.fingerprint
    assert one.title == other.title == "ValueError: lonely"
    assert one.labels == other.labels


def test_a_message_is_one_problem_with_its_template() -> None:
    """A log message is grouped by its template; for older SDKs the receiver fills it in."""
    filled = [
        {"logentry": {"message": TEMPLATE, "formatted": f"order {n} of ada failed", "params": [n, "ada"]}}
        for n in (17, 18)
    ]
    assert len({normal(event).event.fingerprint for event in filled}) == 1
    assert [normal(event).event.title for event in filled] == [
        "order 17 of ada failed",
        "order 18 of ada failed",
    ]
    assert tree({**filled[0], "logger": "jobs"})["fingerprint"] == [
        "log",
        "billing",
        "jobs",
        "order %s of %s failed",
    ]
    for template, params, shown in (
        ("%s of %d, 100 %%", ["a", 7], "a of 7, 100 %"),
        ("%(who)s, %(what)s", {"who": "ada"}, "ada, %(what)s"),
        ("%5.2f and %s", [1.5], "1.5 and %s"),
        ("%999999999d", [1], "%999999999d"),
        ("none", ["left"], "none"),
    ):
        assert tree({"logentry": {"message": template, "params": params}})["message"] == shown
    assert tree({"message": {"formatted": "as it is"}})["message"] == "as it is"
    assert tree({"message": "plain"})["fingerprint"] is None
    assert tree({"logentry": {"message": "Error: %s", "params": ["disk"]}})["fingerprint"] is None


def test_a_template_says_what_or_it_groups_nothing() -> None:
    """A template without words, such as `error: %s`, does not group."""
    assert logs._EMPTY == EMPTY
    for template in (
        "order %s failed",
        "%(asctime)s gateway away",
        "Error: %s",
        "%s",
        "{}",
        '{"a": %s}',
        "on {} at %d",
    ):
        assert is_specific(template) == (template in {"order %s failed", "%(asctime)s gateway away"}), (
            template
        )


def test_a_synthetic_exception_is_a_message() -> None:
    """The synthetic exception of Node's `captureMessage` is a message with a frame."""
    value = {"value": "deployed", "mechanism": {"synthetic": True}, "stacktrace": {"frames": []}}
    item = tree({"message": "deployed", "level": "info", "exception": {"values": [value]}})
    assert (item["message"], item["exception"], item["severity"]) == ("deployed", None, "info")
    assert tree({"exception": {"values": [value]}})["message"] == "deployed"


@pytest.mark.parametrize(
    ("level", "severity"),
    [("fatal", "critical"), ("error", "error"), ("warning", "warning"), ("info", "info"), ("debug", "info"),
     ("log", "info"), (None, "error"), (7, "error")],
)  # fmt: skip
def test_a_level_is_a_severity(level: Any, severity: str) -> None:
    accepted = normal({"message": "it broke", "level": level})
    assert (accepted.event.severity.value, accepted.warnings) == (severity, ())


@pytest.mark.parametrize(
    "tags",
    [
        {"region": "eu", "severity": "mine", "n": 3, "on": True},
        [["region", "eu"], ["severity", "mine"], ["n", 3], ["on", True], ["a", "b", "c"], None],
        [{"key": "region", "value": "eu"}, {"key": "severity", "value": "mine"}, {"key": "n", "value": 3},
         {"key": "on", "value": True}, {}],
    ],
)  # fmt: skip
def test_tags_are_labels(tags: Any) -> None:
    """Tags in any form are labels; reserved names are moved to the context."""
    item = tree({"message": "it broke", "tags": tags})
    assert item["labels"] == {"region": "eu", "n": "3", "on": "true"}
    assert item["context"]["tags"] == {"severity": "mine"}


def test_a_frame_without_a_mark_is_judged_by_its_path() -> None:
    """Without `in_app`, frames below site-packages are a library's, and others the application's."""
    frames = [
        {"filename": "flask/app.py", "abs_path": "/srv/venv/lib/python3.12/site-packages/flask/app.py"},
        {"filename": "jobs.py", "abs_path": "/srv/billing/jobs.py", "context_line": "    charge()\n"},
        {"filename": "x.py"},
        {"filename": "Gateway.java", "module": "com.acme.pay.Gateway", "function": "charge", "in_app": True},
        {"module": "only.module", "lineno": "7"},
        {"filename": "Thread.java", "module": "java.lang.Thread", "function": "run"},
        {"instruction_addr": "0x1"},
        "no frame",
    ]
    value = {"type": "E", "value": "v", "stacktrace": {"frames": frames}}
    told = tree({"exception": {"values": [value]}})["exception"]["frames"]
    assert [frame["in_app"] for frame in told] == [False, True, None, True, None, False]
    assert told[1]["code"] == "charge()"
    assert told[3]["file"] == "com/acme/pay/Gateway.java"
    assert (told[4]["file"], told[4]["line"]) == ("only.module", None)


def test_an_exception_without_frames_has_its_thread_s() -> None:
    """An exception without frames gets those of the crashed or current thread, or of the event."""
    bare = {"type": "E", "value": "v"}
    stack = {"frames": [{"filename": "here.py"}]}
    threads = [
        {"id": 1, "stacktrace": {"frames": [{"filename": "other.py"}]}},
        {"id": 2, "stacktrace": stack},
    ]
    for mark in ("crashed", "current"):
        threads[1].pop("crashed", None)
        threads[1][mark] = True
        event = {"exception": {"values": [bare]}, "threads": {"values": threads}}
        assert [frame["file"] for frame in tree(event)["exception"]["frames"]] == ["here.py"]
    assert tree({"exception": [bare], "stacktrace": stack})["exception"]["frames"][0]["file"] == "here.py"


def test_the_context_is_bounded_and_without_bodies() -> None:
    """The context has the last 20 breadcrumbs and the request without body and cookies, within the limit."""
    crumbs = [{"message": f"step {n}", "timestamp": 1_795_786_528.5, "data": {}} for n in range(30)]
    event = {
        "message": "it broke",
        "breadcrumbs": crumbs,
        "request": {"method": "POST", "url": "http://x/", "data": {"card": "4111"}, "cookies": "a=b",
                    "headers": [["Host", "x"], ["Cookie", "session=1"]]},
        "user": {"id": 17, "email": "ada@example.com", "data": {"more": 1}},
        "extra": {"order": 1842, "request": "mine", "blob": ["x" * 4_000] * 100},
        "contexts": {"trace": {"trace_id": "ab" * 16}, "runtime": {"name": "CPython"}},
    }  # fmt: skip
    item = tree(event)
    context = item["context"]
    assert [crumb["message"] for crumb in context["breadcrumbs"]] == [f"step {n}" for n in range(10, 30)]
    assert context["breadcrumbs"][0] == {"timestamp": "2026-11-27T13:35:28.500Z", "message": "step 10"}
    assert set(context["request"]) == {"method", "url", "headers"}
    assert context["user"] == {"id": 17, "email": "ada@example.com"}
    assert context["order"] == 1842
    assert "blob" not in context
    assert item["trace_id"] == "ab" * 16
    document = json.loads(normal(event).event.document)
    assert document["context"]["request"]["headers"] == {"Host": "x", "Cookie": "[scrubbed]"}


def test_a_given_fingerprint_is_the_sender_s() -> None:
    """A fingerprint of the sender may contain `{{ default }}`, which alone is the default."""
    assert tree({"message": "m", "fingerprint": ["{{ default }}", "eu", 7, None]})["fingerprint"] == [
        "{{ default }}", "eu", "7",
    ]  # fmt: skip
    nothing: tuple[Any, ...] = (["{{ default }}"], [], None, "x", {})
    for none in nothing:
        assert tree({"message": "m", "fingerprint": none})["fingerprint"] is None


def test_what_says_nothing_is_still_an_event() -> None:
    """An event without content gets a message."""
    empty: tuple[Any, ...] = ({}, {"exception": {"values": [{}]}}, {"logentry": {}, "message": ""})
    for event in empty:
        assert normal(event).event.title == "(no message)"
    assert normal({"transaction": "/pay"}).event.title == "/pay"
    assert normal({"timestamp": 1e300, "event_id": "x" * 500, "message": "m"}).event.id == "new"


def test_the_largest_event_is_taken() -> None:
    """An event that reaches all limits is truncated and accepted."""
    frames = [
        {"filename": f"{'f' * 300}{n}.py", "function": "g" * 200, "context_line": "c" * 600}
        for n in range(150)
    ]
    value = {"type": "E", "value": "v" * 20_000, "stacktrace": {"frames": frames}}
    event = {
        "message": "m" * 50_000,
        "exception": {"values": [{**value, "stacktrace": {"frames": frames[:20]}}] * 11 + [value]},
        "extra": {str(n): "x" * 4_000 for n in range(40)},
        "tags": {f"tag-{n}": "t" * 300 for n in range(100)},
    }
    accepted = normal(event)
    document = json.loads(accepted.event.document)
    assert document["exception"]["frames"][0]["file"].endswith("f0.py")
    assert document["exception"]["frames"][-1]["file"].endswith("f149.py")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.sampled_from([
    "event_id", "timestamp", "level", "logger", "transaction", "server_name", "release", "environment", "message",
    "logentry", "exception", "threads", "stacktrace", "breadcrumbs", "tags", "user", "request", "extra", "contexts",
    "fingerprint", "sdk", "culprit", "type", "value", "values", "mechanism", "frames", "params", "formatted", "trace",
    "exception_id", "parent_id", "headers", "filename", "abs_path", "module", "lineno", "in_app", "key",
])  # fmt: skip
SHAPES = st.recursive(
    JSON,
    lambda inner: st.dictionaries(FIELDS, inner, max_size=6) | st.lists(inner, max_size=3),
    max_leaves=10,
)


@example(event={"exception": {"event_id": None, "type": [None]}})
@given(event=st.dictionaries(FIELDS, SHAPES, max_size=10))
def test_any_event_becomes_one(event: dict[str, Any]) -> None:
    """An event with fields of any type is accepted."""
    normalizer = Normalizer(max_event_bytes=262_144, new_id=lambda: "new")
    payload = json.dumps(event, allow_nan=False, default=str) if finite(event) else "{}"
    read = read_store(payload.encode("utf-8", "surrogatepass"), {}, service="billing")
    for result in normalizer.read(read.items, project="shop", received_at=NOW, sent_at=read.sent_at):
        assert isinstance(result, Accepted), result


def finite(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


SAMPLE = (GOLDEN / "sentry-python-fastapi.envelope").read_bytes()


@given(
    start=st.integers(0, len(SAMPLE)),
    cut=st.integers(0, 200),
    put=st.binary(max_size=20) | st.sampled_from([b"\n", b"{", b'"']),
)
def test_a_mutated_envelope_never_raises_anything_else(start: int, cut: int, put: bytes) -> None:
    """A damaged envelope gives items or a refusal with a sentence."""
    body = SAMPLE[:start] + put + SAMPLE[start + cut :]
    normalizer = Normalizer(max_event_bytes=262_144, new_id=lambda: "new")
    try:
        read = read_envelope(body, {}, service="billing")
    except Malformed:
        return
    normalizer.read(read.items, project="shop", received_at=NOW, sent_at=read.sent_at)
