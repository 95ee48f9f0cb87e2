"""The registry of kinds: validation of channel blocks, with their errors."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from notifier.channels import registry
from notifier.channels.base import Kind, Toolbox
from notifier.channels.console import ConsoleChannel, ConsoleSettings
from notifier.channels.kinds import InstalledKinds, from_entry_points
from notifier.domain.errors import ConfigError, Problem
from notifier.settings.channel_blocks import ChannelBlock
from notifier.settings.document import SourceFile, SourceMark

pytestmark = pytest.mark.anyio

SECRET = "whsec_" + base64.b64encode(bytes(24)).decode()
SMTP = {"host": "smtp.example.com", "port": 587, "tls": "starttls", "username": "n", "password": "pa55word"}
GOOD: dict[str, dict[str, Any]] = {
    "email": {
        "smtp": SMTP,
        "from": "Notifier <n@example.com>",
        "to": ["Ann <ann@example.com>", "bob@example.com"],
    },
    "slack": {"token": "xoxb-1", "channel": "#oncall", "signing_secret": "8f742231b10e8888abcd99yyyzzz85a5"},
    "webhook": {
        "url": "https://u:p@hooks.example.com/n?key=1#x",
        "secret": SECRET,
        "allow_addresses": ["10.20.0.0/16"],
    },
    "console": {},
}


@dataclass(frozen=True, slots=True)
class Lines(SourceFile):
    """A file whose first path is in line 10, the next in 11, and everything else in line 1."""

    paths: tuple[tuple[str | int, ...], ...] = ()

    def key(self, path: tuple[str | int, ...]) -> SourceMark:
        below = path[2:]
        if below in self.paths:
            return SourceMark(file=self.file, line=10 + self.paths.index(below), column=5)
        return SourceMark(file=self.file, line=1, column=3)


def block(kind: str, options: dict[str, Any], *paths: tuple[str | int, ...]) -> ChannelBlock:
    return ChannelBlock(name="c", type=kind, options=options, source=Lines("notifier.yaml", paths=paths))


def problems(kind: str, options: dict[str, Any], *paths: tuple[str | int, ...]) -> tuple[Problem, ...]:
    result = registry.validate(block(kind, options, *paths), allow_private=False)
    assert isinstance(result, tuple)
    return result


@pytest.mark.parametrize(
    ("kind", "targets"),
    [
        ("email", ("ann@example.com", "bob@example.com")),
        ("slack", ("#oncall",)),
        ("webhook", ("https://hooks.example.com/n",)),
        ("console", ("stdout",)),
    ],
)
def test_a_good_block_names_its_targets_without_secrets(kind: str, targets: tuple[str, ...]) -> None:
    """Each kind's example is valid, and its targets contain no secret."""
    config = registry.validate(block(kind, GOOD[kind]), allow_private=False)
    assert isinstance(config, registry.ChannelConfig)
    assert config.targets == targets
    assert config.digest is (kind != "webhook")
    assert config.warnings == ()
    assert "pa55word" not in repr(config)
    assert SECRET not in repr(config)


def test_a_slack_webhooks_target_hides_its_path() -> None:
    """The target of a Slack webhook is its host, because its path is secret."""
    config = registry.validate(
        block("slack", {"webhook_url": "https://hooks.slack.com/services/T/B/s3cr3t"}), allow_private=False
    )
    assert isinstance(config, registry.ChannelConfig)
    assert config.targets == ("hooks.slack.com",)


