"""What a type checker sees of the client: signatures stay what they were, and wrong calls are found."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
from fastapi import BackgroundTasks, FastAPI

from notifier.client import Notifier, Run, Tasks

notifier = Notifier(service="billing", ignore=[KeyError, "OSError"])
app = notifier.instrument(FastAPI())
reveal_type(app)  # fastapi.applications.FastAPI


@notifier.task(retries=3, backoff=[1, 2.5], retry_on=(OSError, TimeoutError), timeout=30, alert="never")
async def charge(order_id: int, *, currency: str = "EUR") -> float:
    return 1.0


@notifier.task
def refund(order_id: int) -> str:
    return ""


class Shop:
    @notifier.task(key=lambda self, order_id: f"{order_id}")
    async def ship(self, order_id: int) -> None: ...


reveal_type(refund(1))  # str


async def endpoint(tasks: Tasks, background: BackgroundTasks) -> Run:
    reveal_type(await charge(1, currency="USD"))  # float
    await Shop().ship(1)
    background.add_task(charge, 42, currency="USD")
    run = tasks.add(charge, 42, key="charge-42")
    reveal_type(run.url)  # str
    tasks.add(refund, "42")  # error: call-overload
    tasks.add(refund)  # error: call-overload
    background.add_task(charge, "42")  # error: arg-type
    await charge(order="x")  # error: call-arg
    notifier.task(alert="sometimes")  # error: call-overload
    with notifier.context(order_id=42):
        notifier.report(severity="critical")
    return run
"""


@pytest.mark.slow
def test_the_public_api_under_a_strict_type_checker(tmp_path: Path) -> None:
    """Each line says in its comment what the checker must say, and the checker says nothing else."""
    path = tmp_path / "application.py"
    path.write_text(PROGRAM)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--cache-dir",
        str(tmp_path),
        str(path),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said: dict[int, str] = {}
    for line, kind, text in re.findall(r"application\.py:(\d+): (error|note): (.*)", done.stdout):
        revealed = re.search(r'Revealed type is "(.*)"', text)
        code = re.search(r"\[([a-z-]+)\]$", text)
        if revealed:
            said[int(line)] = revealed[1].removeprefix("builtins.")
        elif kind == "error":
            said[int(line)] = f"error: {code[1]}" if code else text
    expected = {
        number: line.partition("  # ")[2]
        for number, line in enumerate(PROGRAM.splitlines(), 1)
        if "  # " in line
    }
    assert said == expected, done.stdout
