"""From bytes to events: what is taken, repaired, or refused with its place."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import Any

import pytest

from notifier.domain.event import Event, Rejection
from notifier.domain.severity import Severity
from notifier.ingest.batch import Malformed, accepts_content_type, split
from notifier.ingest.normalize import Accepted, EventItem, Normalizer

NOW = 1_763_787_600_123
NORMALIZER = Normalizer(max_event_bytes=256 * 1024, new_id=lambda: "new-id")
LEAST: dict[str, Any] = {"service": "billing", "message": "boom"}


@dataclass(frozen=True)
class Parsed:
    single: bool
    items: list[Accepted | Rejection]


def parse(body: bytes, kind: str | None = None, sent_at: int | None = None) -> Parsed:
    batch = split(body, kind)
    items = NORMALIZER.read(batch.items, project="default", received_at=NOW, sent_at=sent_at)
    return Parsed(batch.single, items)


def take(sent_at: int | None = None, **fields: Any) -> Accepted:
    item = parse(json.dumps({**LEAST, **fields}).encode(), sent_at=sent_at).items[0]
    assert isinstance(item, Accepted), item
    return item


def document(event: Event) -> Any:
    return json.loads(event.document)


def refused(**fields: Any) -> Rejection:
    item = parse(json.dumps({**LEAST, **fields}).encode()).items[0]
    assert isinstance(item, Rejection), item
    return item


def test_the_least_event_gets_its_defaults() -> None:
    """Service and message are enough."""
    event = take().event
    assert (event.id, event.id_given) == ("new-id", False)
    assert (event.environment, event.severity, event.status) == ("production", Severity.ERROR, "firing")
    assert event.labels == {
        "project": "default",
        "service": "billing",
        "environment": "production",
        "severity": "error",
    }
    assert event.title == "boom"
    stored = document(event)
    assert stored["id"] == "new-id"
    assert stored["timestamp"] == "2025-11-22T05:00:00.123Z"
    assert stored["environment"] == "production"


def test_title_and_labels_speak_of_the_exception() -> None:
    """Its type, the first line of what it says, and the task it failed in."""
    event = take(
        exception={"type": "TimeoutError", "message": "\nupstream timed out\nsecond"},
        task={"name": "billing.tasks.charge"},
        release="1.4.2",
        host="worker-3",
        labels={"region": "eu", "shard": 3, "hot": True, "ratio": 0.5},
    ).event
    assert event.title == "TimeoutError: upstream timed out"
    own = {"region": "eu", "shard": "3", "hot": "true", "ratio": "0.5"}
    assert document(event)["labels"] == own
    assert (
        event.labels.items() >= {**own, "exception": "TimeoutError", "task": "billing.tasks.charge"}.items()
    )
    assert (event.labels["release"], event.labels["host"]) == ("1.4.2", "worker-3")


TRACE = """\
2026-11-27 18:00:00 ERROR could not charge order 1842
Traceback (most recent call last):
  File "/app/shop/billing.py", line 21, in charge
    raise Declined("no such card")
