"""A Celery application that Sentry's SDK watches, on a broker of files; as a program, it sends one task."""

from __future__ import annotations

import os

import sentry_sdk
from celery import Celery

sentry_sdk.init(dsn=os.environ["DSN"], environment="staging", server_name="worker-3")
app = Celery("shop", broker="filesystem://")
app.conf.broker_transport_options = dict.fromkeys(
    ("data_folder_in", "data_folder_out", "control_folder"), os.environ["FOLDER"]
)


@app.task(name="shop.charge")  # type: ignore[untyped-decorator]
def charge(order: int) -> None:
    raise LookupError(f"no card for order {order}")


if __name__ == "__main__":
    charge.delay(7)
