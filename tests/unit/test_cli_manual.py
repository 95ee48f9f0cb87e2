"""`notifier manual`: the contents, a chapter, and a search, without a service."""

from __future__ import annotations

import io
import json

from notifier.cli import run
from notifier.cli.session import CommandSession


def invoke(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    session = CommandSession(environ={}, stdin=io.BytesIO(), stdout=out, stderr=err)
    return run(["manual", *arguments], session), out.getvalue(), err.getvalue()


def test_it_lists_its_chapters_and_opens_one() -> None:
    """Links are named by the word that opens them."""
    status, out, _ = invoke()
    assert status == 0
    assert "Email [guides/email]: a mail server" in out
    status, out, _ = invoke("email")
    assert status == 0
    assert out.startswith("Email\n")
    assert "      smtp: {host: smtp.example.com" in out
    assert "```" not in out
    assert json.loads(invoke("email", "--json")[1])["path"] == "guides/email"


def test_it_searches() -> None:
    """Where nothing answers, it says so and exits 1."""
    status, out, _ = invoke("restore", "a", "backup")
    assert (status, out.split()[0]) == (0, "guides/backup")
    assert json.loads(invoke("rotate", "key", "--json")[1])["items"][0]["path"] == "guides/keys"
    status, out, err = invoke("xyzzy")
    assert (status, out) == (1, "")
    assert "no chapter" in err.lower()
