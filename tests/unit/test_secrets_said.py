"""Secrets as people and programs write them, for the service and for the client; and what is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import pytest

from notifier.client.capture import scrub as client
from notifier.ingest import scrub as service
from tests.cost import costs_less_than

BOTH = pytest.mark.parametrize(
    "scrub_text", [service.scrub_text, client.scrub_text], ids=["service", "client"]
)
HEX = "0123456789abcdef"
LETTERS = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGh"

# Texts with `@` for the secret.
SAID = {
    "hunter2": (
        "the password is @", "Password was @, please change", "login with password @ failed",
        "user ann password @",
        "password for ann: @", "password set to @", "password -> @", "password\t@",
        "Your temporary password is: @",
        "pw=@", "passwort: @", "Kennwort=@", "mot de passe : @", "contrasena=@", "contraseña: @",
        "senha: @", "пароль: @",
        "密码: @", "パスワード: @", "{'password': b'@'}", "password=SecretStr('@')", "('password', '@')",
        "password%3D@%26x%3D1",
        "user%5Bpassword%5D=@", "%22password%22%3A%22@%22", "- name: DB_PASSWORD\n  value: @",
        "PASSWORD('@')", "zip -P @ x.zip",
        "ldapsearch -D cn=x -w @ -b dc", "smbclient -U ann%@", "htpasswd -b file ann @",
        "ann:@@db:5432/shop".replace("@@", "@\0"),
        "password=@", "password is '@'",
    ),
    "swordfish": ("the password is @", "password: @", "password set to @"),
    "4711": ("pin=@", "PIN: @", "pin code: @", "pin_code=@", '{"pin": "@"}', "userPin=@"),
    "123456": (
        "otp: @", "OTP code @", "your OTP is @", "verification code: @", "2fa code: @", "mfa_code=@", "totp=@",
        "security_code=@",
    ),
    "9f86d081abcd": (
        "token is @", "invalid token @", "token @ expired", "Invalid API key: @", "api key @ is unknown",
        "connect.sid=@",
        "X-Amz-Security-Token: @", "code_verifier=@", "aws configure set aws_secret_access_key @",
        "creds=@", "passkey=@",
    ),
    HEX * 2: (
        "https://@@o1.ingest.sentry.io/2".replace("@@", "@\0"), "https://@:x@sentry.example.com/2", "SK@",
        "key-@",
        "https://x.example/?appid=@", "https://x.example/reset-password/@",
    ),
    LETTERS: (
        "re_12345678_@", "HRKU-@", "nvapi-@", "phx_@", "tvly-@", "vercel_blob_rw_@",
        "EAAC@@".replace("@@", "@" + LETTERS),
        "CLOUDFLARE_API_TOKEN @",
    ),
    "dXNlcjpwYXNzMTIz": ("auth: @", '"auth": "@="'),
    "123-45-6789": ("SSN: @", "social security number @"),
}  # fmt: skip

INNOCENT = (
    "password_reset_sent to ann", "token expired", "the secretary called", "pin code required",
    "keyboard layout de",
    "order 4111111111111112", "PIN required", "pin: invalid", "spinning up", "shipping=4711",
    "mapping: 4711", "otp expired",
    "OTP sent to ann", "otp attempts: 3", "verification code sent to bob", "password is wrong",
    "password is too short",
    "password was changed", "password has expired", "password does not match", "bad password attempt 3",
    "with password authentication", "password uses sha256", "password for user bob not found",
    "token has been revoked",
    "token of user 1842 expired", "token refresh failed", "secret shop-tls not found",
    "secret db1-login is missing",
    "API key is invalid", "Incorrect API key provided", "sessions: 17", "GPIO pin 17",
    "pin 4 of the connector is bent",
    "last_password_change=2026-11-22", "token_endpoint=https://x.example/token", "cookie_domain=example.com",
    "secret_arn=arn:aws:secretsmanager:eu-west-1:1:secret:x", "secretRef=shop-tls", "password: [hidden]",
    "password: ~",
    "password=[FILTERED]", "token=%TOKEN%", "https://bob@example.com/x", "ssh://deploy@host:22",
    "mailto:bob@example.com",
    "https://medium.com/@someauthor/title-8f3a2b1c", "className=orders", "authority=x.example", "auth=none",
    "sid=17",
    "auth: disabled", "author: ann", "credits=17", "upward=3", "re_run_all_the_jobs_of_today",
    "s.length is 3", "key-value",
    "fc-cache is stale", "partition_key=orders", "cache_key=orders:17", "npm ERR! code E404", "code=E1001",
    "Passwort falsch",
    "mot de passe incorrect", "('user', 'password', 'email')", '["password", "email"]',
    "reset/orders of the queue",
)  # fmt: skip


def _texts() -> list[tuple[str, str]]:
    return [
        (text.replace("@", secret, 1).replace("\0", "@"), secret)
        for secret, texts in SAID.items()
        for text in texts
    ]


@BOTH
def test_a_secret_that_is_said_leaves(scrub_text: Callable[[str], str]) -> None:
    """In a text of its own, in another one, and in JSON; the second time finds nothing."""
    left = []
    for text, secret in _texts():
        for around in (text, f"it failed: {text}", json.dumps({"a": text}, ensure_ascii=False)):
            clean = scrub_text(around)
            if secret in clean or scrub_text(clean) != clean:
                left.append((around, clean))
    assert left == []


def test_the_first_look_sees_what_the_rules_see() -> None:
    """What the pass over raw bytes misses is never scrubbed."""
    assert [
        text
        for text, _ in _texts()
        if not service.suspicious(json.dumps({"message": text}, ensure_ascii=False).encode())
    ] == []


@BOTH
def test_what_only_looks_like_one_stays(scrub_text: Callable[[str], str]) -> None:
    """Scrubbing what an engineer needs is a failure too."""
    assert [(text, clean) for text in INNOCENT if (clean := scrub_text(text)) != text] == []


def test_a_value_that_another_one_names_leaves() -> None:
    """As Kubernetes lists settings, and as servers keep headers."""
    for scrub in (service.scrub, client.scrub):
        assert scrub({"name": "DB_PASSWORD", "value": "x"}) == {
            "name": "DB_PASSWORD",
            "value": service.SCRUBBED,
        }
        assert scrub({"name": "REGION", "value": "eu"}) == {"name": "REGION", "value": "eu"}
        assert scrub([["cookie", "a=b1"]]) == [["cookie", service.SCRUBBED]]
        assert scrub(["password", "email"]) == ["password", "email"]
        assert scrub({"pin": 4711, "пароль": "x", "pinned": 1}) == {
            "pin": service.SCRUBBED, "пароль": service.SCRUBBED, "pinned": 1,
        }  # fmt: skip


def test_a_hostile_text_costs_its_length() -> None:
    """Names without secrets, one behind the other, were each read to the text's end: 4 s for 40 kB."""
    for text in ("a:" * 20_000, "?key=1" * 5_000):
        assert service.scrub_text(text) == text
        assert costs_less_than(1, partial(service.scrub_text, text))
