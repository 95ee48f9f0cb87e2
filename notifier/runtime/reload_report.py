"""Reports reloads: in the log, metrics and audit, and refused ones to the fallback channel."""

from __future__ import annotations

from pathlib import PurePath

from notifier.domain.errors import Problem, StoreError
from notifier.domain.notification import Reason
from notifier.domain.time import SECOND, Instant
from notifier.oncall.actor import Actor
from notifier.oncall.audit_trail import CONFIGURATION
from notifier.runtime.active_config import ActiveConfig, CurrentConfig
from notifier.runtime.running_service import Reloaded
from notifier.runtime.status import ConfigStatus
from notifier.runtime.system_messages import system_message
from notifier.store import notifications
from notifier.store.database import Database, Tx
from notifier.telemetry.logging import get
from notifier.telemetry.metrics import Metrics
from notifier.wording import sentences

SUBJECT = CONFIGURATION
MAX_PROBLEMS = 3

log = get("notifier.config")


class ReloadReport:
    """Reports the results of reloads."""

    def __init__(self, *, database: Database, current_config: CurrentConfig, metrics: Metrics) -> None:
        self._database = database
        self._current_config = current_config
        self._metrics = metrics
        self._last_told: tuple[Problem, ...] = ()
        self._loaded_at = database.now()
        self._refusal: tuple[Instant, tuple[Problem, ...]] | None = None

    @property
    def status(self) -> ConfigStatus:
        """The configuration in use, and the latest refusal since it was loaded."""
        settings = self._current_config.now.settings
        refused_at, problems = self._refusal or (None, ())
        return ConfigStatus(
            source=settings.source or "",
            version=settings.version,
            loaded_at=self._loaded_at,
            refused_at=refused_at,
            problems=tuple((place(problem), problem.message) for problem in problems),
        )

    def in_use(self, version: str, *, previous: str | None) -> None:
        """Records that the configuration of this version is in use."""
        self._last_told = ()
        self._loaded_at, self._refusal = self._database.now(), None
        self._metrics.config_good.set(1)
        self._metrics.config_good_at.set(self._database.now() / SECOND)
        if previous is not None and previous != version:
            self._metrics.config_info.remove(previous)
        self._metrics.config_info.labels(version).set(1)

    def reloaded(self, done: Reloaded) -> None:
        """Logs a successful reload, with its warnings and the settings that need a restart."""
        self.in_use(done.version, previous=done.previous)
        for warning in done.warnings:
            log.warning("configuration", problem=str(warning))
        for name in done.needs_restart:
            log.warning("needs_restart", setting=name)
        log.info("reloaded", version=done.version, previous=done.previous, changed=done.changed)

    def failed(self) -> None:
        """Records a failed write: the old configuration stays in use."""
        self._metrics.config_good.set(0)

    async def refused(self, problems: tuple[Problem, ...], actor: Actor) -> None:
        """Records a file with problems: the old configuration stays in use, and the fallback channel is notified."""
        self._metrics.config_good.set(0)
        self._refusal = (self._database.now(), problems)
        for problem in problems:
            log.error("configuration", problem=str(problem))
        log.error("reload_failed", problems=len(problems), version=self._current_config.now.version)
        try:
            with self._current_config.use() as config:
                await self._database.write(lambda tx: self._tell(tx, config, problems, actor))
        except StoreError as error:
            log.error("reload_failure_not_told", error=str(error))
        else:
            self._last_told = problems

    def _tell(self, tx: Tx, config: ActiveConfig, problems: tuple[Problem, ...], actor: Actor) -> None:
        actor.record(tx, "reload_failed", SUBJECT, f"{len(problems)} problems; {place(problems[0])}")
        # The same problems again are no news for readers of the fallback channel.
        if config.fallback is None or problems == self._last_told:
            return
        sentences_ = [f"{place(problem)}: {problem.message}" for problem in problems]
        message = system_message(
            reason=Reason.SYSTEM,
            title="the configuration was not reloaded",
            note=sentences.not_reloaded(sentences_, shown=MAX_PROBLEMS, version=config.version),
            project=actor.project,
            at=tx.now,
        )
        notifications.enqueue(
            tx, config.rules, project=actor.project, channel=config.fallback, message=message
        )


def place(problem: Problem) -> str:
    """`notifier.yaml:12:3`: the file without its folder, for readers on other machines."""
    return f"{PurePath(problem.file).name}:{problem.line}:{problem.column}"
