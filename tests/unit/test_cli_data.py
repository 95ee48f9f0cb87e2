"""`notifier data export` and `data delete` against a real server on loopback."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.conftest import Api, Shell

WOULD: dict[str, Any] = {"removed": {"incidents": 2}, "redacted": {"groups": 1}, "dry_run": True}


def test_deleting_asks_first(api: Api, shell: Shell) -> None:
    """Without `--yes` nothing is removed, and the table says what would be."""
    api.answer("POST /v1/data/delete", WOULD)
    shown = shell("data", "delete", "--label", "customer=47=11", "--actor", "ada")
    assert shown.status == 0, shown.err
    assert [line.split() for line in shown.out.splitlines()[1:]] == [
        ["2", "incidents", "gone"],
        ["1", "groups", "taken", "out"],
    ]
    assert "say --yes" in shown.err
    done = shell("data", "delete", "--person", "ann@example.com", "--yes", "--json")
    assert json.loads(done.out) == WOULD
    assert "Removed" in done.err
    assert [asked.document for asked in api.asked] == [
        {"label": "customer", "value": "47=11", "actor": "ada", "dry_run": True},
        {"person": "ann@example.com", "dry_run": False},
    ]


def test_what_nothing_is_kept_about(api: Api, shell: Shell) -> None:
    api.answer("POST /v1/data/delete", {"removed": {}, "redacted": {}, "dry_run": False})
    done = shell("data", "delete", "--person", "nobody", "--yes")
    assert (done.out, "Nothing is kept about it." in done.err) == ("", True)


@pytest.mark.parametrize("label", ["customer", "=4711", "customer="])
def test_a_label_is_a_name_and_a_value(api: Api, shell: Shell, label: str) -> None:
    done = shell("data", "export", "--label", label)
    assert (done.status, "NAME=VALUE" in done.err, api.asked) == (2, True, [])
