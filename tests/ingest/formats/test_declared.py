"""Formats declared as data: the samples of shipped formats, verification, and arbitrary input."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from standardwebhooks import Webhook

from notifier.channels.payloads import alertmanager
from notifier.domain.event import Rejection
from notifier.domain.notification import Reason
from notifier.domain.state import State
from notifier.domain.time import MINUTE, parse_rfc3339
from notifier.ingest.batch import MAX_EVENTS, Malformed
from notifier.ingest.formats import declared
from notifier.ingest.formats.timestamps import as_rfc3339
from notifier.ingest.formats.trial import trial
from notifier.ingest.formats.verification import verified
from notifier.ingest.normalize import Normalizer
from notifier.settings.formats import FormatBlock, FormatBlocks, VerifyBlock, shipped
from notifier.testing.messages import incident, message, message_about

GOLDEN = Path(__file__).parent / "golden"
WRITE = os.environ.get("NOTIFIER_GOLDEN") == "write"
FORMATS = (
    "alertmanager",
    "azure",
    "gcp",
    "github",
    "gitlab",
    "grafana",
    "healthchecks",
    "sns",
    "uptime-kuma",
)
NOW = parse_rfc3339("2026-11-27T12:00:00Z")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@cache
def named(name: str) -> FormatBlock:
    return shipped()[name]


def sample(name: str) -> Any:
    return copy.deepcopy(named(name).sample)


def read(
    name: str, body: Any, headers: Mapping[str, str] | None = None, *, service: str | None = None
) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return declared.read(named(name), name, raw, headers or {}, service=service)


def judged(items: Any) -> list[Any]:
    normalizer = Normalizer(max_event_bytes=256 * 1024, new_id=lambda: "new")
    return normalizer.read(items, project="p", received_at=NOW, sent_at=None)


def test_every_format_of_the_contract_is_there() -> None:
    """Every documented format exists, with a sample that gives events."""
    assert tuple(shipped()) == FORMATS
    for name, format_ in shipped().items():
        tried = trial(format_, name)
        assert tried.events, name
        assert not tried.faults, name


@pytest.mark.parametrize("name", FORMATS)
def test_a_sample_becomes_what_is_in_its_file(name: str) -> None:
    """The events and the unmapped fields of a sample equal its golden file."""
    tried = trial(named(name), name)
    shown = {"events": list(tried.events), "not_mapped": list(tried.not_mapped)}
    text = json.dumps(shown, indent=1, ensure_ascii=False) + "\n"
    file = GOLDEN / f"{name}.json"
    if WRITE:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["alertmanager", "grafana"])
def test_a_description_is_told_below_the_summary(name: str) -> None:
    """The description follows the summary, and replaces a missing one."""
    body = sample(name)
    alert = body["alerts"][0]
    summary = alert["annotations"]["summary"]
    alert["annotations"]["description"] = "Look at the disk."
    head, _, rest = read(name, body).items[0]["message"].partition("\n\n")
    assert (head.endswith(f": {summary}"), rest) == (True, "Look at the disk.")
    del alert["annotations"]["summary"]
    assert read(name, body).items[0]["message"].endswith(": Look at the disk.")


ENDS: list[tuple[str, tuple[str | int, ...], Any]] = [
    ("alertmanager", ("alerts", 0, "status"), "resolved"),
    ("azure", ("data", "essentials", "monitorCondition"), "Resolved"),
    ("gcp", ("incident", "state"), "closed"),
    ("github", ("workflow_run", "conclusion"), "success"),
    ("gitlab", ("object_attributes", "status"), "success"),
    ("grafana", ("alerts", 0, "status"), "resolved"),
    ("healthchecks", ("status",), "up"),
    ("uptime-kuma", ("heartbeat", "status"), 1),
]


def changed(body: Any, path: tuple[str | int, ...], value: Any) -> Any:
    *above, last = path
    within = body
    for step in above:
        within = within[step]
    within[last] = value
    return body


@pytest.mark.parametrize(("name", "path", "value"), ENDS)
def test_the_end_resolves_what_the_beginning_opened(
    name: str, path: tuple[str | int, ...], value: Any
) -> None:
    """The firing and the resolving body have the same fingerprint and environment."""
    [opened, *_] = judged(read(name, sample(name)).items)
    [ended, *_] = judged(read(name, changed(sample(name), path, value)).items)
    assert (opened.event.status, ended.event.status) == ("firing", "resolved")
    assert opened.event.fingerprint == ended.event.fingerprint
    assert opened.event.environment == ended.event.environment


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("github", {"zen": "Keep it logically awesome.", "hook_id": 1, "hook": {}, "repository": {"name": "b"}}),
        ("github", {"action": "requested", "workflow_run": {"conclusion": None}, "organization": {"id": 1}}),
        ("gitlab", {"object_kind": "push", "ref": "refs/heads/main"}),
        ("gitlab", {"object_kind": "pipeline", "object_attributes": {"status": "running", "protected_ref": True}}),
        ("gitlab", {"object_kind": "pipeline", "project": {"default_branch": "main"},
                    "object_attributes": {"status": "failed", "ref": "topic", "protected_ref": False}}),
        ("uptime-kuma", {"msg": "maintenance", "heartbeat": {"status": 3}, "monitor": {"id": 1}}),
    ],
)  # fmt: skip
def test_what_is_no_alert_makes_no_event(name: str, body: Any) -> None:
    """Pings and other irrelevant bodies are accepted without an event."""
    assert read(name, body).items == []


def test_a_kuma_test_is_told() -> None:
    """Uptime Kuma's test message, without heartbeat and monitor, is an event."""
    [event] = read(
        "uptime-kuma", {"heartbeat": None, "monitor": None, "msg": "My Alert Testing"}, service="kuma"
    ).items
    assert (event["message"], event["service"], event["severity"]) == ("My Alert Testing", "kuma", "warning")
    assert "fingerprint" not in event


