"""`notifier run --monitor` beside a running service: a failure opens an incident, the next good run ends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes import Service
from tests.unit.conftest import Shell


@pytest.mark.slow
def test_a_job_s_monitor(tmp_path: Path) -> None:
    """One incident, which says how the job ended; what is expected of it is what the command line said."""
    settings = {
        "channels": {"console": {"type": "console"}},
        "route": {"channels": ["console"], "group_wait": "1h"},
    }
    with Service(tmp_path, settings) as service:
        assert service.key is not None
        shell = Shell({"NOTIFIER_URL": service.url, "NOTIFIER_KEY": service.key})
        run = ("run", "--monitor", "nightly", "--service", "backup", "--every", "1d", "--grace", "1h", "--")
        failed = shell(*run, "sh", "-c", "echo 'no space' >&2; exit 3")
        assert (failed.status, failed.err) == (3, "")
        [incident] = service.items("/v1/incidents")
        assert (incident["title"], incident["state"]) == ("sh ended with status 3: no space", "open")
        assert incident["labels"]["service"] == "backup"
        assert shell(*run, "true").status == 0
        [incident] = service.items("/v1/incidents")
        assert incident["state"] == "resolved"
        [monitor] = service.items("/v1/monitors")
        assert (monitor["name"], monitor["state"]) == ("nightly", "ok")
        assert monitor["due_at"] is not None
