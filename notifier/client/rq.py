"""RQ integration: reports jobs' failures, and tracks their runs under the jobs' ids.

    from rq import Worker
    from notifier.client import rq as notifier_rq

    class BillingWorker(notifier_rq.Tracking, Worker):
        notifier = notifier

`rq worker -w billing.worker.BillingWorker` runs it. It works with `Worker`, `SimpleWorker` and other workers that run
jobs in their own process or in a fork, but not with `SpawnWorker`.
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
"""Keys in a job's `meta`: RQ only counts the remaining retries, and each repetition of a job is another run."""


class WorkHorseKilled(Exception):
    """The process that ran a job was killed, for its memory use perhaps."""


class RetryReturned(Exception):
    """The job did not raise, but returned a `Retry`."""


class Tracking(BaseWorker):
    """A worker mixin. Reports a failure once, when RQ will not retry the job."""

    notifier: ClassVar[Notifier]
    notifier_options: ClassVar[TrackOptions] = {}

    _tracked: Tracked | None = None

    # RQ's versions differ in further arguments, which are passed on as they come.

    def perform_job(self, job: Job, queue: Queue, *more: Any, **named: Any) -> bool:
        self._tracked = self._attempt(job)
        self._tracked.processing()
        try:
            return super().perform_job(job, queue, *more, **named)
        finally:
            if self.is_horse:
                # The process exits without Python's exit handlers, so pending reports are flushed here.
                self.notifier.close()

    def handle_job_success(self, job: Job, queue: Queue, *more: Any, **named: Any) -> None:
        if job.repeats_left:
            _remember(job, {FAILURES: 0, ROUND: job.meta.get(ROUND, 0) + 1})
        super().handle_job_success(job, queue, *more, **named)
        # The returned object: `return_value()` would query Redis.
        self._current_attempt(job).completed(getattr(job, "_result", None))

    def handle_job_retry(self, job: Job, queue: Queue, retry: Retry, *more: Any, **named: Any) -> None:
        super().handle_job_retry(job, queue, retry, *more, **named)
        if job.get_status(refresh=False) == JobStatus.FAILED:
            self._current_attempt(job).failed(
                RetryReturned(f"it has been retried {retry.max} times, and asked for more")
            )
        else:
            self._current_attempt(job).retrying(RetryReturned("it asked to be retried"))

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        self._failed(job, exc_info[1])
        # RQ logs the failure here as text, without its exception; a logging handler would report it again.
        with guarded():
            super().handle_exception(job, *exc_info)

    def handle_work_horse_killed(self, job: Job, retpid: Any, ret_val: Any, rusage: Any) -> None:
        self._failed(job, WorkHorseKilled(f"its process ended with wait status {ret_val}"))
        super().handle_work_horse_killed(job, retpid, ret_val, rusage)  # type: ignore[no-untyped-call]

    def handle_job_failure(self, job: Job, queue: Queue, *more: Any, **named: Any) -> None:
        super().handle_job_failure(job, queue, *more, **named)
        if job.get_status(refresh=False) == JobStatus.STOPPED:
            self._current_attempt(job).lost("cancelled")

    def _failed(self, job: Job, error: BaseException) -> None:
        tracked = self._current_attempt(job)
        _remember(job, {FAILURES: job.meta.get(FAILURES, 0) + 1})
        if job.should_retry:
            tracked.retrying(error)
        else:
            tracked.failed(error)

    def _current_attempt(self, job: Job) -> Tracked:
        """The attempt that ends. A killed work horse had begun it."""
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
    """The function and arguments of the job, if they can be read."""
    try:
        return job.func_name or "", tuple(job.args), dict(job.kwargs)
    except DeserializationError:
        return job.description or "unreadable", (), {}