@pytest.mark.parametrize(
    ("kind", "changes", "path", "words"),
    [
        ("webhook", {"secert": "x"}, ("secert",), "did you mean `secret`?"),
        ("email", {"smtp": {**SMTP, "prot": 1}}, ("smtp", "prot"), "did you mean `port`?"),
        ("email", {"smtp": {**SMTP, "port": 70000}}, ("smtp", "port"), "65535"),
        ("email", {"smtp": {**SMTP, "tls": "tls1"}}, ("smtp", "tls"), "'starttls', 'implicit' or 'none'"),
        ("email", {"smtp": {**SMTP, "tls": "none"}}, ("smtp",), "loopback"),
        ("email", {"to": ["ann@example.com", "x,y@z"]}, ("to", 1), "one address"),
        ("email", {"to": "x,y@z"}, ("to",), "one address"),
        ("email", {"to": []}, ("to",), "at least 1"),
        ("email", {"to": ["a@b.c", "A@b.c"]}, (), "twice"),
        ("email", {"from": "a@b.c\r\nBcc: x@y.z"}, ("from",), "one address"),
        ("webhook", {"url": "ftp://pa55word"}, ("url",), "https://"),
        ("webhook", {"secret": "whsec_pa55word"}, ("secret",), "24 to 64 bytes"),
        ("webhook", {"secret": [SECRET, "pa55word"]}, ("secret", 1), "whsec_"),
        ("webhook", {"secret": [SECRET, SECRET, SECRET]}, ("secret",), "at most 2"),
        ("webhook", {"allow_addresses": ["10.20.0.1/16"]}, ("allow_addresses", 0), "network"),
        ("slack", {"signing_secret": "pa55 word"}, ("signing_secret",), "Signing Secret"),
        ("slack", {"time_zone": "Europe/Pa55word"}, ("time_zone",), "IANA"),
        ("slack", {"time_zone": "../pa55word"}, ("time_zone",), "IANA"),
        ("slack", {"webhook_url": "https://hooks.slack.com/pa55word"}, (), "both ways"),
        ("slack", {"channel": None}, (), "needs `token` and `channel`"),
        ("console", {"color": True}, ("color",), "unknown key"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(
    kind: str, changes: dict[str, Any], path: tuple[str | int, ...], words: str
) -> None:
    """The error has the key's line, a remedy, and not the value."""
    options = {**GOOD[kind], **changes}
    (problem,) = problems(kind, options, path) if path else problems(kind, options)
    assert words in problem.message
    assert problem.line == (10 if path else 1)
    assert problem.message.startswith("channels.c")
    assert "pa55word" not in problem.message


def test_all_problems_come_at_once() -> None:
    """Two missing keys and an unknown one are three problems."""
    assert len(problems("email", {"smtp": SMTP, "form": "a@b.c"})) == 3


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    """An unknown kind is answered with a suggestion."""
    (problem,) = problems("slak", {}, ("type",))
    assert "did you mean `slack`?" in problem.message
    assert problem.line == 10


def test_http_urls_are_warned_of() -> None:
    """An http:// URL is a warning, because it would be blocked, unless private addresses are allowed."""
    written = block("webhook", {"url": "http://127.0.0.1/"}, ("url",))
    careful, bold = (registry.validate(written, allow_private=allowed) for allowed in (False, True))
    assert isinstance(careful, registry.ChannelConfig)
    assert isinstance(bold, registry.ChannelConfig)
    assert [one.line for one in careful.warnings] == [10]
    assert bold.warnings == ()


def test_a_third_party_kind_is_used_like_a_built_in_one() -> None:
    """A kind of an entry point is validated and opened like a built-in one."""
    kind = Kind(
        name="pager",
        settings=ConsoleSettings,
        open=lambda _name, _settings, _tools: ConsoleChannel(),
        targets=lambda _settings: ("me",),
    )
    config = registry.validate(
        block("pager", {}), allow_private=False, known=InstalledKinds(kinds={"pager": kind}, unusable={})
    )
    assert isinstance(config, registry.ChannelConfig)
    assert config.targets == ("me",)


def test_every_kind_has_a_schema_that_marks_its_secrets() -> None:
    """The schema has each kind with its secrets marked."""
    models = registry.models()
    assert {"email", "slack", "webhook", "console"} <= set(models)
    assert "from" in models["email"].model_json_schema()["properties"]
    assert "writeOnly" in str(models["webhook"].model_json_schema()["properties"]["secret"])


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=value, group="notifier.channels")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("pager", "a_module_that_is_not_there:KIND", "(ModuleNotFoundError of a_module_that_is_not_there)"),
        ("pager", "json:KIND", "(AttributeError)"),
        ("pager", "json:dumps", "is no notifier.channels.api.Kind"),
        ("email", "notifier.channels.console:KIND", "notifier's own is used"),
    ],
)
def test_a_package_that_cannot_be_loaded_stops_nothing(name: str, value: str, words: str) -> None:
    """A package that cannot be loaded makes its kind unusable, and no other."""
    known = from_entry_points([point(name, value), point("log", "notifier.channels.console:KIND")])
    assert words in known.unusable[name]
    assert {"email", "slack", "webhook", "console", "log"} <= set(known.kinds)
    assert known.kinds["email"].name == "email"


