"""The conformance suite as a stranger has it: from a wheel, with pytest alone, beside the channel of the manual."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from site import getsitepackages

import pytest

from tests.snippets import block_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs, and nothing else of the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def suite(installed: Path, folder: Path, kind: str) -> subprocess.CompletedProcess[str]:
    """Run the manual's test of a kind, without the paths and plug-ins of this environment but its dependencies."""
    (folder / "notifier_ntfy.py").write_text(kind)
    (folder / "test_notifier_ntfy.py").write_text(block_of("guides/own-channel", "Its test", "python"))
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(installed), *getsitepackages()]),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    # Without `site`, the repository is not on the path.
    command = [sys.executable, "-S", "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_the_channel_of_the_manual_passes(installed: Path, tmp_path: Path) -> None:
    """Its two lines are all that it takes."""
    done = suite(installed, tmp_path, block_of("guides/own-channel", "A channel of your own", "python"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_a_channel_that_breaks_its_word_fails_by_name(installed: Path, tmp_path: Path) -> None:
    """One that takes any answer for a success, and states what it cannot."""
    honest = block_of("guides/own-channel", "A channel of your own", "python")
    kind = (
        honest.replace("if error := api.failure(reply.status, reply.retry_after):", "if False:")
        .replace("            raise error\n", "            pass\n")
        .replace("targets=", "can=api.Capabilities(threads=True, edits=True, max_bytes=100), targets=")
    )
    done = suite(installed, tmp_path, kind)
    assert done.returncode == 1, done.stdout + done.stderr
    for failed in ("outcome[503]", "truly[threads]", "truly[edits]", "truly[max_bytes]"):
        assert f"{failed}" in done.stdout
    for held in ("outcome[unreachable]", "truly[buttons]", "test_nothing_is_left_open"):
        assert held not in done.stdout


def test_the_manual_is_in_the_wheel(installed: Path) -> None:
    """Its chapters and pictures, as the commands of a client read them."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), *getsitepackages()])}
    program = (
        "from notifier.manual import chapters as m; "
        "print(m.__file__, len(m.chapters()), m.picture_at('explanation/timing.svg')[1])"
    )
    command = [sys.executable, "-S", "-P", "-c", program]
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout.split()
    assert said[0].startswith(str(installed))
    assert int(said[1]) > 30
    assert said[2] == "image/svg+xml"