shop.errors.Declined: no such card
"""


def test_a_trace_in_a_message_is_the_exception_that_it_tells_of() -> None:
    """Title, label and fingerprint are those of the exception as a client sends it; nothing of the text is lost."""
    frame = {
        "file": "/app/shop/billing.py", "function": "charge", "line": 21, "code": 'raise Declined("no such card")',
        "in_app": True,
    }  # fmt: skip
    exception = {"type": "Declined", "module": "shop.errors", "message": "no such card", "frames": [frame]}
    event, sent = take(message=TRACE).event, take(exception=exception).event
    assert event.title == sent.title == "Declined: no such card"
    assert event.labels == sent.labels
    assert event.fingerprint == sent.fingerprint
    found = document(event)
    assert found["exception"] == document(sent)["exception"]
    assert found["message"] == "2026-11-27 18:00:00 ERROR could not charge order 1842"
    assert found["context"] == {"trace": TRACE.split("\n")}
    strict, unusual = take(message=TRACE, release="1"), take(message=TRACE, release="1", nothing=None)
    assert strict.warnings == ()
    assert unusual.event.document == strict.event.document.replace(
        '"context":{', '"context":{"nothing":null,'
    )


def test_what_the_sender_says_of_the_exception_goes_first() -> None:
    """Its exception, and its fingerprint; an unknown field of the name that the text is kept under."""
    given = document(take(message=TRACE, exception={"type": "Other"}).event)
    assert (given["message"], given["exception"]["type"], given["context"]) == (TRACE, "Other", {})
    own = take(message=TRACE, fingerprint=["db-down"]).event
    assert own.fingerprint == take(fingerprint=["db-down"]).event.fingerprint
    assert document(take(message=TRACE, trace=1, context={"trace_": 2}).event)["context"] == {
        "trace": 1,
        "trace_": 2,
        "trace__": TRACE.split("\n"),
    }


def test_a_long_message_is_read_before_it_is_shortened() -> None:
    """What was raised stands at the end of it."""
    deep = TRACE.replace("  File", '  File "/app/shop/deep.py", line 1, in f\n    f()\n' * 400 + "  File", 1)
    taken = take(message=deep)
    assert taken.event.title == "Declined: no such card"
    found = document(taken.event)
    assert len(found["exception"]["frames"]) == 100
    assert [line for lines in found["context"]["trace"] for line in lines] == deep[:32_768].split("\n")


def test_a_request_that_holds_too_many_traces_says_so() -> None:
    """What is beyond the budget stays a message."""
    text = "E: x\n\tat a.b.c(D.java:1)" + "\n" * 510
    read = parse(json.dumps([{**LEAST, "message": f"{text} {n}"} for n in range(205)]).encode()).items
    taken = [item for item in read if isinstance(item, Accepted)]
    unread = [item for item in taken if "exception" not in item.event.labels]
    assert 0 < len(unread) < len(taken) == 205
    assert all("too many" in item.warnings[0] for item in unread)
    assert "exception" in take(message=TRACE).event.labels


def test_a_wrapped_exception_is_told_by_its_cause() -> None:
    """Nobody is helped by Starlette's RuntimeError."""
    wrapper = "Caught handled exception, but response already started."
    event = take(
        exception={"type": "RuntimeError", "message": wrapper, "cause": {"type": "KeyError", "message": "x"}}
    ).event
    assert (event.title, event.labels["exception"]) == ("KeyError: x", "KeyError")


def test_reserved_names_in_labels_are_ignored_with_a_warning() -> None:
    """A sender cannot pose as another project."""
    taken = take(labels={"project": "other", "region": "eu"})
    assert taken.event.labels["project"] == "default"
    assert taken.warnings == ("labels: project is reserved and was ignored",)


