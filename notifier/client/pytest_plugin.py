"""pytest plug-in with the fixture `notifier_reports`. pytest loads it in every run, so it imports nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def notifier_reports() -> Iterator[list[dict[str, Any]]]:
    """The events that this test's notifiers capture, in order, as they would be sent (RULES.md#the-event).

    Exceptions that are logged in a request or task and not raised appear after a second, or after `notifier.flush()`.
    """
    from notifier.client.testing import capture_reports  # noqa: PLC0415 - imported only if the fixture is used

    with capture_reports() as reports:
        yield reports
