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
    status, out, _ = invoke("restore", "a", "backup")
    assert (status, out.split()[0]) == (0, "guides/backup")
    assert json.loads(invoke("rotate", "key", "--json")[1])["items"][0]["path"] == "guides/keys"


def test_a_client_s_installation_says_what_it_lacks() -> None:
    """Where the service is not installed, its reference is not, and the search does without; no hit exits 1."""
    assert "the extra `server` brings it" in installed_alone("metrics").stdout
    assert installed_alone("rotate", "key").stdout.startswith("guides/keys")
    missed = installed_alone("xyzzy")
    assert (missed.returncode, missed.stdout) == (1, "")
    assert "no chapter" in missed.stderr.lower()


def installed_alone(*words: str) -> subprocess.CompletedProcess[str]:
    """The command where only the client is installed."""
    blocked = ["fastapi", "pydantic", "prometheus_client", "msgspec", "yaml", "sqlalchemy", "starlette"]
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked})); from notifier.cli import main; "
        "sys.argv = ['notifier', 'manual', *sys.argv[1:]]; sys.exit(main())"
    )
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)