def test_an_unknown_field_never_costs_an_event() -> None:
    """It is kept under context, beside what is there, and named."""
    taken = take(
        stage="blue",
        exception={"type": "E", "frames": [{"file": "a.py", "vars": {"password": "x"}}]},
        context={"stage": 1},
    )
    assert document(taken.event)["context"] == {
        "stage": 1,
        "stage_": "blue",
        "exception.frames[0].vars": {"password": "[scrubbed]"},
    }
    assert len(taken.warnings) == 2
    assert 'unknown field "stage" is kept under context' in taken.warnings


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"service": None}, "service"),
        ({"service": 3}, "service"),
        ({"service": " "}, "service"),
        ({"message": None}, "message"),
        ({"message": ""}, "message"),
        ({"message": {"a": 1}}, "message"),
        ({"status": "open"}, "status"),
        ({"status": "resolved"}, "fingerprint"),
        ({"status": "resolved", "fingerprint": ["x", "{{default}}"]}, "fingerprint"),
        ({"id": ""}, "id"),
        ({"id": 7}, "id"),
        ({"id": "x" * 129}, "id"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "2026-11-22"}, "timestamp"),
        ({"timestamp": "2016-12-31T12:00:60Z"}, "timestamp"),
        ({"timestamp": 17}, "timestamp"),
        ({"timestamp": "2026-11-22\x0005:00:00Z"}, "timestamp"),
        ({"timestamp": "2026-11-22T05:00:00\x00Z"}, "timestamp"),
        ({"timestamp": "2026-W47-7T05:00:00Z"}, "timestamp"),
        ({"labels": []}, "labels"),
        ({"context": "x"}, "context"),
        ({"fingerprint": "x"}, "fingerprint"),
        ({"fingerprint": ["x", 1]}, "fingerprint[1]"),
        ({"links": [{"url": 3}]}, "links[0].url"),
        ({"links": ["https://x"]}, "links[0]"),
        ({"task": {"attempt": "3"}}, "task.attempt"),
        ({"task": {"attempt": 10**300}}, "task.attempt"),
        ({"exception": {}}, "exception.type"),
        ({"exception": {"type": "E", "frames": [{}, {"line": "x"}]}}, "exception.frames[1].line"),
        ({"exception": {"type": "E", "frames": [{"in_app": 1}]}}, "exception.frames[0].in_app"),
        ({"exception": {"type": "E", "cause": {"notes": [1]}}}, "exception.cause.notes[0]"),
        ({"release": True}, "release"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(fields: dict[str, Any], path: str) -> None:
    """The path names contract fields, the sentence says what is expected, and neither echoes what was sent."""
    rejection = refused(**fields)
    assert rejection.path == path
    assert rejection.message
    assert not any(word in rejection.message for word in ("fatal", "yesterday", "odd-name"))


def test_null_is_as_if_absent() -> None:
    """Clients fill in what they do not know with null."""
    names = "id timestamp environment release host severity exception task labels context trace_id fingerprint links"
    event = take(**dict.fromkeys([*names.split(), "status"])).event
    assert event.labels == take().event.labels


def test_resolved_needs_no_message() -> None:
    """A service and what it resolves are enough."""
    item = parse(b'{"service": "billing", "status": "resolved", "fingerprint": ["db"]}').items[0]
    assert isinstance(item, Accepted)
    assert (item.event.status, item.event.title) == ("resolved", "resolved")


@pytest.mark.parametrize(
    ("timestamp", "sent_at", "at"),
    [
        ("2025-11-22T05:00:00Z", None, NOW),
        ("2025-11-22T04:59:50Z", 1_763_787_600_000, NOW - 10_000),
        ("2025-11-22T05:59:50+01:00", 1_763_787_600_000, NOW - 10_000),
        ("2025-11-22T04:59:50.250", 1_763_787_600_000, NOW - 9_750),
        ("2025-11-23T05:00:00Z", 1_763_787_600_000, NOW),
        ("1970-01-01T00:00:00Z", 1_763_787_600_000, NOW),
        (None, 1_763_787_600_000, NOW),
    ],
)
def test_a_senders_clock_alone_never_decides(timestamp: str | None, sent_at: int | None, at: int) -> None:
    """received - (sent - timestamp), never in the future, and not at all where the timestamp is absurd."""
    event = take(sent_at=sent_at, timestamp=timestamp).event
    assert event.at == at
    assert event.received_at == NOW
    assert document(event)["timestamp"] == timestamp or timestamp is None


def test_only_web_links_are_kept() -> None:
    """A link is clicked in a mail: `javascript:` has no business there."""
    taken = take(links=[{"title": "a", "url": "javascript:alert(1)"}, {"url": "HTTPS://x/y"}])
    assert document(taken.event)["links"] == [{"title": None, "url": "HTTPS://x/y"}]
    assert taken.warnings == ("links[0]: left out; a link needs an http or https url",)


def test_what_is_too_long_is_shortened_not_refused() -> None:
    """An alert would be lost otherwise."""
    frames = [{"file": f"f{i}.py"} for i in range(150)]
    deep: Any = "bottom"
    for _ in range(20):
        deep = {"d": deep}
    taken = take(
        service="s" * 500,
        message="m" * 10_000,
        labels={f"l{i}": "v" * 300 for i in range(70)},
        exception={"type": "E", "frames": frames},
        context={"wide": list(range(500)), "deep": deep, "long": "x" * 5_000},
    )
    stored = document(taken.event)
    assert len(taken.event.service) == 256
    assert len(stored["message"]) == 8_192
    assert len(stored["labels"]) == 64
    assert len(stored["context"]["wide"]) == 100
    assert "[nested too deeply]" in json.dumps(stored["context"]["deep"])
    kept = [frame["file"] for frame in stored["exception"]["frames"]]
    assert kept == [f"f{i}.py" for i in (*range(20), *range(70, 150))]
    assert len(taken.warnings) == 21
    assert len(taken.event.title) <= 200


def test_a_context_beyond_its_bytes_keeps_what_fits() -> None:
    """Entries in order, as many as there is room for."""
    taken = take(context={f"k{i}": "x" * 4_000 for i in range(40)})
    assert len(json.dumps(document(taken.event)["context"])) <= 66_000
    assert taken.warnings == ("context: shortened; it was too deep, too wide or too long",)


def test_a_chain_of_causes_is_cut() -> None:
    """A thousand causes are no explanation."""
    failure: dict[str, Any] = {"type": "E0"}
    for i in range(1, 30):
        failure = {"type": f"E{i}", "cause": failure}
    taken = take(exception=failure)
    assert taken.event.document.count('"cause"') == 11
    assert taken.warnings == ("exception: more than 10 causes; the innermost are left out",)


def test_an_event_over_its_size_is_refused_alone() -> None:
    """The others in the array are kept."""
    big = json.dumps({**LEAST, "message": "x" * 300_000})
    parsed = parse(f"[{json.dumps(LEAST)}, {big}]".encode())
    assert isinstance(parsed.items[0], Accepted)
    assert isinstance(parsed.items[1], Rejection)
    assert parsed.items[1].reason == "too_large"


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-ndjson",
        "application/ndjson; charset=utf-8",
        "application/jsonl",
        "application/x-jsonl",
        "application/jsonlines",
        "application/x-jsonlines",
        "application/JSON-Lines",
        "application/x-ldjson",
        "text/x-ndjson",
        "text/jsonl",
    ],
)
def test_one_event_a_line(kind: str) -> None:
    """Blank lines are skipped; a bad line costs itself only."""
    body = b'{"service": "a", "message": "x"}\r\n\n{"service":\n[]\n{"service": "b", "message": "y"}\n'
    parsed = parse(body, kind)
    assert not parsed.single
    assert [isinstance(item, Accepted) for item in parsed.items] == [True, False, False, True]


