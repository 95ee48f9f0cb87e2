"""Traces that the languages print just now, where they are installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from notifier.ingest.traces import in_message

pytestmark = pytest.mark.slow

PYTHON = """\
def look_up(): return {}["sku"]
def charge():
    try: look_up()
    except KeyError as error: raise ValueError("no card\\nat all") from error
charge()
"""
NODE = """\
function lookUp() { return undefined.sku; }
function charge() { try { lookUp(); } catch (error) { throw new RangeError("no card\\nat all", {cause: error}); } }
charge();
"""
RUBY = """\
def look_up = {}.fetch(:sku)
def charge
  look_up
rescue KeyError
  raise ArgumentError, "no card\\nat all"
end
charge
"""
PHP = """\
<?php
function look_up() { throw new LogicException("no sku"); }
function charge() {
    try { look_up(); } catch (Exception $error) { throw new RangeException("no card\\nat all", 3, $error); }
}
charge();
"""
JAVA = """\
public class Shop {
    static void lookUp() { Object sku = null; sku.hashCode(); }
    static void charge() {
        try { lookUp(); } catch (Exception error) { throw new IllegalStateException("no card\\nat all", error); }
    }
    public static void main(String[] arguments) { charge(); }
}
"""
GO = """\
package main

func lookUp(sku []int) int { return sku[len(sku)] }
func charge() {
\tdefer func() { recover(); panic("no card") }()
\tlookUp(nil)
}
func main() { charge() }
"""
# The program, its file, its text; what was raised, its message, its cause, and an own function among its frames.
PROGRAMS = [
    ([sys.executable], "shop.py", PYTHON, "ValueError", "no card\nat all", "KeyError", "charge"),
    (["node"], "shop.js", NODE, "RangeError", "no card\nat all", "TypeError", "charge"),
    (["ruby"], "shop.rb", RUBY, "ArgumentError", "no card\nat all", "KeyError", "charge"),
    (["php", "-d", "display_errors=stderr", "-d", "log_errors=0", "-d", "html_errors=0"], "shop.php", PHP,
     "RangeException", "no card\nat all", "LogicException", "charge"),
    (["java"], "Shop.java", JAVA, "IllegalStateException", "no card\nat all", "NullPointerException", "Shop.charge"),
    (["go", "run"], "shop.go", GO, "panic", "no card", "panic", "main.charge"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "file", "text", "type_", "message", "cause", "function"),
    PROGRAMS,
    ids=[file for _, file, *_ in PROGRAMS],
)
def test_what_a_language_prints_is_read(
    tmp_path: Path,
    command: list[str],
    file: str,
    text: str,
    type_: str,
    message: str,
    cause: str,
    function: str,
) -> None:
    """What was raised, with its whole message, its cause, and the frames of the program."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    (tmp_path / file).write_text(text)
    ran = subprocess.run(
        [*command, file], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    found = in_message(f"the job failed\n{ran.stderr}")
    assert found is not None, ran.stderr
    raised = found.exception
    assert (raised["type"], raised["message"], raised["cause"]["type"]) == (type_, message, cause)
    own = [frame for frame in raised["frames"] if frame["in_app"]]
    assert function in {frame.get("function") for frame in own}
    assert all(frame["file"].endswith(file) for frame in own), own
    assert (found.rest or "").startswith("the job failed")
