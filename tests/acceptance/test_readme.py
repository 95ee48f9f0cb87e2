"""Everything that the README shows is tried, and it says no more than a visitor reads."""

from __future__ import annotations

import ast
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier.runtime.configuration import check
from tests.processes import Service
from tests.snippets import ROOT, blocks, commands, run_lines

README = (ROOT / "README.md").read_text()
BLOCKS = tuple(blocks(README))
WORDS_AT_MOST = 1_200
# The service itself, and all tests: others run them.
NOT_RUN = ("pip install uv && uv run",)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {"channels": {"console": {"type": "console"}}, "route": {"channels": ["console"]}}
    with Service(tmp_path_factory.mktemp("readme"), settings) as running:
        yield running


def test_it_is_short_and_of_kinds_that_are_tried() -> None:
    """A block in another language, or a command of another program, would go untested."""
    assert len(README.split()) <= WORDS_AT_MOST
    assert {block.language for block in BLOCKS} == {"sh", "json", "yaml", "python"}
    assert all(block.is_tried for block in BLOCKS)
    programs = {command.split()[0] for command in commands(README) if not command.startswith(NOT_RUN)}
    assert programs == {"notifier", "curl", "export"}


def test_every_link_leads_to_a_file() -> None:
    """Of the repository: where the README is shown elsewhere, the rest is not there."""
    targets = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", README)
    assert len([target for target in targets if target.endswith(".png")]) == 3
    assert len(targets) > 15
    assert [target for target in targets if not (ROOT / target).is_file()] == []
    proofs = set(re.findall(r"`(tests/[\w/.]+)`", README))
    assert len(proofs) > 10
    assert [path for path in proofs if not (ROOT / path).is_file()] == []


def test_the_events_are_accepted_as_they_stand(service: Service) -> None:
    """Without a warning."""
    for block in BLOCKS:
        if block.language == "json":
            answer = service.post(json.loads(block.text))
            assert (answer.status_code, answer.json()["warnings"]) == (202, [])


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_commands_do_as_they_say(service: Service) -> None:
    run_lines([command for command in commands(README) if not command.startswith(NOT_RUN)], service)
    assert [incident["state"] for incident in service.items("/v1/incidents", q='service="billing"')][
        -1
    ] == "resolved"


def test_the_configuration_passes_check(tmp_path: Path) -> None:
    [text] = [block.text for block in BLOCKS if block.language == "yaml"]
    (tmp_path / "smtp").write_text("pa55word")
    config = tmp_path / "notifier.yaml"
    config.write_text(text.replace("/run/secrets/smtp", str(tmp_path / "smtp")))
    assert check(str(config), {})[0] == ()


def test_the_program_is_two_lines_beside_an_application() -> None:
    """The manual's application begins with the same two, and is served by its test."""
    [text] = [block.text for block in BLOCKS if block.language == "python"]
    assert len(ast.parse(text).body) == 5
    scope: dict[str, object] = {}
    exec(text, scope)  # what the README says to paste
    assert {"app", "notifier"} <= scope.keys()


def test_what_it_names_is_there(service: Service) -> None:
    """The metric, and the address of the manual, which asks to sign in."""
    with service.client() as client:
        assert "# TYPE notifier_accounting_balanced" in client.get("/metrics").text
        assert "`notifier_accounting_balanced`" in README
        assert client.get("/manual").headers["location"].startswith("/sign-in")
