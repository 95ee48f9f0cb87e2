"""Secrets go by the key they stand under and by their shape; what only looks like one stays."""

from __future__ import annotations

import json

import pytest

from notifier.domain.matcher import parse_all
from notifier.ingest.scrub import (
    SCRUBBED,
    is_suspicious_id,
    names_secret,
    scrub,
    scrub_matchers,
    scrub_text,
    suspicious,
)


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "passwd",
        "db_password",
        "userPassword",
        "PASSWORD",
        "password2",
        "pass-phrase",
        "pwd",
        "secret",
        "client_secret",
        "clientsecret",
        "token",
        "authToken",
        "X-Auth-Token",
        "access_token",
        "accesstoken",
        "APIKey",
        "api-key",
        "x-api-key",
        "private_key",
        "AWS_SECRET_ACCESS_KEY",
        "Authorization",
        "cookie",
        "Set-Cookie",
        "sessionid",
        "session",
        "session_id",
        "csrf_token",
        "dsn",
        "credentials",
        "jwt",
    ],
)
def test_keys_that_name_a_secret(key: str) -> None:
    """Whatever its separators and case; and the pre-filter sees it in the raw body."""
    assert names_secret(key)
    raw = {key: "hunter", "n": [{key: 12345}]}
    assert scrub(raw) == {key: SCRUBBED, "n": [{key: SCRUBBED}]}
    assert suspicious(json.dumps(raw).encode())


@pytest.mark.parametrize(
    "key",
    [
        "tokens_used",
        "author",
        "authored",
        "token_count",
        "password_length",
        "secretary",
        "order_id",
        "monkey",
        "keyboard",
        "token_type",
    ],
)
def test_keys_that_only_look_like_it(key: str) -> None:
    """A count of tokens is what an engineer needs to see."""
    assert scrub({key: "seven"}) == {key: "seven"}


def test_truth_values_and_null_say_nothing() -> None:
    """Whether a password was given is worth knowing."""
    assert scrub({"password": None, "token": True}) == {"password": None, "token": True}


SECRETS = {
    "bearer": ("Bearer abc.def-123", "abc.def"),
    "bearer word": ("bearer supersecrettoken", "supersecret"),
    "basic": ("Basic dXNlcjpwYXNzMTIz", "dXNl"),
    "jwt": ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln back", "eyJ"),
    "aws": ("AKIAIOSFODNN7EXAMPLE", "AKIA"),
    "slack token": ("xoxb-1234567890-abcdef", "1234567890"),
    "slack hook": ("https://hooks.slack.com/services/T000/B000/XXXX", "T000"),
    "ours": ("ntf_abcdefghijklmnopqrstuvwxyz012345", "ntf_abc"),
    "webhook": ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ"),
    "github": ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "ghp_"),
    "gitlab": ("glpat-abcdefghijklmnopqrst", "glpat"),
    "stripe": ("sk_live_abcdefghijklmnop", "abcdefgh"),
    "openai": ("sk-proj-abcdefghijklmnopqrst", "abcdefgh"),
    "pem": ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIE"),
    "cut pem": ("-----BEGIN PRIVATE KEY-----\nMIIEow", "MIIE"),
    "url": ("postgres://shop:s3cr3t@db:5432/shop", "s3cr3t"),
    "url without user": ("redis://:s3cr3t@db", "s3cr3t"),
    "card": ("card 4111 1111 1111 1111 refused", "1111"),
    "query": ("GET /x?token=abcdef123&y=1", "abcdef123"),
    "assignment": ("password = 'hunter2 and more'", "hunter2"),
    "prose password": ("password: hunter", "hunter"),
    "dict": ("{'api_key': 'q9w8e7'}", "q9w8e7"),
    "header": ("Authorization: Digest abc", "Digest"),
    "cookie": ("Cookie: a=b; sid=zzz", "zzz"),
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS.keys())
def test_shapes_that_are_secrets(text: str, secret: str) -> None:
    """Each goes wherever it stands, twice scrubbed is once scrubbed, and the pre-filter sees it in the raw body."""
    for around in (text, f"x {text}", f"\n{text}\t"):
        clean = scrub_text(around)
        assert secret not in clean
        assert SCRUBBED in clean
        assert scrub_text(clean) == clean
        assert suspicious(json.dumps({"message": around}).encode())


