"""The keys that are secrets, as the types of a kind declare, and may be read from files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, Secret, SecretBytes, SecretStr

from notifier.channels import registry
from notifier.domain.errors import ConfigError
from notifier.settings import secrets
from notifier.settings.loading import load


class Trust(BaseModel):
    ca: SecretStr | None = None
    ca_file: str | None = None
    key: Annotated[SecretBytes, Field(min_length=1)] | None = None
    cert: str = ""


class Pager(BaseModel):
    """A kind of another package."""

    token: SecretStr
    number: Secret[int] | None = None
    tokens: tuple[Annotated[SecretStr, Field(min_length=1)], ...] = ()
    headers: dict[str, SecretStr] = {}
    labels: dict[str, str] = {}
    name: str = "pager"
    log_file: str = ""
    tls: Trust | None = None
    each: list[Trust] = []
    by_name: dict[str, Trust] = {}
    renamed: Annotated[SecretStr | None, Field(alias="pass")] = None


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        (("token",), True),
        (("number",), True),
        (("tokens",), True),
        (("headers", "Authorization"), True),
        (("tls", "key"), True),
        (("each", 0, "key"), True),
        (("by_name", "a", "key"), True),
        (("pass",), True),
        (("renamed",), False),
        (("tls", "ca"), False),
        (("each", 1, "ca"), False),
        (("headers",), False),
        (("labels", "log"), False),
        (("name",), False),
        (("log",), False),
        (("tls",), False),
        (("tls", "cert"), False),
        (("each", "key"), False),
        (("each",), False),
        (("tokens", 0), False),
        (("token", "deeper"), False),
        (("nothing",), False),
        (("nothing", "deeper", 0, "key"), False),
    ],
)
def test_the_types_say_what_is_secret(path: tuple[str | int, ...], secret: bool) -> None:
    """Secrets are recognized at every depth; `ca` is none, because `ca_file` is a key of its own."""
    assert secrets.is_secret(Pager, path) is secret


@pytest.mark.parametrize(
    ("kind", "path", "secret"),
    [
        ("email", ("smtp", "password"), True),
        ("email", ("smtp", "ca"), False),
        ("email", ("smtp", "username"), False),
        ("webhook", ("secret",), True),
        ("webhook", ("url",), True),
        ("webhook", ("allow_addresses",), False),
        ("slack", ("token",), True),
        ("slack", ("signing_secret",), True),
        ("slack", ("webhook_url",), True),
        ("slack", ("channel",), False),
        ("no-such-kind", ("token",), False),
    ],
)
def test_our_own_kinds_have_these(kind: str, path: tuple[str | int, ...], secret: bool) -> None:
    """The built-in kinds have exactly the documented secrets."""
    assert registry.is_secret(kind, path) is secret


def test_only_a_secret_s_file_is_read(tmp_path: Path) -> None:
    """Other keys that end in `_file` are passed on unread, at any depth."""
    (tmp_path / "secret").write_text("pa55word\n")
    (tmp_path / "n.yaml").write_text(
        "channels:\n  a:\n    type: pager\n    token_file: secret\n    log_file: /nowhere/a.log\n"
        "    tls: {ca: x, ca_file: /nowhere/ca.pem, key_file: secret}\n"
        "    each: [{ca_file: /nowhere/ca.pem}]\n    labels: {log_file: /nowhere, log: y}\n"
        "    headers: {Authorization_file: secret}\n"
        "route: {channels: [a]}\n"
    )
    loaded = load(str(tmp_path / "n.yaml"), {}, is_secret=lambda _kind, path: secrets.is_secret(Pager, path))
    assert loaded.channels["a"].options == {
        "token": "pa55word",
        "log_file": "/nowhere/a.log",
        "tls": {"ca": "x", "ca_file": "/nowhere/ca.pem", "key": "pa55word"},
        "each": [{"ca_file": "/nowhere/ca.pem"}],
        "labels": {"log_file": "/nowhere", "log": "y"},
        "headers": {"Authorization": "pa55word"},
    }


def test_a_kind_that_there_is_not_has_no_files_read(tmp_path: Path) -> None:
    """For an unknown kind no file is read, and the kind is the only problem."""
    (tmp_path / "n.yaml").write_text(
        "channels: {a: {type: pagr, token_file: /nowhere}}\nroute: {channels: [a]}\n"
    )

    def check(block: Any, _delivery: Any) -> Any:
        found = registry.validate(block, allow_private=False)
        return found if isinstance(found, tuple) else ()

    with pytest.raises(ConfigError) as caught:
        load(str(tmp_path / "n.yaml"), {}, check_channel=check, is_secret=registry.is_secret)
    [problem] = caught.value.problems
    assert "there is no such kind" in problem.message