@pytest.mark.parametrize(
    "bad",
    [
        b'{"service": "a", "message": NaN}',
        b'{"service": "a", "message": "\xff"}',
        b'{"service": "a", "message": "x", "context": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"service": "a" "message": "x"}',
        b"7",
        b"",
    ],
)
def test_a_bad_element_does_not_cost_the_others(bad: bytes) -> None:
    """Where brackets and strings tell the elements apart, each is answered for itself."""
    good = b'{"service": "a", "message": "a \\"]}, quoted"}'
    parsed = parse(b"[" + good + b"," + bad + b" , " + good + b"]")
    assert [isinstance(item, Accepted) for item in parsed.items] == [True, False, True]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"[]", "no event"),
        (b"{", "byte 1"),
        (b"[{},", "early"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'"text"', "a string"),
        (b"17", "a number"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b"{} {}", "x-ndjson"),
        (b"[" * 10_000, "not valid JSON"),
        (b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "deep"),
        (b"[" + b",".join([b"{}"] * 1_001) + b"]", "1000"),
        (b"[" + b",".join([b"0"] * 300_000) + b"]", "1000"),
        ("{}".encode("utf-16"), "UTF-8"),
        (b'{"a": "\n"}', "byte 7"),
    ],
)
def test_a_body_without_events_is_refused_with_a_sentence(body: bytes, word: str) -> None:
    """What is wrong and where, never what was there."""
    assert word in sentence_for(body)


