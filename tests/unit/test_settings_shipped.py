"""The files that operators start from."""

from __future__ import annotations

from pathlib import Path

import yaml

from notifier.domain.time import HOUR, MINUTE, parse_rfc3339
from notifier.policy.muting import inhibits, mute_time
from notifier.policy.routing import route
from notifier.settings.loading import load
from notifier.settings.model import Settings

CONFIG = Path(__file__).parents[2] / "config"
EXAMPLE = {"SMTP_PASSWORD": "a", "SLACK_BOT_TOKEN": "b", "AUDIT_SECRET": "c", "STANDBY_PASSWORD": "d"}


PRODUCTION = {"service": "billing", "environment": "production"}


def example() -> Settings:
    return load(str(CONFIG / "notifier.example.yaml"), EXAMPLE)


def told(settings: Settings, **labels: str) -> set[str]:
    return {channel for one in route(settings.route, labels) for channel in one.channels}


def test_the_default_uses_sqlite_and_the_console_at_once() -> None:
    """What `notifier serve` starts with in a fresh checkout."""
    settings = load(str(CONFIG / "notifier.yaml"), {})
    assert settings.database.url == "sqlite:///notifier.db"
    assert [block.type for block in settings.channels.values()] == ["console"]
    assert settings.route.channels == ("console",)
    assert settings.route.group_wait == 0
    assert settings.warnings == ()


def test_the_default_file_says_what_the_defaults_are(tmp_path: Path) -> None:
    """Every value in the shipped file is the built-in one, so that deleting a line changes nothing."""
    shipped = load(str(CONFIG / "notifier.yaml"), {})
    file = tmp_path / "empty.yaml"
    file.write_text("")
    bare = load(str(file), {})
    for name in ("server", "database", "delivery", "ingest", "retention", "auto_resolve", "resolve_timeout"):
        assert getattr(shipped, name) == getattr(bare, name)
    for name in (
        "key",
        "channels",
        "group_by",
        "group_wait",
        "group_interval",
        "repeat_interval",
        "send_resolved",
    ):
        assert getattr(shipped.route, name) == getattr(bare.route, name)


def test_the_example_has_no_problems_and_no_warnings() -> None:
    """Filled in, it is ready."""
    settings = example()
    assert settings.warnings == ()
    assert {block.type for block in settings.channels.values()} == {"email", "slack", "webhook"}
    assert settings.channels["oncall-slack"].options["token"] == "b"
    assert settings.fallback == "standby-mail"


def test_one_report_reaches_mail_slack_and_webhook() -> None:
    """What the example promises; test systems stay in the mail."""
    for severity in ("error", "critical", "warning"):
        assert told(example(), **PRODUCTION, severity=severity) == {"team-mail", "oncall-slack", "audit"}
    assert told(example(), service="billing", environment="staging", severity="critical") == {
        "team-mail",
        "audit",
    }


def test_the_example_escalates_holds_and_keeps_hours() -> None:
    """Each is there once at least, and means what the words beside it say."""
    settings = example()
    (critical,) = route(settings.route, PRODUCTION | {"severity": "critical"})[1:]
    assert [(step.after, step.channels) for step in critical.escalate] == [
        (15 * MINUTE, ("standby-mail",)),
        (HOUR, ("standby-mail", "oncall-slack")),
    ]
    (rule,) = settings.inhibit
    assert inhibits(rule, PRODUCTION | {"severity": "critical"}, PRODUCTION | {"severity": "warning"})
    (tests,) = route(settings.route, PRODUCTION | {"environment": "staging"})[1:]
    night = mute_time(tests, parse_rfc3339("2026-11-23T23:00:00Z"))
    assert night is not None
    assert night.until == parse_rfc3339("2026-11-24T08:00:00Z")
    (warning,) = route(settings.route, PRODUCTION | {"severity": "warning"})[1:]
    assert mute_time(warning, parse_rfc3339("2026-11-23T23:00:00Z")) is not None
    assert mute_time(warning, parse_rfc3339("2026-11-24T00:00:00Z")) is None


def test_the_example_names_only_what_is_built() -> None:
    """Keys of later work are absent, not commented out."""
    text = (CONFIG / "notifier.example.yaml").read_text()
    assert not {"signing_secret"} & set(text.replace(":", " ").split())
    assert yaml.safe_load(text)
