"""The oldest FastAPI that the README names as supported, and the newest: the same reports, under a real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastapi
import pytest

from tests.environments import isolated

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "client" / "programs" / "supported.py"
OLDEST = "0.110.0"
"""With Starlette 0.36, whose `BaseHTTPMiddleware` tells nobody of a background failure."""

EXPECTED = {
    "/siblings": {
        "answer": 200,
        "done": ["second"],
        "events": [["ValueError", "__main__.fails", "/siblings"]],
    },
    "/refuses": {"answer": 200, "done": [], "events": [["HTTPException", "__main__.refuses", "/refuses"]]},
    "/tracked": {
        "answer": 200,
        "done": [],
        "events": [["KeyError", "__main__.tracked", "/tracked"]],
        "state": "failed",
    },
    "/orders/3": {"answer": 500, "done": [], "events": [["LookupError", None, "/orders/{id}"]]},
}


def run(command: list[str]) -> dict[str, Any]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_the_newest_fastapi() -> None:
    """Two siblings of which the first fails: both effects and one report, wherever another middleware stands."""
    told = run([sys.executable, str(PROGRAM)])
    assert told["version"] == fastapi.__version__
    for order, calls in told["told"].items():
        assert calls == EXPECTED, order


@pytest.mark.slow
def test_the_oldest_fastapi() -> None:
    """In an environment of its own, with nothing of the service installed."""
    wanted = [f"fastapi=={OLDEST}", "uvicorn<1", "httpx<0.28"]
    told = run([*isolated(*wanted), "python", str(PROGRAM)])
    assert told["version"] == OLDEST
    for order, calls in told["told"].items():
        assert calls == EXPECTED, order


def test_the_readme_names_the_version_that_is_tried() -> None:
    assert re.findall(r"FastAPI (\d+\.\d+) or newer", (ROOT / "README.md").read_text()) == [
        OLDEST.rpartition(".")[0]
    ]
