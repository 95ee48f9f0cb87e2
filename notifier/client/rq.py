"""RQ: its jobs' failures are reported, and their runs tracked under the jobs' own ids.

    from rq import Worker
    from notifier.client import rq as notifier_rq

    class BillingWorker(notifier_rq.Tracking, Worker):
        notifier = notifier

`rq worker -w billing.worker.BillingWorker` then runs it. It goes before `Worker`, `SimpleWorker` or whichever of RQ's
workers runs jobs in its own process or in a fork; the process of a `SpawnWorker` knows nothing of it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rq.exceptions import DeserializationError
from rq.job import Job, JobStatus, Retry
from rq.queue import Queue
from rq.worker import BaseWorker

from notifier.client.capture.reentrancy import guarded
from notifier.client.notifier import Notifier
from notifier.client.options import log
from notifier.client.tasks.tracking import Tracked, TrackOptions

FAILURES = "notifier_failures"
ROUND = "notifier_round"
"""In a job's `meta`: RQ counts only the retries that are left, and a job that repeats is each time another run."""


class WorkHorseKilled(Exception):
    """The process that ran a job is gone: killed by the system for its memory, say."""


class RetryReturned(Exception):
    """The job did not raise, and returned a `Retry`."""


class Tracking(BaseWorker):
    """A failure is reported once, when RQ will not retry the job."""

    notifier: ClassVar[Notifier]
    notifier_options: ClassVar[TrackOptions] = {}

    _tracked: Tracked | None = None

    def perform_job(self, job: Job, queue: Queue) -> bool:
        self._tracked = self._attempt(job)
        self._tracked.processing()
        try:
            return super().perform_job(job, queue)
        finally:
            if self.is_horse:
                # It ends without Python's own end: what waits would be gone.
                self.notifier.close()

    def handle_job_success(self, job: Job, queue: Queue, started_job_registry: Any) -> None:
        if job.repeats_left:
            _remember(job, {FAILURES: 0, ROUND: job.meta.get(ROUND, 0) + 1})
        super().handle_job_success(job, queue, started_job_registry)
        # As it was returned: `return_value()` would ask Redis.
        self._ending(job).completed(getattr(job, "_result", None))

    def handle_job_retry(self, job: Job, queue: Queue, retry: Retry, *more: Any, **named: Any) -> None:
        super().handle_job_retry(job, queue, retry, *more, **named)
        if job.get_status(refresh=False) == JobStatus.FAILED:
            self._ending(job).failed(
                RetryReturned(f"it has been retried {retry.max} times, and asked for more")
            )
        else:
            self._ending(job).retrying(RetryReturned("it asked to be retried"))

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        self._failed(job, exc_info[1])
        # RQ logs the failure here without its exception, as text that a logging handler would report once more.
        with guarded():
            super().handle_exception(job, *exc_info)

    def handle_work_horse_killed(self, job: Job, retpid: Any, ret_val: Any, rusage: Any) -> None:
        self._failed(job, WorkHorseKilled(f"its process ended with wait status {ret_val}"))
        super().handle_work_horse_killed(job, retpid, ret_val, rusage)  # type: ignore[no-untyped-call]

    def handle_job_failure(self, job: Job, queue: Queue, *more: Any, **named: Any) -> None:
        super().handle_job_failure(job, queue, *more, **named)
        if job.get_status(refresh=False) == JobStatus.STOPPED:
            self._ending(job).lost("cancelled")

    def _failed(self, job: Job, error: BaseException) -> None:
        tracked = self._ending(job)
        _remember(job, {FAILURES: job.meta.get(FAILURES, 0) + 1})
        if job.should_retry:
            tracked.retrying(error)
        else:
            tracked.failed(error)

    def _ending(self, job: Job) -> Tracked:
        """The attempt that ends; a work horse that was killed had begun it."""
        tracked, self._tracked = self._tracked, None
        return tracked or self._attempt(job)

    def _attempt(self, job: Job) -> Tracked:
        name, args, kwargs = _call(job)
        attempt = job.meta.get(FAILURES, 0) + (job.number_of_retries or 0) + 1
        at = job.enqueued_at or job.created_at
        return self.notifier.track(
            name,
            id_=f"{job.id}-{job.meta[ROUND] + 1}" if job.meta.get(ROUND) else job.id,
            attempt=attempt,
            max_attempts=attempt + (job.retries_left or 0),
            queued_at=at.timestamp(),
            args=args,
            kwargs=kwargs,
            **self.notifier_options,
        )


def _remember(job: Job, facts: dict[str, int]) -> None:
    job.meta.update(facts)
    try:
        job.save_meta()
    except Exception:  # noqa: BLE001 - a count that is wrong must not end the job
        log.warning("the attempts of job %s could not be noted", job.id, exc_info=True)


def _call(job: Job) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """The function and arguments that the job calls, where they can be read."""
    try:
        return job.func_name or "", tuple(job.args), dict(job.kwargs)
    except DeserializationError:
        return job.description or "unreadable", (), {}
