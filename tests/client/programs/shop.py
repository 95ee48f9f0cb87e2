"""The application that the chaos tests kill: every effect and every capture is a line in a file.

`POST /work/{n}` runs `work(n)` in the background, with two retries: it writes `start`, sleeps a little, and writes
`done`; every seventh `n` fails for good and every fifth at first.
"""

from __future__ import annotations

import asyncio
import os
import random

from fastapi import FastAPI

from notifier.client import Notifier, Tasks

lines = os.open(os.environ["EFFECTS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def effect(*words: object) -> None:
    os.write(lines, " ".join(map(str, words)).encode() + b"\n")


notifier = Notifier(service="shop")
app = FastAPI()
notifier.instrument(app)
app.include_router(notifier.router)
failed: set[int] = set()


@notifier.task(retries=2, backoff=0.05)
async def work(n: int) -> str:
    effect("start", n)
    await asyncio.sleep(random.uniform(0, 0.02))
    if n % 7 == 0:
        raise LookupError("never works")
    if n % 5 == 0 and n not in failed:
        failed.add(n)
        raise TimeoutError("works the next time")
    effect("done", n)
    return f"done {n}"


@app.post("/work/{n}", status_code=202)
async def start(n: int, tasks: Tasks) -> dict[str, str]:
    run = tasks.add(work, n, key=f"work-{n}")
    effect("run", n, run.id)
    return {"id": run.id, "url": run.url}


@app.post("/report/{n}")
async def report(n: int) -> None:
    """One report of its own kind: `captured` is written first, so that a kill in between is one too many."""
    effect("captured", n)
    notifier.message(f"report number {n} of the application", fingerprint=["reports"])
