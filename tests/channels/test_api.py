"""The module that other packages' kinds import, and the imports of 0.1.0."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from notifier.channels import api, base, kinds

CHANNELS = Path(base.__file__).parent
# The imports of a channel in the README of 0.1.0.
OF_0_1 = """\
from notifier.channels import wording
from notifier.channels.base import ChannelSettings, Kind
from notifier.channels.http import name_of, parse_url
from notifier.channels.outcomes import failure
from notifier.domain.delivery import Receipt
from notifier.channels import api
assert (wording.lines, wording.story) == (api.lines, api.render)
assert (ChannelSettings, Kind, Receipt) == (api.ChannelSettings, api.Kind, api.Receipt)
assert (name_of, parse_url, failure) == (api.name_of, api.parse_url, api.failure)
"""
# A webhook's bodies, and the process's own output, which the console alone writes to.
OWN_PARTS = ("notifier.channels.payloads", "notifier.telemetry.nonblocking_output")


def test_all_that_is_offered_is_there() -> None:
    """Each offered name exists, and nothing else is offered."""
    assert len(set(api.__all__)) == len(api.__all__)
    offered = {name for name in vars(api) if name.isidentifier() and not name.startswith("_")}
    assert offered - {"annotations"} == set(api.__all__)


@pytest.mark.parametrize("module", ["webhook", "console"])
def test_a_built_in_kind_could_be_anothers(module: str) -> None:
    """A built-in kind imports from notifier only what is offered to others, and its own parts."""
    tree = ast.parse((CHANNELS / f"{module}.py").read_text())
    taken = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("notifier")
        and not (node.module or "").startswith(OWN_PARTS)
        for alias in node.names
    }
    words = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "wording"
    }
    # The length of a note is only a number.
    assert (taken - {"wording"}) | (words - {"NOTE"}) <= set(api.__all__)


def test_a_package_s_kind_is_the_kind_that_is_offered() -> None:
    """The registry requires the same `Kind` that is offered."""
    assert all(isinstance(kind, api.Kind) for kind in kinds.BUILT_IN.values())


def test_what_the_first_readme_imported_goes_on_with_a_warning(tmp_path: Path) -> None:
    """Until 0.3 the old imports give the same objects, with a warning that points to the importing line."""
    done = imported(tmp_path, "always")
    assert done.returncode == 0, done.stderr
    assert "notifier_pager.py:1: DeprecationWarning: notifier.channels.wording goes in 0.3" in done.stderr
    assert done.stderr.count("DeprecationWarning") == 1


def test_a_package_whose_tests_refuse_what_goes_learns_it(tmp_path: Path) -> None:
    """With warnings as errors, the message says what to import instead."""
    done = imported(tmp_path, "error")
    assert done.returncode == 1
    assert "import `lines`, and `render` for `story`, from notifier.channels.api" in done.stderr


def imported(folder: Path, action: str) -> subprocess.CompletedProcess[str]:
    """Import a channel of 0.1 in a process, with deprecations shown or as errors."""
    (folder / "notifier_pager.py").write_text(OF_0_1)
    command = [sys.executable, "-W", f"{action}::DeprecationWarning", "-c", "import notifier_pager"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(CHANNELS.parents[1])])}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
