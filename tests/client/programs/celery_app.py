"""A Celery application on folders: `celery -A tests.client.programs.celery_app worker`, its pool forked."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from celery import Celery

from notifier.client import Notifier
from notifier.client import celery as notifier_celery
from tests.client.programs import jobs

folder = Path(os.environ["QUEUE"])
app = Celery("billing", broker="filesystem://")
for name in ("queue", "control"):
    (folder / name).mkdir(exist_ok=True)
app.conf.broker_transport_options = {
    "data_folder_in": str(folder / "queue"),
    "data_folder_out": str(folder / "queue"),
    "control_folder": str(folder / "control"),
}
app.conf.worker_prefetch_multiplier = 1
app.conf.task_ignore_result = True
app.conf.worker_max_tasks_per_child = 1
# Seconds until it is sure that a child is gone.
app.conf.worker_lost_wait = 0.5

notifier_celery.instrument(Notifier(service="billing"), app)

for function in (jobs.naps, jobs.refuse, jobs.swallows_memory):
    app.task(function, name=f"billing.{function.__name__}")

if __name__ == "__main__":
    arguments = [7] if sys.argv[1] == "refuse" else []
    print(app.tasks[f"billing.{sys.argv[1]}"].delay(*arguments).id)
