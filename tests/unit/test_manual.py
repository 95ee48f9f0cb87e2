"""The manual: each chapter is listed, each link leads somewhere, each block is tried, and its search finds."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from notifier.ingest.normalize import Accepted, Normalizer
from notifier.manual import chapters as manual
from notifier.manual.chapters import (
    Chapter,
    chapter_at,
    chapters,
    chapters_named,
    link_target,
    picture_at,
    sections,
)
from notifier.manual.search import ManualIndex
from notifier.runtime.configuration import check
from notifier.web.help import CHAPTERS, help_path
from notifier.web.table import PAGES
from tests.snippets import Block, blocks

FOLDER = Path(manual.__file__).parent
LISTED = [chapter for chapter in chapters() if chapter.path]
TRIED = {"sh", "yaml", "json", "python", "toml"}
DRAWN = {"text", "generated"}
SECRETS = {
    "SLACK_BOT_TOKEN": "xoxb-test",
    "SLACK_SIGNING_SECRET": "8f742231b10e8888abcd99yyyzzz85a5",
    "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x",
    "AUDIT_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "GITHUB_SECRET": "one that is long enough",
}
QUESTIONS = (
    ("prometheus/alertmanager 1125", "why does it send multiple resolved alerts", "explanation/timing"),
    ("prometheus/alertmanager 878", "resolved alert sent without active alert", "explanation/timing"),
    ("prometheus/alertmanager 214", "allow repeating silences", "guides/maintenance"),
    ("prometheus/alertmanager 2896", "resend alerts after silence is expired", "guides/maintenance"),
    ("VictoriaMetrics/VictoriaMetrics 2562", "how to avoid repeating alerts", "explanation/timing"),
    (
        "getsentry/self-hosted 2368",
        "connection refused when sending email external smtp server",
        "guides/email",
    ),
    ("getsentry/self-hosted 573", "migrate to a new server machine", "guides/backup"),
    ("getsentry/self-hosted 99", "run with traefik proxy", "guides/proxy"),
    ("getsentry/sentry 2042", "wrong URL in email behind nginx reverse proxy", "guides/proxy"),
    ("healthchecks/healthchecks 433", "email notifications not being sent", "guides/email"),
    ("healthchecks/healthchecks 51", "notifications not being sent", "guides/not-told"),
    ("target/goalert 2514", "be notified if alerting is broken, monitor the monitor", "guides/monitoring"),
    ("prometheus/alertmanager 226", "send resolved notification for silenced alerts", "guides/maintenance"),
    ("prometheus/alertmanager 622", "receives alerts but no notifications sent", "guides/not-told"),
    ("grafana/grafana 1815", "reset admin pass", "guides/keys"),
    ("grafana/grafana 2428", "cannot login, locked out", "guides/keys"),
    ("healthchecks/healthchecks 634", "CSRF verification failed", "guides/proxy"),
    ("healthchecks/healthchecks 825", "broken when reverse proxy csrf", "guides/proxy"),
    ("getsentry/self-hosted 1682", "disk space getting full", "guides/install"),
    ("getsentry/self-hosted 208", "retention policy for old events", "guides/install"),
    ("alerta/alerta 591", "scaling and high availability", "guides/postgresql"),
    (
        "louislam/uptime-kuma 3164",
        "high availability multiple instances notify only once",
        "guides/postgresql",
    ),
    ("", "too many requests 429", "guides/senders"),
    ("", "pg_dump version mismatch", "guides/backup"),
    ("", "dead man's switch for cron", "guides/monitors"),
    ("", "alertmanager replacement prometheus.yml", "guides/senders"),
    ("", "sentry dsn", "guides/senders"),
    ("", "rotate api key", "guides/keys"),
    ("", "group_wait group_interval repeat_interval", "explanation/timing"),
    ("", "upgrade to a new version", "guides/upgrade"),
    ("", "postgres high availability replicas", "guides/postgresql"),
    ("", "backup and restore database", "guides/backup"),
    ("", "deduplication", "explanation/grouping"),
    ("", "single sign on keycloak sso", "guides/keys"),
    ("", "delete old data retention disk full", "guides/install"),
    ("", "how to test alerts", "guides/testing"),
)
"""What operators ask, where it was asked (the repository and the number there), and the chapter that answers."""
ASKED = {
    "guides/not-told": (
        "missing first alert",
        "no alert arrives",
        "slack alert not sent",  # prometheus/alertmanager 3893
        "alert not triggered",  # getsentry/self-hosted 2730
        "test email works but alerts not sent",  # getsentry/self-hosted 287
        "connection timed out webhook",
    ),
    "guides/channels": (
        "send to telegram",
        "no messages in telegram",  # prometheus/alertmanager 4254
        "discord webhook",
        "microsoft teams",
        "mattermost",
        "sms text message",
        "push notification phone ntfy",  # healthchecks/healthchecks 1231
        "pushover",  # healthchecks/healthchecks 836
        "on-call schedule rotation",  # target/goalert 3196
        "batch notifications into one email",  # louislam/uptime-kuma 2500
        "one message instead of 50",  # louislam/uptime-kuma 324
        "rate limit",
        "customize message template",
    ),
    "explanation/timing": (
        "resend alert every 5 minutes reminder",  # louislam/uptime-kuma 2737
        "continuous notifications until fixed",  # louislam/uptime-kuma 1742
        "alert stuck firing resolved",
    ),
    "guides/routing": (
        "disable resolved notifications",  # louislam/uptime-kuma 1137
        "mute alerts at night",
        "multiple receivers same alert continue",  # prometheus/alertmanager 1815
        "ignore alerts from staging",
        "escalation policy",
        "group alerts by host",
    ),
    "guides/email": ("aws ses smtp", "gmail"),  # self-hosted 1312
    "guides/proxy": ("let's encrypt https", "proxy subpath", "certificate verify failed self signed"),
    "guides/postgresql": ("mysql support", "sqlite to postgres migration"),
    "guides/keys": ("ldap", "forgot password", "add user"),
    "guides/answering": ("assign to someone", "acknowledge from slack"),
    "guides/install": ("change port", "docker compose install", "systemd service", "kubernetes helm chart"),
    "guides/monitors": ("cron job monitoring", "heartbeat"),
    "explanation/promises": ("notification sent twice",),
    "explanation/alternatives": ("ping website uptime", "multi tenant"),  # healthchecks/healthchecks 146
}
"""What a new operator types, the issue where somebody did, and the chapter that has to be among the first three."""


def of(language: str) -> list[tuple[str, Block]]:
    return [
        (chapter.path, block)
        for chapter in LISTED
        for block in blocks(chapter.text)
        if block.language == language and block.is_tried
    ]


def test_every_file_is_listed_once_and_in_no_other_place() -> None:
    files = sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.md"))
    assert sorted([*(chapter.path for chapter in LISTED), "README"]) == files
    assert len({chapter.title for chapter in chapters()}) == len(chapters())


def test_every_link_leads_to_a_chapter_and_a_heading() -> None:
    """Of the files, so that they hold at GitHub; `linked` makes the addresses of the pages of them."""
    for chapter in (
        *chapters(),
        *(each.with_generated() for each in LISTED if each.path.startswith("reference/")),
    ):
        for target in re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", chapter.text):
            if re.match(r"https?:", target):
                continue
            assert re.fullmatch(r"([./\w-]+\.md)?(#[\w-]+)?", target), (chapter.path, target)
            path, _, anchor = (link_target(chapter, target) or "out").partition("#")
            there = chapter if path == chapter.path else chapter_at(path)
            assert there is not None, (chapter.path, target)
            assert not anchor or anchor in {section.anchor for section in sections(there)}, (
                chapter.path,
                target,
            )


def test_every_proof_that_is_named_is_there() -> None:
    """Files of tests, beside the promises that they prove."""
    named = {path for chapter in chapters() for path in re.findall(r"`(tests/[\w/.]+\.py)`", chapter.text)}
    assert len(named) > 10
    assert [path for path in named if not (FOLDER.parents[1] / path).is_file()] == []


def test_every_picture_is_there() -> None:
    for chapter in chapters():
        for target in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", chapter.text):
            assert picture_at(link_target(chapter, target) or "") is not None, (chapter.path, target)


@pytest.mark.parametrize(
    "path", ["../web/static/pages.css", "guides/../README.png", "/etc/x.png", "guides/email.md", "", "x.png"]
)
def test_only_pictures_of_the_manual_are_pictures(path: str) -> None:
    assert picture_at(path) is None


def test_every_block_is_tried_or_says_why_not() -> None:
    """Few are not, and none that `notifier check`, a parser or the service could try."""
    every = [(chapter.path, block) for chapter in chapters() for block in blocks(chapter.text)]
    assert {block.language for _, block in every} <= TRIED | DRAWN
    fences = sum(len(re.findall(r"^ *```", chapter.text, re.MULTILINE)) for chapter in chapters())
    assert len(every) * 2 == fences
    infos = {block.info.partition(":")[0] for _, block in every} - {""}
    assert infos <= {"not-run", "other", "event"}
    left_out = [path for path, block in every if not block.is_tried]
    assert len(left_out) < len(every) / 4


@pytest.mark.parametrize(("path", "block"), of("yaml"))
def test_every_configuration_passes_check(path: str, block: Block, tmp_path: Path) -> None:
    password = tmp_path / "smtp"
    password.write_text("pa55word")
    config = tmp_path / "notifier.yaml"
    config.write_text(block.text.replace("/run/secrets/smtp", str(password)))
    errors, _ = check(str(config), SECRETS)
    assert [str(error) for error in errors] == [], path


def test_every_event_is_taken_without_a_warning() -> None:
    """As its bytes are read."""
    found = of("json")
    assert len(found) >= 2
    normalizer = Normalizer(max_event_bytes=256 * 1024, new_id=lambda: "1")
    for path, block in found:
        [item] = normalizer.read([block.text.encode()], project="p", received_at=0, sent_at=None)
        assert isinstance(item, Accepted), path
        assert item.warnings == (), path


def test_every_program_compiles_and_finds_what_it_imports() -> None:
    """But for what is another's: a channel in a file of one's own."""
    found = of("python")
    assert len(found) >= 4
    for path, block in found:
        tree = ast.parse(block.text, path)
        compile(tree, path, "exec")
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and not str(node.module).startswith("notifier_"):
                module = importlib.import_module(node.module or "")
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == [], path


@pytest.fixture(scope="module")
def index() -> ManualIndex:
    return ManualIndex(chapter.with_generated() for chapter in LISTED)


@pytest.mark.parametrize(("question", "first"), [(question, first) for _, question, first in QUESTIONS])
def test_what_operators_ask_is_answered_first(question: str, first: str, index: ManualIndex) -> None:
    hits = index.find(question)
    assert [hit.path for hit in hits][:1] == [first], [(hit.path, hit.section) for hit in hits[:4]]
    assert hits[0].snippet


def test_what_a_new_operator_types_is_among_the_first_three(index: ManualIndex) -> None:
    """On the pages, and in the terminal, which does not import what the reference is written from."""
    as_written = ManualIndex(LISTED)
    for chapter, questions in ASKED.items():
        for question in questions:
            for searched in (index, as_written):
                assert chapter in [hit.path for hit in searched.find(question)][:3], question


def test_titles_come_before_text(index: ManualIndex) -> None:
    """And a word that is only begun is found, and one that is nowhere is not."""
    assert index.find("email")[0].path == "guides/email"
    assert index.find("escal")[0].path
    assert index.find("xyzzy") == index.find("") == index.find("the of a") == ()
    assert len(index.find("a" * 10_000 + " alert" * 10_000)) <= 20


def test_what_is_generated_is_written_from_the_code() -> None:
    """Every key, call and metric has its line; nothing is left of the block that names the function."""
    wholes = {chapter.path: chapter.with_generated().text for chapter in LISTED}
    assert all("```generated" not in text for text in wholes.values())
    assert "### notifier dead-letters redeliver" in wholes["reference/cli"]
    assert "`POST /v1/events`" in wholes["reference/http"]
    assert "| `group_interval` |" in wholes["reference/configuration"]
    assert "`notifier_outbox_oldest_age_seconds`" in wholes["reference/metrics"]
    assert "| `fingerprint` |" in wholes["reference/events"]
    assert "`quarantined`" in wholes["reference/outcomes"]
    assert "`thread_id` *" in wholes["reference/webhooks"]


def test_every_page_has_a_chapter_that_helps() -> None:
    firsts = {row.path.split("/")[1] for row in PAGES} - {"manual"}
    assert firsts <= set(CHAPTERS)
    assert all(chapter_at(path) is not None for path in CHAPTERS.values())
    assert help_path("/incidents/{number}") == "/manual/guides/answering"
    assert help_path("") == "/manual"


def test_a_chapter_is_found_by_its_name() -> None:
    assert [chapter.path for chapter in chapters_named("Email.md")] == ["guides/email"]
    assert [chapter.path for chapter in chapters_named("guides/slack")] == ["guides/slack"]
    assert chapters_named("") == chapters_named("nothing") == ()


def test_anchors_are_those_of_github() -> None:
    """Equal headings are numbered, and headings within a block of code are none."""
    text = "# A `b` c, d!\n\n```sh\n# no heading\n```\n\n## Twice\n\n## Twice\n"
    found = sections(Chapter(path="x", part="", title="A b c, d!", text=text))
    assert [section.anchor for section in found] == ["a-b-c-d", "twice", "twice-1"]


def test_a_number_is_one_word(index: ManualIndex) -> None:
    """A part of a number with separators is not found by itself; the whole number is."""
    assert [hit.path for hit in index.find("50,757")] == ["explanation/speed"]
    assert "explanation/speed" not in [hit.path for hit in index.find("757")]
