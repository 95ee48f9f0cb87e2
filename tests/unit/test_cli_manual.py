"""`notifier manual`: the contents, a chapter, and a search, without a service."""

from __future__ import annotations

import io
import json
import subprocess
import sys

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


def test_a_client_s_installation_says_what_it_lacks() -> None:
    """Where the service is not installed, its reference is not, and the search does without it."""
    blocked = ["fastapi", "pydantic", "prometheus_client", "msgspec", "yaml", "sqlalchemy", "starlette"]
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked})); from notifier.cli import main; "
        "sys.argv = ['notifier', 'manual', *sys.argv[1:]]; sys.exit(main())"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True
        ).stdout
        for words in (["metrics"], ["rotate", "key"])
    ]
    assert "the extra `server` brings it" in said[0]
    assert said[1].startswith("guides/keys")