def sentence_for(body: bytes) -> str:
    try:
        (item,) = parse(body).items
    except Malformed as refusal:
        return refusal.message
    assert isinstance(item, Rejection)
    assert item.reason == "unreadable"
    return item.message


def test_a_thousand_events_are_taken_and_one_more_is_too_many() -> None:
    """The limit holds for lines as well."""
    assert len(parse(b"{}\n" * 1_000, "application/x-ndjson").items) == 1_000
    with pytest.raises(Malformed) as refusal:
        parse(b"{}\n" * 1_001, "application/x-ndjson")
    assert refusal.value.reason == "too_many"


def test_hostile_text_becomes_storable() -> None:
    """NUL and lone surrogates are replaced, huge numbers become text, the last of two equal keys wins."""
    body = (
        b'\xef\xbb\xbf{"service": "a\\u0000b", "message": "x", "message": "\\ud800 y", "context": {"big": '
        + b"1" * 300
        + b', "huge": '
        + b"2" * 5_000
        + b', "inf": 1e400, "edge": 9223372036854775808, "max": 9223372036854775807}}'
    )
    item = parse(body).items[0]
    assert isinstance(item, Accepted)
    assert item.event.service == "a\ufffdb"
    assert item.event.title == "\ufffd y"
    context = document(item.event)["context"]
    assert context["big"] == "1" * 300
    assert context["huge"].startswith("2222")
    assert (context["inf"], context["edge"], context["max"]) == ("1e400", "9223372036854775808", 2**63 - 1)


def test_a_secret_as_an_id_is_hashed_so_that_ids_stay_distinct() -> None:
    """Scrubbed to one word, two ids would be each other's duplicate."""
    one, other = (take(id=f"ghp_{letter * 36}").event.id for letter in "ab")
    assert one.startswith("scrubbed-")
    assert one != other


@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        (None, True),
        ("", True),
        ("application/json; charset=utf-8", True),
        ("application/x-ndjson", True),
        ("application/x-www-form-urlencoded", True),
        ("text/plain", True),
        ("application/vnd.acme+json", True),
        ("application/octet-stream", True),
        ("image/png", False),
        ("multipart/form-data; boundary=x", False),
        ("text/html", False),
        ("application/xml", False),
    ],
)
def test_content_types(kind: str | None, taken: bool) -> None:
    """Any or no JSON type, and what clients send for want of one."""
    assert accepts_content_type(kind) is taken


@pytest.mark.parametrize(
    ("severity", "words"),
    [
        ("critical", "Critical CRIT fatal page emergency emerg alert PANIC p1 P0 sev1 SEV-1"),
        ("error", "Error ERR high p2 sev2 major"),
        ("warning", "Warning WARN medium p3 minor"),
        ("info", "INFO notice debug low p4 p5 informational trace"),
        ("none", "None NONE"),
        ("error", "purple 5 critical! nonesuch"),
        ("critical", "LogLevel.Critical SEVERITY_NUMBER_FATAL4 DPANIC Highest priority-1 severity_1 sev.p1"),
        ("error", "logging.ERROR ERROR2 SEVERITY_NUMBER_ERROR level:error SEVERE P-2"),
        ("warning", "LOG_WARNING Severity=warning WARN3 average"),
        ("info", "FINE FINEST CONFIG success ok NOTSET TRACE1 lowest"),
    ],
)
def test_a_severity_in_other_words_is_one_of_the_five(severity: str, words: str) -> None:
    """Folded and mapped; what is not known is an error; each time a warning that repeats nothing."""
    for word in words.split():
        taken = take(severity=word)
        assert (taken.event.severity, taken.event.labels["severity"]) == (severity, severity)
        assert document(taken.event)["severity"] == severity
        (warning,) = taken.warnings
        assert warning.startswith("severity: ")
        assert "purple" not in warning


