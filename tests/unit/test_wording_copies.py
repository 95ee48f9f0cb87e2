"""What is copied runs nothing, wherever it is pasted."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from notifier.domain.incident import Incident
from notifier.domain.severity import Severity
from notifier.domain.state import State
from notifier.wording import copies

HOSTILE = (
    "'; touch ran; '",
    "$(touch ran) `touch ran` ${HOME} $((1+1))",
    "\\'; touch ran #",
    "'\"'\"'; touch ran; '",
    "\n\ntouch ran\n",
    "\x1b[201~touch ran\r\n\x1b[200~",
    "!touch!! !$ !-1",
    "EOF\ntouch ran\n",
    "| touch ran & touch ran > ran < ran * ? [a] ~ {a,b} \\",
    "````\n</textarea><script>touch</script>\n```",
    "\u202e\u2028\u0085\u00ad\U000e0041 \U0001f600 é \x7f\x00",
    "@/etc/passwd",
    "%s %n \\u0027 \\x27 \\047 \\\\'",
)


def incident(text: str, **changes: Any) -> Incident:
    event = {
        "id": "one",
        "service": text,
        "message": text,
        "context": {text[:200]: text, "deep": [text, {"a": text}]},
        "exception": {
            "type": text,
            "message": text,
            "frames": [{"file": text, "code": text}],
            "notes": [text],
        },
    }
    values: dict[str, Any] = {
        "id": "0193-id",
        "number": 142,
        "project": "shop",
        "environment": text,
        "fingerprint": "f",
        "title": text,
        "state": State.ACKNOWLEDGED,
        "severity": Severity.ERROR,
        "labels": {"service": text, text: text},
        "count": 3,
        "first_seen": 0,
        "last_seen": 60_000,
        "acknowledged_by": text,
        "url": "https://n.example/incidents/142",
        "latest_event": event,
    }
    return Incident(**(values | changes))


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    """A real shell beside a program called `curl` that writes down its arguments, in a folder that stays empty."""
    tools, home = tmp_path / "tools", tmp_path / "home"
    tools.mkdir()
    home.mkdir()
    curl = tools / "curl"
    curl.write_text('#!/bin/sh\nfor argument do printf "%s\\0" "$argument"; done\n')
    curl.chmod(0o755)

    def run(command: str, *, program: str = "sh") -> list[str]:
        done = subprocess.run(
            [f"/bin/{program}"],
            input=command.encode("utf-8", "surrogatepass") + b"\n",
            capture_output=True,
            cwd=home,
            env={"PATH": f"{tools}:/usr/bin:/bin", "NOTIFIER_KEY": "ntf_x"},
            timeout=60,
            check=True,
        )
        assert done.stderr == b""
        assert list(home.iterdir()) == []
        return done.stdout.decode().split("\0")[:-1]

    return run


@pytest.mark.parametrize("program", ["sh", "bash"])
def test_a_command_posts_the_event_as_it_is_and_runs_nothing_else(shell: Any, program: str) -> None:
    """Every payload in every field, typed into a real shell: its arguments are the document, and nothing else ran."""
    if not Path(f"/bin/{program}").exists():
        pytest.skip(f"there is no /bin/{program}")
    for text in HOSTILE:
        one = incident(text)
        command = copies.post_command(one, f"https://n.example/a'b;touch ran/{text}")
        assert command is not None
        assert command.isprintable()
        assert command.isascii()
        arguments = shell(command, program=program)
        document = json.loads(arguments[arguments.index("--data-binary") + 1])
        assert document == {name: value for name, value in (one.latest_event or {}).items() if name != "id"}
        assert arguments[:3] == ["-sS", "-H", "Authorization: Bearer ntf_x"]
        assert arguments[-1].startswith("https://n.example/a%27b;touch%20ran/")
        assert len(arguments) == 8


def test_no_quote_backslash_pair_or_exclamation_mark_is_left_between_the_quotes() -> None:
    """What fish and csh read within single quotes does not occur."""
    for text in HOSTILE:
        inside = copies.json_for_shells({"a": text})
        assert not set("'!") & set(inside)
        assert "\\\\" not in inside
        assert json.loads(inside) == {"a": text}


def test_an_event_that_is_too_long_for_a_command_has_none() -> None:
    """Its incident can still be asked for."""
    one = incident("x" * 40_000)
    assert copies.post_command(one, "https://n.example") is None
    assert copies.post_command(incident("x", latest_event=None), "https://n.example") is None
    assert copies.show_command(one, "https://n.example").endswith(" 'https://n.example/v1/incidents/0193-id'")


def test_markdown_keeps_what_was_said_in_code() -> None:
    """A fence is longer than any in the text, and outside of code stand our words alone."""
    for text in HOSTILE:
        copied = copies.as_markdown(incident(text))
        head, _, fenced = copied.partition("\n\n`")
        assert len(head.splitlines()) == 6
        outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", head)
        assert re.fullmatch(r"[A-Za-z0-9 *:,.<>/\n-]+", outside.replace("\n\n", "\n"))
        fence = "`" + fenced[: len(fenced) - len(fenced.lstrip("`"))]
        assert [line for line in copied.splitlines() if line.startswith(fence)] == [f"{fence}text", fence]
        assert copied.endswith(f"\n{fence}\n")
        assert "\x1b" not in copied
        assert "\u202e" not in copied


def test_json_is_the_documented_form_and_hides_nothing() -> None:
    """Read back it is the same, and every character in it can be seen."""
    for text in HOSTILE:
        one = incident(text)
        copied = copies.as_json(one)
        assert json.loads(copied) == one.as_json()
        assert all(character.isprintable() or character in "\n\u00ad" for character in copied)
