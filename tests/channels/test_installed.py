"""Kinds of installed packages, in a process: a broken one is reported and affects no other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.processes import cli

BROKEN = "import a_module_that_is_not_there\n"
CONFIG = """\
channels:
  a: {type: console}
  b: {type: %s}
  c: {type: webhook, url: "http://hooks.example.com/n"}
fallback: b
route: {channels: [a, c]}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder on the path, with a distribution whose channel cannot be imported."""
    info = tmp_path / "site" / "notifier_pager-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: notifier-pager\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[notifier.channels]\npager = notifier_pager:KIND\n")
    (tmp_path / "site" / "notifier_pager.py").write_text(BROKEN)
    return tmp_path / "site"


def test_a_broken_package_is_a_warning_while_nobody_uses_it(site: Path, tmp_path: Path) -> None:
    """`check` passes with a warning about the package."""
    config = tmp_path / "notifier.yaml"
    config.write_text(CONFIG % "console")
    done = cli("check", "--config", str(config), folder=tmp_path, environ=with_path(site))
    assert done.returncode == 0, done.stderr
    assert "the package notifier-pager" in done.stdout
    assert f"{config}:4:22: channels.c.url: http://" in done.stdout
    assert done.stdout.count("(warning)") == 2


def test_a_broken_package_is_a_problem_of_the_channel_that_uses_it(site: Path, tmp_path: Path) -> None:
    """`check` reports the place of the type, the package and the failed import."""
    config = tmp_path / "notifier.yaml"
    config.write_text(CONFIG % "pager")
    done = cli("check", "--config", str(config), folder=tmp_path, environ=with_path(site))
    assert done.returncode == 1
    assert f"{config}:3:7: channels.b.type: the package notifier-pager" in done.stdout
    assert "a_module_that_is_not_there" in done.stdout
    assert "Traceback" not in done.stderr


def with_path(site: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(site), str(Path(__file__).parents[2])])}
