"""The published suite over every built-in kind, and a kind without a case."""

from __future__ import annotations

from dataclasses import fields

import pytest

from notifier.channels import kinds
from notifier.channels.base import Capabilities
from notifier.testing import capabilities
from notifier.testing.conformance import Conformance
from tests.channels.cases import CASES
from tests.channels.test_golden import FORMS

for _name, _case in CASES:
    globals()[f"Test{_name}"] = type(f"Test{_name}", (Conformance,), {"case": _case})


@pytest.mark.parametrize("kind", kinds.BUILT_IN)
def test_every_kind_has_a_case(kind: str) -> None:
    """A new kind fails here by its name until it has one, whose settings reach all that the kind states."""
    stated = kinds.BUILT_IN[kind].can
    reached = [case.can for _, case in CASES if case.kind.name == kind]
    assert stated in reached


@pytest.mark.parametrize("kind", kinds.BUILT_IN)
def test_every_kind_has_golden_messages(kind: str) -> None:
    """What people are shown by it is in files that somebody has read."""
    assert [form for of_kind, form in FORMS if of_kind == kind]


@pytest.mark.parametrize("kind", kinds.BUILT_IN)
def test_buttons_come_with_a_reader_of_presses(kind: str) -> None:
    """And no reader without buttons."""
    assert kinds.BUILT_IN[kind].can.buttons == (kinds.BUILT_IN[kind].inbound is not None)


def test_every_capability_is_checked() -> None:
    """A new one fails here until the suite asks for it."""
    assert [field.name for field in fields(Capabilities)] == list(capabilities.CHECKS)
