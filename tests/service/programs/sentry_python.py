"""An application that Sentry's SDK watches, and for one failure notifier's own client as well."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from contextlib import suppress

import sentry_sdk
from fastapi import BackgroundTasks, FastAPI
from fastapi.testclient import TestClient
from sentry_sdk.crons import monitor
from sentry_sdk.integrations.asyncio import AsyncioIntegration

from notifier.client import Notifier

# An application of SDKs that are older than it: their warnings are theirs.
sentry_sdk.init(
    dsn=os.environ["DSN"],
    release="billing@1.4.2",
    environment="staging",
    server_name="worker-3",
    integrations=[AsyncioIntegration()],
)
app = FastAPI()
log = logging.getLogger("billing.jobs")


class CardError(Exception):
    """What this shop calls a card that is refused."""


def charge(order: int) -> None:
    try:
        raise KeyError("gateway")  # noqa: TRY301 - a cause is wanted
    except KeyError as error:
        raise CardError(f"could not charge order {order}") from error


@app.get("/orders/{order}")
def place(order: int, tasks: BackgroundTasks) -> dict[str, int]:
    tasks.add_task(charge, order)
    return {"order": order}


@monitor(  # type: ignore[untyped-decorator,unused-ignore]
    monitor_slug="nightly", monitor_config={"schedule": {"type": "interval", "value": 1, "unit": "day"}}
)
def nightly(order: int) -> None:
    charge(order)


async def lonely() -> None:
    raise LookupError("nobody waits for this")


async def leave_a_task() -> None:
    # Inside a loop: the integration wraps the factory of the loop that runs.
    sentry_sdk.init(
        dsn=os.environ["DSN"],
        environment="staging",
        server_name="worker-3",
        integrations=[AsyncioIntegration()],
    )
    task = asyncio.create_task(lonely())
    await asyncio.sleep(0.1)
    del task
    gc.collect()


def told_twice() -> None:
    """The same failure, by both clients."""
    notifier = Notifier(service="billing", environment="staging", release="billing@1.4.2", host="worker-3")
    try:
        charge(7)
    except CardError as error:
        sentry_sdk.capture_exception(error)
        notifier.report(error, labels={"region": "eu"})
    notifier.close()


def main() -> None:
    with TestClient(app, raise_server_exceptions=False) as client:
        client.get("/orders/1842?password=hunter2", headers={"authorization": "Bearer hunter2-hunter2"})
    for order in (17, 18):
        log.error("order %s of %s failed", order, "ada")
    sentry_sdk.add_breadcrumb(category="cart", message="paid")
    sentry_sdk.set_tag("region", "eu")
    sentry_sdk.capture_message("deployed", level="info")
    told_twice()
    with suppress(CardError):
        nightly(8)
    asyncio.run(leave_a_task())
    sentry_sdk.flush(10)
    print(sentry_sdk.VERSION, sys.version_info[:2])


main()
