"""Failures to start on purpose: a storm of errors, and an error that comes and goes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from fastapi import APIRouter, BackgroundTasks

from notifier.client import Notifier

STEPS = ("charge", "refund", "invoice", "ship", "reserve", "notify", "index", "export")
FAILURES = (
    (TimeoutError, "the {step} service did not answer within 30 s", 222),
    (ConnectionError, "the {step} service reset the connection", 18),
    (PermissionError, "the {step} service refuses our certificate", 6),
    (LookupError, "{step}: there is no such order", 3),
    (ValueError, "{step}: the amount is negative", 1),
)
"""The number of failures of each kind for each step: 2,000 in all."""

TURNS = 10
TURN_S = 3.0


def router(notifier: Notifier) -> APIRouter:
    """The router with `POST /storm` and `POST /flapping`."""
    router = APIRouter(tags=["trouble"])

    # A success with the same key ends the flapping error.
    watched = notifier.task(key=lambda _: "price feed")(read_prices)

    async def come_and_go() -> None:
        for turn in range(TURNS):
            with contextlib.suppress(ConnectionError):  # Reported like the failure of any task.
                await watched(turn)
            await asyncio.sleep(TURN_S)

    def break_loose() -> None:
        for step, error in storm():
            notifier.report(
                error, fingerprint=["{{ default }}", step, type(error).__name__], labels={"step": step}
            )

    @router.post("/storm", status_code=202)
    async def start_storm(background: BackgroundTasks) -> dict[str, str]:
        """2,000 errors of 40 causes, as when a data centre goes: few messages, exact counts."""
        background.add_task(break_loose)
        return {"message": "2,000 errors of 40 causes are on their way"}

    @router.post("/flapping", status_code=202)
    async def start_flapping(background: BackgroundTasks) -> dict[str, str]:
        """An error that comes and goes every few seconds."""
        background.add_task(come_and_go)
        return {"message": f"the price feed fails and recovers for {TURNS * TURN_S:.0f} s"}

    return router


async def read_prices(turn: int) -> None:
    """Fail at every second call."""
    if turn % 2 == 0:
        raise ConnectionError("the price feed does not answer")


def storm() -> Iterator[tuple[str, Exception]]:
    """Each step with each kind of failure, most frequent first."""
    for kind, words, times in FAILURES:
        for step in STEPS:
            for _ in range(times):
                yield step, kind(words.format(step=step))
