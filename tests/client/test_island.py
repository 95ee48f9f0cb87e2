"""The base install: the client needs httpx and nothing else, and costs an application little to import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import clean_environ

ROOT = Path(__file__).parents[2]
SHARE = 0.5
TRIES = 4

WITHOUT = """
import sys

ALLOWED = {"notifier", *sys.stdlib_module_names}
HTTPX = %r


class Blocked:
    # As if nothing were installed but httpx and what it needs.
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in ALLOWED and top not in HTTPX:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Blocked())
"""

CAPTURES = """
import logging

from notifier.client import Counts, MemoryTransport, Notifier, Run, Transport, capture_reports

memory = MemoryTransport()
notifier = Notifier("billing", transport=memory)
logging.getLogger().addHandler(notifier.logging_handler())
notifier.install_excepthook()


@notifier.task(retries=1, backoff=0)
def charge(order):
    raise TimeoutError("upstream")


with capture_reports() as reports:
    try:
        charge(42)
    except TimeoutError:
        pass
sent = Notifier("billing", url="http://127.0.0.1:9", key="ntf_" + "0" * 40, spool=False)
sent.message("nobody listens")
sent.close(0.1)
assert sent.counts().balanced and sent.counts().captured == 1
print([report["exception"]["type"] for report in reports])
"""

COST = """
import json, time

started = time.process_time()
import httpx

before = time.process_time()
from notifier.client import MemoryTransport, Notifier, capture_reports

print(json.dumps([before - started, time.process_time() - before]))
"""


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT, capture_output=True, text=True, check=False, env=clean_environ(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def of_httpx() -> set[str]:
    """What `import httpx` and a request load that is not in the standard library."""
    program = """
import sys
import httpx, httpcore
try:
    httpx.Client().get("http://127.0.0.1:9")
except httpx.ConnectError:
    pass
print(" ".join({name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)))
"""
    return set(run(program).split()) - {"notifier"}


def test_the_client_needs_httpx_alone() -> None:
    """With nothing else to import, it captures, retries, logs and tries to send."""
    allowed = of_httpx()
    assert "httpx" in allowed
    assert not allowed & {"fastapi", "starlette", "pydantic", "celery", "rq", "redis", "dramatiq", "pytest"}
    assert run(WITHOUT % allowed + CAPTURES) == "['TimeoutError']"


@pytest.mark.parametrize("library", ["fastapi", "celery", "rq", "dramatiq"])
def test_what_needs_a_library_says_which(library: str) -> None:
    """The module of its name; nothing else tries to import it."""
    tried = f"""
try:
    import notifier.client.{library}
except ModuleNotFoundError as error:
    print(error.name)
"""
    assert run(WITHOUT % of_httpx() + tried) == library


def test_an_application_starts_no_later_for_it() -> None:
    """It is imported in less than half of what httpx costs, which it needs."""
    runs = [json.loads(run(COST)) for _ in range(TRIES)]
    assert min(own / of_httpx for of_httpx, own in runs) < SHARE
