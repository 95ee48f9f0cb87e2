"""The fenced blocks of Markdown, and how each is tested.

The words after the language say how: `not-run: REASON` and `other: FILE` are not run here; `event` is posted.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from notifier.cli import run
from notifier.cli.session import CommandSession
from notifier.manual.chapters import chapter_at
from tests.processes import Service

ROOT = Path(__file__).parents[1]
PASSED_OVER = ("export ", "pip install")
"""Prefixes of lines that are skipped: the test sets these variables, or has these packages installed."""

_PARTS = re.compile(
    r"^#+ (?P<heading>[^\n]+)$|"
    r"^(?P<indent> *)```(?P<language>\w+)(?: (?P<info>[^\n]+))?\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block, and the heading above it."""

    heading: str
    language: str
    info: str
    text: str

    @property
    def is_tried(self) -> bool:
        return not self.info.startswith(("not-run: ", "other: "))


def blocks(markdown: str) -> Iterator[Block]:
    """Every block, in order."""
    heading = ""
    for part in _PARTS.finditer(markdown):
        heading = part["heading"] or heading
        if part["language"]:
            text = textwrap.dedent(part["text"])
            yield Block(heading=heading, language=part["language"], info=part["info"] or "", text=text)


def commands(markdown: str) -> list[str]:
    """Every shell command to test, with continued lines joined and comments removed."""
    tried = [block.text for block in blocks(markdown) if block.language == "sh" and block.is_tried]
    text = "\n".join(tried).replace("\\\n", " ")
    return [line for line in (re.sub(r"\s+#.*", "", line).strip() for line in text.splitlines()) if line]


def block_of(path: str, heading: str, language: str) -> str:
    """The first block in this language under a heading of a chapter."""
    chapter = chapter_at(path)
    assert chapter is not None
    return next(
        block.text for block in blocks(chapter.text) if (block.heading, block.language) == (heading, language)
    )


def inline_of(path: str, start: str) -> str:
    """A configuration in the running text of a chapter."""
    chapter = chapter_at(path)
    assert chapter is not None
    [found] = re.findall(rf"`({re.escape(start)}[^`]*)`", chapter.text)
    return str(found)


def run_lines(lines: Sequence[str], service: Service, *, incident: int = 1) -> None:
    """Run each line as a shell would, with real ids for ID and this incident for the first; each must exit with 0."""
    shutil.copy(ROOT / "config" / "notifier.yaml", service.folder / "notifier.yaml")
    environ = {**os.environ, "NOTIFIER_URL": service.url, "NOTIFIER_KEY": service.key or ""}
    with contextlib.chdir(service.folder):
        for number, command in enumerate(lines):
            if command.startswith(PASSED_OVER):
                continue
            line = command.replace("uv run ", "").replace("http://127.0.0.1:8000", service.url)
            line = re.sub(r"^(notifier (?:incidents \w+|explain)) 1\b", rf"\1 {incident}", line)
            if " ID" in line:
                line = line.replace(" ID", f" {_id_for(line, service, number)}")
            status, said = _run(line, environ)
            assert status == 0, (line, said)


def _run(line: str, environ: Mapping[str, str]) -> tuple[int, str]:
    """The status and output of a line; notifier's own commands run in this process, which saves starting an
    interpreter.
    """
    program, *words = shlex.split(line)
    if program != "notifier":
        done = subprocess.run(
            ["sh", "-c", line], env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout + done.stderr
    out, file = io.StringIO(), None
    if ">" in words:
        words, file = words[: words.index(">")], Path(words[-1])
    session = CommandSession(environ=environ, stdin=io.BytesIO(), stdout=out, stderr=out)
    status = run(words, session)
    if file is not None:
        file.write_text(out.getvalue())
    return status, out.getvalue()


def _id_for(line: str, service: Service, number: int) -> str:
    """The id of the newest silence, or of a delivery that has just died."""
    if line.startswith("notifier silences"):
        return str(service.items("/v1/silences")[0]["id"])
    service.post({"service": "dead", "message": f"problem {number}", "fingerprint": [f"problem {number}"]})
    return str(service.wait_delivery("gone", "dead")["id"])
