"""The published suite with every built-in kind."""

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
    """Every kind has a case, with settings that give it all the capabilities it states."""
    stated = kinds.BUILT_IN[kind].can
    reached = [case.can for _, case in CASES if case.kind.name == kind]
    assert stated in reached


@pytest.mark.parametrize("kind", kinds.BUILT_IN)
def test_every_kind_has_golden_messages(kind: str) -> None:
    """Every kind has golden messages."""
    assert [form for of_kind, form in FORMS if of_kind == kind]


@pytest.mark.parametrize("kind", kinds.BUILT_IN)
def test_buttons_come_with_a_reader_of_presses(kind: str) -> None:
    """A kind has buttons if and only if it can read presses."""
    assert kinds.BUILT_IN[kind].can.buttons == (kinds.BUILT_IN[kind].inbound is not None)


def test_every_capability_is_checked() -> None:
    """The suite has a check for every capability."""
    assert [field.name for field in fields(Capabilities)] == list(capabilities.CHECKS)