def test_a_delivery_names_its_event() -> None:
    """The delivery header of a forge is the event's id, numbered if there are several events."""
    [event] = read("github", sample("github"), {"x-github-delivery": "72d3162e"}).items
    assert event["id"] == "72d3162e"
    [event] = read("gitlab", sample("gitlab"), {"x-gitlab-event-uuid": "b", "idempotency-key": "a"}).items
    assert event["id"] == "a"
    format_ = FormatBlock.model_validate({"map": {"message": "m"}, "id_header": "X-Id"})
    read_ = declared.read(format_, "x", b'[{"m": "a"}, {"m": "b"}]', {"x-id": "d"}, service="s")
    assert [item["id"] for item in read_.items if isinstance(item, dict)] == ["d:0", "d:1"]


@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"{", b"[]]", b"\xff\xfe", b"NaN", b"null", b"5", b'"x"', b"[" * 5_000, b"{}", b"[]"],
)
@pytest.mark.parametrize("name", FORMATS)
def test_what_is_no_body_of_a_format_is_refused_in_a_sentence(name: str, body: bytes) -> None:
    """An invalid body is refused with a sentence without an echo."""
    with pytest.raises(Malformed) as caught:
        read(name, body)
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_mutated_body_is_read_or_refused(name: str, data: st.DataObject) -> None:
    """A sample with any value at any place gives events, rejections or a refusal."""
    body = sample(name)
    for _ in range(data.draw(st.integers(1, 4))):
        places = list(_places(body))
        body = changed(body, data.draw(st.sampled_from(places)), data.draw(JSON))
    try:
        items = read(name, body).items
    except Malformed:
        return
    for one in judged(items):
        assert not isinstance(one, Rejection) or one.message


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Any:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from _places(inner, (*path, key))


def test_a_thousand_alerts_fit() -> None:
    """Of a larger body the first thousand alerts are accepted, and the rest is counted."""
    body = sample("alertmanager")
    body["alerts"] = [body["alerts"][0]] * MAX_EVENTS
    assert len(read("alertmanager", body).items) == MAX_EVENTS
    body["alerts"] *= 2
    taken = read("alertmanager", body)
    assert len(taken.items) + taken.dropped[declared.OVER_BUDGET] == 2 * MAX_EVENTS
    assert "left out" in taken.warnings[0]


