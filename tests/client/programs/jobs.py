"""What the queues' tests run, by name, in this process or another."""

from __future__ import annotations

import logging
import os
import signal
import time

from rq import Retry


def charge(order: int) -> str:
    return f"charged {order}"


def refuse(order: int) -> None:
    raise LookupError(f"no order {order}")


SHARED = ConnectionError("made once, when the module was imported")


def worded() -> None:
    try:
        refuse(42)
    except LookupError as error:
        logging.getLogger("jobs").error("could not charge: %s", error)
        raise


def shared() -> None:
    raise SHARED


failures: list[Exception] = []


def flaky() -> str:
    if failures:
        raise failures.pop()
    return "at last"


def asks_again() -> Retry:
    return Retry(max=1)


def swallows_memory() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sleeps() -> None:
    time.sleep(60)


def naps() -> str:
    time.sleep(1)
    return "rested"