@pytest.mark.parametrize("value", [5, 1, 0.5, True, ["critical"], {"level": "critical"}, ""])
def test_a_severity_of_another_type_is_an_error(value: Any) -> None:
    """With a warning; null is none given."""
    taken = take(severity=value)
    assert taken.event.severity is Severity.ERROR
    assert len(taken.warnings) == 1
    assert take(severity=None).warnings == ()


def test_none_is_a_severity() -> None:
    """Of its own, below all others, and nothing to warn of."""
    taken = take(severity="none")
    assert (taken.event.severity, taken.warnings) == (Severity.NONE, ())


def test_a_label_that_is_a_list_or_an_object_is_its_json_text() -> None:
    """Scrubbed and bounded like other text; each with a warning."""
    taken = take(
        labels={"zones": ["a", 1, None], "owner": {"team": "é", "password": "hunter2"}, "long": ["x" * 999]}
    )
    labels = taken.event.labels
    assert labels["zones"] == '["a",1,null]'
    assert labels["owner"].startswith('{"team":"é","password":')
    assert "hunter2" not in labels["owner"]
    assert len(labels["long"]) <= 256
    places = [warning.partition(":")[0] for warning in taken.warnings]
    assert places == ["labels[0]", "labels[1]", "labels[2]", "labels[2]"]


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_a_byte_order_mark_before_any_line_is_dropped(ends: bytes) -> None:
    """Files that were put together have several; a line of nothing else is no event."""
    line = b"\xef\xbb\xbf" + json.dumps(LEAST).encode()
    parsed = parse(ends.join([line, line, b"\xef\xbb\xbf", line]), "application/x-ndjson")
    assert [type(item) for item in parsed.items] == [Accepted] * 3


@pytest.mark.parametrize("name", [None, 'charge "task":{"id":null', "'"])
def test_events_of_a_storm_keep_their_own_ids(name: str | None) -> None:
    """What was made of the first is used for the next; event, task and time are each one's own, and so is the run."""
    normalizer = Normalizer(max_event_bytes=10_000, new_id=itertools.count().__str__)
    context = {"task": {"id": None, "name": "another"}}

    def one(number: int, task: str | None) -> Event:
        fields = {
            "id": f"e-{number}",
            "timestamp": "2026-11-22T05:00:00Z",
            "service": "s",
            "message": f"a {name}",
        }
        raw = json.dumps({**fields, "task": {"name": name, "id": task}, "context": context}).encode()
        (item,) = normalizer.read([raw], project="p", received_at=NOW, sent_at=None)
        assert isinstance(item, Accepted)
        return item.event

    for number, task in enumerate(["run-1", 'run "2"', None, "r" * 129, "run-5"]):
        event = one(number, task)
        stored = document(event)
        assert stored["id"] == event.id == f"e-{number}"
        assert stored["task"] == {"id": task, "name": name, "attempt": None, "max_attempts": None}
        assert stored["context"] == context
        assert event.run == (task if task is not None and len(task) <= 128 else None)


def test_a_secret_in_an_id_of_a_storm_is_found() -> None:
    """The ids are looked at in every event, also where the rest is known."""
    normalizer = Normalizer(max_event_bytes=10_000, new_id=itertools.count().__str__)
    secret = "ghp_" + "a1B2" * 9
    for task in ("run-1", secret):
        fields = {"service": "s", "message": "m", "task": {"id": task}}
        (item,) = normalizer.read([json.dumps(fields).encode()], project="p", received_at=NOW, sent_at=None)
        assert isinstance(item, Accepted)
        assert secret not in item.event.document


SHORT_TRACE = 'it broke\nTraceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: no'