def test_one_huge_item_costs_no_other() -> None:
    """A too large item is dropped alone."""
    body = sample("alertmanager")
    body["alerts"][0]["annotations"] = {f"a{n}": n for n in range(declared.NODES)}
    taken = read("alertmanager", body)
    assert (len(taken.items), dict(taken.dropped)) == (1, {declared.OVER_BUDGET: 1})


def test_long_fingerprints_stay_apart() -> None:
    """A long fingerprint is replaced by its digest, not truncated."""
    format_ = FormatBlock.model_validate({"map": {"message": "m", "fingerprint": "f"}})
    bodies = [json.dumps({"m": "x", "f": "x" * 2_000 + end}).encode() for end in "ab"]
    first, second = (judged(declared.read(format_, "x", body, {}, service="s").items)[0] for body in bodies)
    assert first.event.fingerprint != second.event.fingerprint


def test_lines_are_bodies_of_their_own() -> None:
    """Lines of NDJSON are separate bodies."""
    format_ = FormatBlock.model_validate({"map": {"message": "m", "service": "app"}})
    taken = declared.read(
        format_,
        "x",
        b'{"m": "a", "app": "s"}\n\n{"m": "b"}\n',
        {"content-type": "application/x-ndjson"},
        service=None,
    )
    assert [(item["message"], item["service"]) for item in taken.items if isinstance(item, dict)] == [
        ("a", "s"),
        ("b", "unknown"),
    ]
    assert len(taken.warnings) == 1


def test_a_bad_line_costs_no_other() -> None:
    """Invalid lines are counted, and others accepted."""
    format_ = FormatBlock.model_validate({"map": {"message": "m"}, "detect": "m"})
    taken = declared.read(
        format_, "x", b'{"m": "a"}\n{\n{"n": 1}\n', {"content-type": "application/x-ndjson"}, service="s"
    )
    assert len(taken.items) == 1
    assert dict(taken.dropped) == {declared.UNREADABLE: 1, declared.NOT_DETECTED: 1}
    assert len(taken.warnings) == 2


def test_what_is_written_stands_over_what_notifier_brings() -> None:
    """A configured format overrides a shipped one key by key; another verification replaces all of its keys."""
    read_ = TypeAdapter(FormatBlocks).validate_python(
        {
            "github": {"verify": {"secret": "s"}},
            "gitlab": {
                "verify": {"type": "standard-webhooks", "secret": "s"},
                "map": {"service": "project.name"},
            },
            "sns": {"verify": None},
        }
    )
    github, gitlab, sns = (read_[name] for name in ("github", "gitlab", "sns"))
    assert github.verify is not None
    assert (github.verify.header, github.verify.prefix) == ("x-hub-signature-256", "sha256=")
    assert github.sample is not None
    assert gitlab.verify is not None
    assert (gitlab.verify.type, gitlab.verify.header, gitlab.sample) == ("standard-webhooks", None, None)
    assert gitlab.map.message == named("gitlab").map.message
    assert sns.verify is not None
    assert sns.verify.type == "sns"


