"""The manual's lines for the demo, run by a shell: each does what its row says."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

from notifier.manual.chapters import chapter_at
from tests.acceptance.test_demo import Demo
from tests.processes import eventually

# In the order of the chapter's rows: where something arrives, and what it says.
TOLD = (
    ("slack", "item 3 is odd"),
    ("slack", "the upstream is too busy"),
    ("email", "there is no account for user -1"),
    ("webhook", "a long report is ready"),
    ("slack", "the warehouse does not answer"),
)


DEMO = chapter_at("guides/demo")
assert DEMO is not None
TEXT = DEMO.text


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = Demo(tmp_path_factory.mktemp("demo")).start()
    yield running
    assert running.stop(signal.SIGTERM) == 0, running.err
    assert running.left_behind == []


def lines() -> list[str]:
    """The commands of the table's first column, as a shell reads them."""
    rows = re.findall(r"^\| (`(?:curl|printf).*?`) \| ", TEXT, re.MULTILINE)
    return [row.strip("`").replace("\\|", "|") for row in rows]


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_every_line_ends_in_its_message(demo: Demo) -> None:
    assert len(lines()) == len(TOLD)
    for line, (kind, words) in zip(lines(), TOLD, strict=True):
        command = line.replace("http://127.0.0.1:8001", demo.url("application"))
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, (command, done.stderr)
        demo.wait_message(kind, words)
    fatal = f"curl -sX POST '{demo.url('application')}/process-data?fail=true'"
    assert subprocess.run(["sh", "-c", fatal], check=False, timeout=30).returncode == 0
    both = {one["kind"] for one in demo.messages() if "there is no account for user -1" in str(one)}
    assert both == {"email", "slack"}


def test_the_addresses_answer(demo: Demo) -> None:
    """The inbox's page and the dashboard, at the ports that the chapter names as the defaults."""
    assert "http://127.0.0.1:8025/" in TEXT
    assert "http://127.0.0.1:8001/dashboard" in TEXT
    for address in (demo.url("inbox"), f"{demo.url('application')}/dashboard"):
        command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", address]
        eventually(lambda command=command: subprocess.check_output(command, text=True) == "200")