def test_a_channel_of_a_kind_that_cannot_be_loaded_is_a_problem_at_its_type() -> None:
    """The error is at the type's place and names the package."""
    known = from_entry_points([point("pager", "a_module_that_is_not_there:KIND")])
    (problem,) = as_problems(
        registry.validate(block("pager", {}, ("type",)), allow_private=False, known=known)
    )
    assert problem.line == 10
    assert "the package a_module_that_is_not_there" in problem.message


@pytest.mark.parametrize("targets", [lambda _: [], lambda _: [""], lambda _: 1 / 0, lambda _: None])
def test_a_kind_that_misbehaves_is_a_problem_and_no_traceback(targets: Any) -> None:
    """A kind that raises, or returns no targets, is a problem of the channel without a traceback."""
    kind = Kind(
        name="pager", settings=ConsoleSettings, open=lambda _n, _s, _t: ConsoleChannel(), targets=targets
    )
    known = InstalledKinds(kinds={"pager": kind}, unusable={})
    (problem,) = as_problems(registry.validate(block("pager", {}), allow_private=False, known=known))
    assert "the kind pager" in problem.message
    assert problem.line == 1


def as_problems(result: registry.ChannelConfig | tuple[Problem, ...]) -> tuple[Problem, ...]:
    assert isinstance(result, tuple)
    return result


async def test_a_kind_that_cannot_open_its_channel_is_a_problem(toolbox: Toolbox) -> None:
    """A kind that cannot open its channel stops the start with the channel's place and no traceback."""

    def refuse(_name: str, _settings: ConsoleSettings, _tools: Toolbox) -> ConsoleChannel:
        raise RuntimeError("pa55word")

    kind = Kind(name="pager", settings=ConsoleSettings, open=refuse, targets=lambda _settings: ("me",))
    known = InstalledKinds(kinds={"pager": kind}, unusable={})
    config = registry.validate(block("pager", {}), allow_private=False, known=known)
    assert isinstance(config, registry.ChannelConfig)
    with pytest.raises(ConfigError, match=r"notifier.yaml:1:3: channels.c: the kind pager") as caught:
        registry.open(config, toolbox)
    assert "pa55word" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"webhook_url": "https://hooks.slack.com/services/pa55word"}, "only posts: no message is edited"),
        ({"token": "xoxb-1", "channel": "#oncall"}, "no buttons"),
        ({"token": "xoxb-1", "channel": "#oncall", "signing_secret": "pa55word"}, "shorter than Slack's"),
    ],
)
def test_what_a_slack_channel_cannot_do_is_a_warning(options: dict[str, str], words: str) -> None:
    """A missing capability is a warning, and so is a short secret."""
    config = registry.validate(block("slack", options), allow_private=False)
    assert isinstance(config, registry.ChannelConfig)
    [warning] = config.warnings
    assert words in warning.message
    assert "pa55word" not in warning.message


def test_a_secret_of_an_incoming_webhook_is_a_mistake() -> None:
    """A signing secret for an incoming webhook is refused, because buttons need a bot."""
    options = {"webhook_url": "https://hooks.slack.com/x", "signing_secret": GOOD["slack"]["signing_secret"]}
    (problem,) = problems("slack", options)
    assert "`signing_secret`" in problem.message