def test_what_notifier_sends_as_alertmanager_it_takes() -> None:
    """A notifier's Alertmanager webhook is accepted by another, with equal identities for firing and resolved."""
    opened = json.loads(alertmanager.payload(message(), receiver="r", url=None))
    over = message_about(incident(state=State.RESOLVED, resolved_at=NOW), Reason.RESOLVED)
    ended = json.loads(alertmanager.payload(over, receiver="r", url=None))
    first, last = (judged(read("alertmanager", body).items)[0].event for body in (opened, ended))
    assert (first.service, first.severity.value, first.status) == ("billing", "error", "firing")
    assert (last.status, last.fingerprint) == ("resolved", first.fingerprint)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-11-27T12:00:00Z", "2026-11-27T12:00:00Z"),
        ("2026-11-27 12:00:00 UTC", "2026-11-27T12:00:00Z"),
        ("2026-11-27 12:00:00.5", "2026-11-27T12:00:00.500Z"),
        ("2026-11-27T13:00:00.123456789+0100", "2026-11-27T12:00:00.123Z"),
        ("2026-11-27 12:00", "2026-11-27T12:00:00Z"),
        (1_795_780_800, "2026-11-27T12:00:00Z"),
        (1_795_780_800_000, "2026-11-27T12:00:00Z"),
        (1_795_780_800_000_000_000, "2026-11-27T12:00:00Z"),
        ("1795780800", "2026-11-27T12:00:00Z"),
        (1_795_780_800.25, "2026-11-27T12:00:00.250Z"),
        ("0001-01-01T00:00:00Z", None),
        ("2026-13-01T00:00:00Z", None),
        ("yesterday", None),
        (True, None),
        (-5, None),
        (10**300, None),
        ([], None),
    ],
)
def test_moments(written: Any, expected: str | None) -> None:
    """Every spelling of a time is parsed or ignored."""
    assert as_rfc3339(written) == expected


SECRET = "s3cr3t-\u00fc"
BODY = b'{"a": 1}'


def mac(body: bytes = BODY) -> bytes:
    return hmac.digest(SECRET.encode(), body, hashlib.sha256)


@pytest.mark.parametrize(
    ("verify", "headers", "good"),
    [
        ({"header": "X-Sig", "prefix": "sha256="}, {"x-sig": f"sha256={mac().hex()}"}, True),
        ({"header": "X-Sig", "prefix": "sha256="}, {"x-sig": f"sha256={mac().hex().upper()}"}, True),
        ({"header": "X-Sig", "prefix": "sha256="}, {"x-sig": mac().hex()}, False),
        ({"header": "X-Sig", "prefix": "sha256="}, {"x-sig": f"sha256={mac(b'other').hex()}"}, False),
        ({"header": "X-Sig", "prefix": "sha256="}, {}, False),
        ({"header": "X-Sig", "encoding": "base64"}, {"x-sig": base64.b64encode(mac()).decode()}, True),
        ({"header": "X-Sig"}, {"x-sig": ""}, False),
        ({"header": "X-Sig"}, {"x-sig": "\xff\x00"}, False),
        (
            {"type": "token", "header": "X-Gitlab-Token"},
            {"x-gitlab-token": SECRET.encode().decode("latin-1")},
            True,
        ),
        ({"type": "token", "header": "X-Gitlab-Token"}, {"x-gitlab-token": "s3cr3t"}, False),
        ({"type": "token", "header": "X-Gitlab-Token"}, {}, False),
    ],
)
def test_a_request_is_vouched_for_or_not(verify: Any, headers: Mapping[str, str], good: bool) -> None:
    """A signature of the body or a token verifies a request, with any of several secrets."""
    for secret in (SECRET, ["another", SECRET]):
        block = VerifyBlock.model_validate({**verify, "secret": secret})
        assert verified(block, headers, BODY, NOW) == good
    assert not verified(VerifyBlock.model_validate({**verify, "secret": "another"}), headers, BODY, NOW)
    assert verified(VerifyBlock.model_validate(verify), headers, BODY, NOW)


def test_standard_webhooks_are_verified_as_their_library_signs_them() -> None:
    """One of several signatures, within five minutes, verifies a request."""
    from datetime import UTC, datetime  # noqa: PLC0415

    secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    block = VerifyBlock.model_validate({"type": "standard-webhooks", "secret": secret})
    at = datetime.fromtimestamp(NOW // 1_000, UTC)
    signature = Webhook(secret).sign("msg_1", at, BODY.decode())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(NOW // 1_000),
        "webhook-signature": f"v1a,x {signature}",
    }
    assert verified(block, headers, BODY, NOW)
    assert verified(block, headers, BODY, NOW + 4 * MINUTE)
    assert not verified(block, headers, BODY, NOW + 6 * MINUTE)
    assert not verified(block, headers, BODY + b" ", NOW)
    for name in headers:
        for value in ("", "x", "\xff", "9" * 50, "v1", "v1,"):
            assert not verified(block, {**headers, name: value}, BODY, NOW)