@pytest.mark.parametrize(
    "fields", [{}, {"x": 1}, {"message": "password=hunter2"}, {"service": " "}, {"message": SHORT_TRACE}]
)
def test_an_event_that_names_no_service_is_its_key_s(fields: dict[str, object]) -> None:
    """Read to the letter, leniently, with a secret, with a trace, or as a tree; twice, as it is remembered."""
    normalizer = Normalizer(max_event_bytes=10_000, new_id=itertools.count().__str__)
    tree: dict[str, Any] = {"message": "it broke", **fields}
    raw = json.dumps(tree).encode()
    items: list[EventItem] = [raw, raw, tree, b'{"service":"shop","message":"it broke"}']
    read = normalizer.read(items, project="p", received_at=NOW, sent_at=None, service="billing")
    events = [item.event for item in read if isinstance(item, Accepted)]
    assert [event.service for event in events] == ["billing"] * 3 + ["shop"]
    assert [document(event)["service"] for event in events] == [event.labels["service"] for event in events]
    (missed,) = normalizer.read([raw], project="p", received_at=NOW, sent_at=None)
    assert isinstance(missed, Rejection)


@pytest.mark.parametrize("field", ["id", "task"])
def test_an_id_of_a_storm_is_storable(field: str) -> None:
    """Where the rest is known, too, no id reaches the database with what PostgreSQL refuses."""
    normalizer = Normalizer(max_event_bytes=10_000, new_id=itertools.count().__str__)
    for text in ("a", "a\x00b"):
        ids = {"id": text} if field == "id" else {"task": {"id": text}}
        raw = json.dumps({"service": "s", "message": "m", "task": {"id": "t"}} | ids).encode()
        (item,) = normalizer.read([raw], project="p", received_at=NOW, sent_at=None)
        assert isinstance(item, Accepted)
        kept = item.event.id if field == "id" else item.event.run
        assert kept == text.replace("\x00", "\N{REPLACEMENT CHARACTER}")


@pytest.mark.parametrize(
    "hidden", ['"password": "hunter2"', r'"p\u0061ssword": "hunter2"', r'"say": "key=\u0061 token: hunter2"']
)
def test_a_secret_among_many_events_is_found(hidden: str) -> None:
    """Events of one request are searched together; one that holds a secret costs it, and costs the others nothing."""
    normalizer = Normalizer(max_event_bytes=10_000, new_id=itertools.count().__str__)
    # A UUID whose digits a card could have.
    event = '{"id": "41111111-1111-4111-8111-111111111111", "service": "s", "message": "m", "context": {%s}}'
    raws = [(event % content).encode() for content in ('"n": 1', hidden, '"n": 2')]
    items = normalizer.read(raws, project="p", received_at=NOW, sent_at=None)
    documents = [item.event.document for item in items if isinstance(item, Accepted)]
    assert len(documents) == 3
    assert "hunter2" not in documents[1]
    assert [json.loads(document)["context"] for document in documents[::2]] == [{"n": 1}, {"n": 2}]
    assert all("41111111-1111-4111-8111-111111111111" in document for document in documents)


@pytest.mark.parametrize("number", range(3))
def test_a_rejected_event_among_many_keeps_its_place(number: int) -> None:
    """Whether it is no JSON, too large, or lacks what is required."""
    bad = (
        '{"service": "s", "message": ',
        json.dumps({"service": "s", "message": "m" * 20_000}),
        '{"message": "m"}',
    )
    normalizer = Normalizer(max_event_bytes=10_000, new_id=itertools.count().__str__)
    raws = [
        b'{"service": "s", "message": "one"}',
        bad[number].encode(),
        b'{"service": "s", "message": "two"}',
    ]
    items = normalizer.read(raws, project="p", received_at=NOW, sent_at=None)
    assert [isinstance(item, Accepted) for item in items] == [True, False, True]


def test_a_leap_second_costs_no_event() -> None:
    """RFC 3339 has it."""
    leap = "2016-12-31T23:59:60Z"
    assert document(take(timestamp=leap).event)["timestamp"] == leap
