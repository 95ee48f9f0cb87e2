"""RQ's own worker, which forks for each job: `python rq_worker.py REDIS_PORT`; it ends once the queue is empty."""

from __future__ import annotations

import sys

from redis import Redis
from rq import Worker

from notifier.client import Notifier
from notifier.client import rq as notifier_rq


class BillingWorker(notifier_rq.Tracking, Worker):
    notifier = Notifier(service="billing")

    def _set_ip_address(self, connection: Redis) -> None:
        """Redis-py cannot read what fakeredis answers to CLIENT INFO."""
        self.ip_address = "127.0.0.1"


if __name__ == "__main__":
    BillingWorker(["default"], connection=Redis(port=int(sys.argv[1]))).work(burst=True)
