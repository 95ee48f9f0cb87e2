"""A configuration that cannot be used: every problem at once, with its place, before anything is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes import cli

BROKEN = """\
channels:
  mail:
    type: email
    smtp: {host: smtp.example.com, password_file: /nonexistent/secret, username: ada}
    from: notifier@example.com
    to: [oncall@example.com]
  shout: {type: megaphone}
route:
  channels: [mail, pager]
  group_wiat: 10s
"""


def test_every_problem_of_a_configuration_is_told_at_once(tmp_path: Path) -> None:
    """`check` lists a misspelt key, an undefined channel, an unreadable secret with their places; `serve` exits 2."""
    config = tmp_path / "broken.yaml"
    config.write_text(BROKEN)
    checked = cli("check", "--config", str(config), folder=tmp_path)
    assert checked.returncode == 1
    places = [line.split(": ")[0] for line in checked.stdout.splitlines() if "(warning)" not in line]
    assert all(place.startswith(str(config)) and place.count(":") == 2 for place in places), checked.stdout
    lines = {int(place.split(":")[1]) for place in places}
    assert {4, 7, 9, 10} <= lines
    assert "group_wait" in checked.stdout  # the key that was meant
    assert "pager" in checked.stdout
    assert "Traceback" not in checked.stdout + checked.stderr
    served = cli("serve", "--config", str(config), folder=tmp_path)
    assert served.returncode == 2
    for place in places:
        assert place in served.stderr
    assert not (tmp_path / "notifier.db").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("channels: [", ":1:"),
        ("\tchannels: x", ":1:"),
        ("a: &a [*a]", ":1:"),
        ("route: {channels: ['${NO_SUCH_VARIABLE_HERE}']}", "NO_SUCH_VARIABLE_HERE"),
        ("server: {port: 99999999}", ":1:"),
        ("inhibit: 5", ":1:"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    """Broken YAML, an unset variable, what is no list: exit 1 from `check`, with the place."""
    config = tmp_path / "broken.yaml"
    config.write_text(text)
    checked = cli("check", "--config", str(config), folder=tmp_path)
    assert checked.returncode == 1
    assert says in checked.stdout
    assert "Traceback" not in checked.stdout + checked.stderr


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    """`serve` with a configuration that is not there exits 2 and names it."""
    served = cli("serve", "--config", str(tmp_path / "none.yaml"), folder=tmp_path)
    assert served.returncode == 2
    assert "none.yaml" in served.stderr
    assert "Traceback" not in served.stderr
