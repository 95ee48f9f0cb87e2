"""Parsing is total, the strict and the lenient reading agree, and no seeded secret passes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.event import Event, Rejection
from notifier.domain.severity import Severity
from notifier.ingest import lenient
from notifier.ingest.batch import Malformed, split
from notifier.ingest.normalize import Accepted, Normalizer
from notifier.ingest.schema import EventBody
from notifier.ingest.scrub import scrub, suspicious
from notifier.policy.fingerprint import compute, masked

NOW = 1_763_787_600_000
NORMALIZER = Normalizer(max_event_bytes=64 * 1024, new_id=lambda: "new-id")
STRICT = msgspec.json.Decoder(EventBody)

WORDS = st.text("abcxyz :=_-@/.\"'\\\n\té0147", max_size=20)
KEYS = st.one_of(
    WORDS, st.sampled_from(["password", "apiKey", "tokens_used", "x-session", "Kelvin to\u212aen"])
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
)
FRAMES = st.fixed_dictionaries({}, optional={"file": WORDS, "function": WORDS, "line": st.integers(0, 999)})
EXCEPTIONS = st.fixed_dictionaries(
    {"type": st.sampled_from(["KeyError", "TimeoutError"])},
    optional={
        "message": WORDS,
        "frames": st.lists(FRAMES, max_size=3),
        "notes": st.lists(WORDS, max_size=2),
        "cause": st.none() | st.fixed_dictionaries({"type": st.just("OSError")}, optional={"message": WORDS}),
    },
)
EVENTS = st.fixed_dictionaries(
    {"service": st.sampled_from(["billing", "shop"]), "message": WORDS.filter(bool)},
    optional={
        "id": st.text("abc-", min_size=1, max_size=40),
        "severity": st.sampled_from(["critical", "error", "warning", "info", "none"]),
        "release": st.none() | WORDS,
        "exception": EXCEPTIONS,
        "task": st.none() | st.fixed_dictionaries({"name": WORDS}, optional={"attempt": st.integers(0, 9)}),
        "labels": st.dictionaries(KEYS, WORDS | st.booleans() | st.integers(0, 9), max_size=4),
        "context": st.dictionaries(KEYS, VALUES, max_size=4),
        "fingerprint": st.none() | st.lists(WORDS | st.just("{{ default }}"), max_size=3),
        "links": st.lists(st.fixed_dictionaries({"url": WORDS}, optional={"title": WORDS}), max_size=2),
    },
)
SECRETS = (
    "hunter2-ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "password=hunter2x9",
    "Bearer hunter2.abcdef",
    "amqp://user:hunter2@mq/",
    "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
)


def parsed(body: bytes) -> list[Accepted | Rejection]:
    return list(
        NORMALIZER.read(split(body, None).items, project="default", received_at=NOW, sent_at=NOW),
    )


def event_of(posted: Any) -> Event:
    item = parsed(json.dumps(posted, ensure_ascii=False).encode())[0]
    assert isinstance(item, Accepted), item
    return item.event


@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """Any bytes are read or refused, without another exception."""
    try:
        items = parsed(body)
    except Malformed:
        return
    assert items


@given(st.dictionaries(st.sampled_from(EventBody.__struct_fields__), VALUES) | VALUES)
def test_any_json_is_read_or_refused_with_a_known_place(value: Any) -> None:
    """The path of an error begins with a schema field, and an accepted event has a document and storable text."""
    try:
        items = parsed(json.dumps([value]).encode())
    except Malformed:
        return
    item = items[0]
    if isinstance(item, Rejection):
        assert item.path == "" or item.path.split(".")[0].split("[")[0] in EventBody.__struct_fields__
    else:
        json.loads(item.event.document)
        assert set(item.event.labels) >= {"project", "service", "environment", "severity"}


@given(EVENTS)
def test_both_readings_give_the_same_event(posted: dict[str, Any]) -> None:
    """If the strict reading accepts a text, the lenient one changes nothing."""
    raw = json.dumps(posted, ensure_ascii=False).encode()
    if suspicious(raw):
        return
    try:
        strict = STRICT.decode(raw)
    except msgspec.DecodeError:
        return
    assert lenient.from_bytes(raw) == (strict, [])


@given(EVENTS, VALUES | st.sampled_from(["FATAL", " Warn ", "sev-2", "None", "P5", "emerg", "5"]))
def test_no_severity_costs_an_event(posted: dict[str, Any], severity: Any) -> None:
    """Any severity becomes one of the five, with one warning unless it is exact."""
    item = parsed(json.dumps({**posted, "severity": severity}).encode())[0]
    assert isinstance(item, Accepted)
    assert item.event.labels["severity"] == item.event.severity
    exact = severity in [None, *Severity]
    assert sum(warning.startswith("severity: ") for warning in item.warnings) == (not exact)


@given(EVENTS, st.dictionaries(KEYS, VALUES, max_size=4))
def test_no_label_costs_an_event(posted: dict[str, Any], labels: dict[str, Any]) -> None:
    """Any label value becomes text, with a warning for lists and objects."""
    item = parsed(json.dumps({**posted, "labels": labels}).encode())[0]
    assert isinstance(item, Accepted)
    assert all(isinstance(value, str) for value in item.event.labels.values())
    if any(isinstance(value, list | dict) for value in scrub(labels).values()):
        assert any("became its JSON text" in warning for warning in item.warnings)


@given(EVENTS)
def test_a_stored_document_posted_again_is_the_same_event(posted: dict[str, Any]) -> None:
    """Posting a stored document again gives the same event; numbers under secret keys are text by then."""
    event = event_of(posted)
    if not suspicious(event.document.encode()):
        again = event_of(json.loads(event.document))
        assert (again.document, again.labels, again.title) == (event.document, event.labels, event.title)


@given(VALUES, st.booleans())
def test_the_prefilter_misses_nothing_that_the_walk_changes(value: Any, ascii_only: bool) -> None:
    """If the prefilter matches nothing in the raw bytes, scrubbing changes nothing."""
    if scrub(value) != value:
        assert suspicious(json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))


@given(
    EVENTS,
    st.sampled_from(SECRETS),
    st.sampled_from(["message", "exception", "label", "context", "link", "new"]),
)
def test_a_seeded_secret_never_comes_through(posted: dict[str, Any], secret: str, where: str) -> None:
    """A secret is in neither the document, the title, a label nor a warning."""
    places: dict[str, dict[str, Any]] = {
        "message": {"message": f"it said {secret}", "exception": None},
        "exception": {"exception": {"type": "E", "message": secret, "frames": [{"code": f"x({secret})"}]}},
        "label": {"labels": {"seen": secret, secret: "x"}},
        "context": {"context": {"deep": [{"password": "hunter2", "other": secret}]}},
        "link": {"links": [{"url": "https://u:hunter2@x/y", "title": secret}]},
        "new": {"extra": {"token": "hunter2", "more": secret}, secret: 1},
    }
    for item in parsed(json.dumps({**posted, **places[where]}).encode()):
        assert isinstance(item, Accepted)
        assert "hunter2" not in repr(item).replace("hunter2-", "")


@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=2), st.text("abc '\"", max_size=10))
def test_numbers_never_change_a_fingerprint(numbers: list[int], words: str) -> None:
    """Messages that differ only in numbers have the same fingerprint."""
    one, other = (f"order {number} of {words}" for number in numbers)
    assert masked(one) == masked(other)


@given(st.text(), st.lists(st.text(), max_size=4))
def test_any_text_has_a_fingerprint(message: str, elements: list[str]) -> None:
    """Any message and fingerprint list has a stable fingerprint."""
    one = compute(service="s", message=message, exception=None, given=elements)
    assert one == compute(service="s", message=message, exception=None, given=elements)
    assert len(one) == 32
