"""`notifier completion`, tried in the shells themselves where they are installed."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.unit.conftest import Shell

BASH = """\
source {script}
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _notifier; printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def _script(shell: Shell, name: str, folder: Path) -> Path:
    result = shell("completion", name)
    assert (result.status, result.err) == (0, "")
    script = folder / f"completion.{name}"
    script.write_text(result.out)
    return script


def _needs(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


CASES = [
    ("rel", {"reload", "release"}),
    ("incidents l", {"list"}),
    ("incidents unack", {"unacknowledge", "unack"}),
    ("incidents list --state re", {"resolved"}),
    ("incidents list --sort ", {"newest", "severity", "count", "last_seen"}),
    ("completion ", {"bash", "zsh", "fish"}),
    ("serve --ho", {"--hold"}),
]


@pytest.mark.parametrize(("typed", "offered"), CASES)
def test_bash_offers_what_may_follow(shell: Shell, tmp_path: Path, typed: str, offered: set[str]) -> None:
    """Commands, options and their choices."""
    script = _script(shell, "bash", tmp_path)
    words = " ".join(f"'{word}'" for word in ["notifier", *typed.split(" ")])
    done = subprocess.run(
        [_needs("bash"), "--norc", "-c", BASH.format(script=script, words=words)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert offered <= set(done.stdout.split())
    assert all(word.startswith(typed.rpartition(" ")[2]) for word in done.stdout.split())


@pytest.mark.parametrize(("typed", "offered"), CASES)
def test_fish_offers_what_may_follow(shell: Shell, tmp_path: Path, typed: str, offered: set[str]) -> None:
    """Each with its sentence."""
    fish = _needs("fish")
    script = _script(shell, "fish", tmp_path)
    environ = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run(
        [fish, "--no-config", "-c", f'source {script}; complete -C "notifier {typed}"'],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=environ,
    )
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert offered <= {line[0] for line in lines}


def test_zsh_offers_what_may_follow(shell: Shell, tmp_path: Path) -> None:
    """At a prompt: the key is pressed, and the line is completed."""
    zsh = _needs("zsh")
    script = _script(shell, "zsh", tmp_path)
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update({"HOME": str(tmp_path), "TERM": "dumb", "PS1": "> "})
        os.execv(zsh, ["zsh", "-f", "-i"])
    try:
        os.write(terminal, f"autoload -Uz compinit; compinit -u -D; source {script}; echo rea''dy\n".encode())
        assert "ready" in _until(terminal, "ready")
        os.write(terminal, b"notifier incidents unsn\t")
        assert "unsnooze" in _until(terminal, "unsnooze")
        os.write(terminal, b"\x15notifier incidents list --state ackn\t")
        assert "acknowledged" in _until(terminal, "acknowledged")
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)


def _until(terminal: int, text: str) -> str:
    seen, deadline = "", time.monotonic() + 60
    while text not in seen and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 65536).decode(errors="replace")
    return seen