@pytest.mark.parametrize(
    "text",
    [
        "upstream timed out after 30s",
        "invalid token: expected identifier",
        "basic auth is off",
        "task_id 0192f0c1-1111-7000-8000-000000000000",
        "session closed; disk-full-on-the-first-node",
        "order 4111111111111112",
        "https://wiki.example.com/runbooks, mail a@b.c",
        "token == other",
    ],
)
def test_texts_that_stay(text: str) -> None:
    """Scrubbing what an engineer needs is a failure too."""
    assert scrub_text(text) == text


def test_a_card_as_a_number_is_a_card() -> None:
    """JSON carries it without quotes just as well."""
    assert scrub([4111111111111111, 1763787600000000]) == [SCRUBBED, 1763787600000000]


@pytest.mark.parametrize("raw", [rb'{"\u0070assword": "x"}', rb'{"u": "https:\/\/hooks"}'])
def test_an_escape_may_hide_a_secret(raw: bytes) -> None:
    """The pre-filter reads bytes, not JSON: where an escape could stand for a letter it asks for the walk."""
    assert suspicious(raw)


def test_an_ordinary_event_needs_no_walk() -> None:
    """Or the pre-filter would save nothing."""
    raw = b'{"id": "00000000-0000-7000-8000-000000000000", "service": "billing", "message": "order 1842 failed"}'
    assert not suspicious(raw)


@pytest.mark.parametrize(
    "text", ["41111111-1111-4111-8111-111111111111", "5500000000-0000-4000-8000-000000000004"[2:]]
)
def test_a_uuid_is_no_card(text: str) -> None:
    """Whatever its digits: an id of an event or a run is kept, and what looks like one in a longer text is not."""
    assert len(text) == 36
    assert scrub({"id": text}) == {"id": text}
    assert not is_suspicious_id(text)
    assert is_suspicious_id(f"card 4111 1111 1111 1111 {text}")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ('token="hunter2"', 'token="[scrubbed]"'),
        ("api_key=abcdefgh", 'api_key="[scrubbed]"'),
        ('password!="correct horse"', 'password!="[scrubbed]"'),
        ('dsn="postgres://app:hunter2@db/shop"', 'dsn="[scrubbed]"'),
        ('url="https://app:hunter2@db.example.com/"', 'url="https://app:[scrubbed]@db.example.com/"'),
        ('note="card 4111 1111 1111 1111"', 'note="card [scrubbed]"'),
        ('"ghp_0123456789abcdefghij"="x"', '[scrubbed]="x"'),
        ('{service="a", token="x\\"y"}', '{service="a", token="[scrubbed]"}'),
        ('{secret="hunter2"}', 'secret="[scrubbed]"'),
        ('token="[scrubbed]"', 'token="[scrubbed]"'),
    ],
)
def test_matchers_are_kept_as_labels_are(written: str, kept: str) -> None:
    """What equals a secret equals what is kept of it, and so still meets an event with that label."""
    assert scrub_matchers(written) == kept
    assert parse_all(scrub_matchers(kept)) == parse_all(kept)
    for before, after in zip(parse_all(written), parse_all(kept), strict=True):
        ((name, value),) = scrub({before.name: before.value}).items()
        assert after.matches({name: value}) == before.matches({before.name: before.value})


@pytest.mark.parametrize(
    "text",
    [
        'token=~"hunter.+"',
        'token!~"x|y"',
        'token=""',
        'token!=""',
        'session="true"',
        'service = "billing"',
        "service=billing",
        '{a="b", c=~"d"}',
        "nonsense",
        '{token="x"',
        'tokens_used="5"',
    ],
)
def test_matchers_without_secrets_stay_as_they_are_written(text: str) -> None:
    """Patterns, labels that are missing, truth values, and what is no matcher and will be refused."""
    assert scrub_matchers(text) == text
