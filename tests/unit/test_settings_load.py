"""Where the configuration comes from, and what the environment does to it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import notifier
from notifier.cli.session import Installed
from notifier.domain.delivery import RateLimit
from notifier.domain.errors import ConfigError, Problem
from notifier.domain.time import DAY, HOUR, MINUTE, SECOND
from notifier.runtime.configuration import check, load_for_database
from notifier.settings.channel_blocks import ChannelBlock
from notifier.settings.environment import NO_SETTINGS
from notifier.settings.loading import load
from notifier.settings.model import Settings
from notifier.settings.sections import DeliverySettings
from notifier.settings.values import Rate

LoadText = Callable[..., Settings]
Wrong = Callable[..., list[str]]

DURATION = (
    "expected a duration such as 500ms, 10s, 5m, 4h, 30d, 1w or 1h30m (whole numbers, largest unit first)"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, port: int) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"server: {{port: {port}}}\n")
    return str(path)


def test_the_argument_wins_over_everything(folder: Path) -> None:
    """`--config`, then NOTIFIER_CONFIG, then config/notifier.yaml, then the defaults."""
    environ = {"NOTIFIER_CONFIG": write(folder / "b.yaml", 2)}
    argument = write(folder / "a.yaml", 1)
    write(folder / "config" / "notifier.yaml", 3)
    assert load(argument, environ).server.port == 1
    assert load(None, environ).server.port == 2
    assert load(None, {"NOTIFIER_CONFIG": ""}).server.port == 3
    assert load(None, {}).source == "config/notifier.yaml"
    (folder / "config" / "notifier.yaml").unlink()
    assert load(None, {}).server.port == 8000


def test_without_a_file_the_console_tells_at_once(folder: Path) -> None:
    """The built-in defaults work as the shipped file does."""
    settings = load(None, {})
    assert settings.source is None
    assert {name: block.type for name, block in settings.channels.items()} == {"console": "console"}
    assert settings.route.channels == ("console",)
    assert settings.route.group_wait == 0
    assert settings.fallback is None
    assert settings.route.line is None
    assert settings.warnings == ()
    assert len(settings.version) == 12


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "server: {port: 9}\n", "channels:\nroute:\n"])
def test_a_file_that_names_nobody_gets_the_console(load_text: LoadText, text: str) -> None:
    """A file with neither channels nor a route is about something else; alerts are not lost for that."""
    assert load_text(text).route.channels == ("console",)


def test_a_file_that_is_named_must_be_there(folder: Path) -> None:
    """A missing file is an error and not a reason to use defaults."""
    for path, environ in (("none.yaml", {}), (None, {"NOTIFIER_CONFIG": "none.yaml"})):
        with pytest.raises(
            ConfigError, match=r"^none\.yaml:1:1: the configuration cannot be read \(No such file"
        ):
            load(path, environ)
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\)"):
        load(str(folder), {})
    with pytest.raises(ConfigError, match=r"cannot be read \(not a path\)"):
        load("a\0b", {})


def test_the_version_is_the_file_s_hash(load_text: LoadText) -> None:
    """The first 12 hex digits of SHA-256 over the bytes, whatever the environment says."""
    text = "server: {port: 9}\n"
    settings = load_text(text, {"NOTIFIER_SERVER__PORT": "10"})
    assert settings.version == hashlib.sha256(text.encode()).hexdigest()[:12]


def test_every_key_is_read(load_text: LoadText) -> None:
    """The example of the documentation, value by value."""
    settings = load_text("""
server: {host: 0.0.0.0, port: 9000, url: https://notifier.example.com/}
database: {url: "postgresql://user@host/notifier", max_size: 1GiB}
channels:
  audit: {type: webhook, rate_limit: {messages: 30, per: 1h, burst: 5}, digest: false}
  mail: {type: email, rate_limit: 30/hour}
  slow: {type: email, rate_limit: {messages: 7, per: 2m}}
fallback: audit
route: {channels: [mail]}
auto_resolve: 1d12h
delivery: {expires_after: 2h, fallback_after: 1m, allow_private_addresses: true}
ingest: {rate_limit: 10/second, new_incidents: 5/minute, max_event_bytes: 1KiB, max_body_bytes: 1MB}
retention: {events: 1d, incidents: 2d, deliveries: 3d, task_runs: 4d}
""")
    assert (settings.server.host, settings.server.port) == ("0.0.0.0", 9000)
    assert settings.server.url == "https://notifier.example.com"
    assert settings.database.url == "postgresql://user@host/notifier"
    assert settings.database.max_size == 2**30
    assert settings.channels["audit"].rate_limit == RateLimit(messages=30, per=HOUR, burst=5)
    assert settings.channels["mail"].rate_limit == RateLimit(messages=30, per=HOUR, burst=30)
    assert settings.channels["slow"].rate_limit == RateLimit(messages=7, per=2 * MINUTE, burst=7)
    assert [block.digest for block in settings.channels.values()] == [False, None, None]
    assert settings.fallback == "audit"
    assert settings.auto_resolve == 36 * HOUR
    assert (settings.delivery.expires_after, settings.delivery.fallback_after) == (2 * HOUR, MINUTE)
    assert settings.delivery.allow_private_addresses is True
    assert settings.ingest.rate_limit == Rate(count=10, per=SECOND)
    assert settings.ingest.new_incidents == Rate(count=5, per=MINUTE)
    assert (settings.ingest.max_event_bytes, settings.ingest.max_body_bytes) == (1024, 1_000_000)
    assert (settings.retention.events, settings.retention.task_runs) == (DAY, 4 * DAY)


def test_all_problems_come_at_once_in_the_order_of_the_file(wrong: Wrong) -> None:
    """One run of `notifier check` is enough."""
    assert wrong(
        """\
server: {prt: 1, port: 70000}
database: {url: mysql://root:hunter2@db}
channels:
  mail: {type: email}
fallback: audit
route:
  channels: [mial]
  group_wait: 10
retension: {}
inhibit: [{source: [], target: [x=1]}]
"""
    ) == [
        "n.yaml:1:10: server: unknown key `prt`; did you mean `port`?",
        "n.yaml:1:24: server.port: expected a whole number from 0 to 65535",
        "n.yaml:2:17: database.url: expected sqlite:///path/to/file.db or postgresql://user@host/name",
        "n.yaml:5:11: fallback: `audit` is not a channel that is defined; expected one of mail",
        "n.yaml:7:14: route.channels[0]: `mial` is not a channel that is defined; did you mean `mail`?",
        f"n.yaml:8:15: route.group_wait: {DURATION}",
        "n.yaml:9:1: unknown key `retension`; did you mean `retention`?",
        "n.yaml:10:20: inhibit[0].source: an empty list would take every incident: write at least one matcher",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("server: 5\n", "n.yaml:1:9: server: expected a mapping of keys and values"),
        ("server:\n  - port\n", "n.yaml:2:3: server: expected a mapping of keys and values"),
        ("server: {port: [1]}\n", "n.yaml:1:16: server.port: expected a single value, not a list"),
        ("server: {port: {a: 1}}\n", "n.yaml:1:16: server.port: expected a single value, not a mapping"),
        ("server: {port: true}\n", "n.yaml:1:16: server.port: expected a whole number from 0 to 65535"),
        ("server: {port: 8000.0}\n", "n.yaml:1:16: server.port: expected a whole number from 0 to 65535"),
        ("server: {host: 5}\n", "n.yaml:1:16: server.host: expected text on one line"),
        ("server: {url: here}\n", "n.yaml:1:15: server.url: expected an address such as https://"),
        ("database: {max_size: -1}\n", "n.yaml:1:22: database.max_size: expected a size such as"),
        ("auto_resolve: 0\n", "n.yaml:1:15: auto_resolve: expected a duration longer than 0"),
        ("auto_resolve: -1s\n", "n.yaml:1:15: auto_resolve: expected a duration such as"),
        ("retention: {events: .nan}\n", "n.yaml:1:21: a number must be finite"),
        ("retention: {events: 0s}\n", "n.yaml:1:21: retention.events: expected a duration longer than 0"),
        (
            "delivery: {allow_private_addresses: 1}\n",
            "n.yaml:1:37: delivery.allow_private_addresses: expected true",
        ),
        ("ingest: {rate_limit: many}\n", "n.yaml:1:22: ingest.rate_limit: expected a rate such as"),
        ("inhibit_rules: []\n", "n.yaml:1:1: unknown key `inhibit_rules`; here it is called `inhibit`"),
        (
            "mute_time_intervals: []\n",
            "n.yaml:1:1: unknown key `mute_time_intervals`; here it is called `time_",
        ),
        ("receivers: []\n", "n.yaml:1:1: unknown key `receivers`; here it is called `channels`"),
        ("zzz: 1\n", "n.yaml:1:1: unknown key `zzz`; expected one of auth, auto_resolve, backup"),
        ("'xoxb 123': 1\n", "n.yaml:1:1: unknown key this name; expected one of"),
        ("channels: {mail: {type: email}}\n", "n.yaml:1:1: `route` is missing: write"),
        (
            "fallback: mail\n",
            "n.yaml:1:11: fallback: `mail` is not a channel that is defined; none is defined",
        ),
        ("fallback: [mail]\n", "n.yaml:1:11: fallback: expected a single value, not a list"),
        ("fallback: 'sk live 1'\n", "n.yaml:1:11: fallback: this name is not a channel"),
    ],
)
def test_each_kind_of_problem_has_its_place_and_sentence(wrong: Wrong, text: str, problem: str) -> None:
    """Where, what, and what to do; never the value itself."""
    found = wrong(text)
    assert any(one.startswith(problem) for one in found), found


def test_a_missing_fallback_is_a_warning(load_text: LoadText) -> None:
    """It is allowed, and worth a word."""
    (warning,) = load_text("channels: {mail: {type: email}}\nroute: {channels: [mail]}\n").warnings
    assert (warning.line, warning.column) == (1, 1)
    assert "`fallback` is missing" in warning.message


def test_a_route_that_has_only_the_fallback_is_a_warning(load_text: LoadText) -> None:
    """Where the fallback is all there is, nothing takes over; only the route that says so is named."""
    settings = load_text(
        "channels: {a: {type: email}, b: {type: email}}\nfallback: b\n"
        "route:\n  channels: [a]\n  routes:\n    - channels: [b]\n      routes:\n        - group_wait: 0\n"
    )
    (warning,) = settings.warnings
    assert (warning.line, warning.column) == (6, 17)
    assert warning.message.startswith("route.routes[0].channels: the fallback is this route's only channel")


class TestEnvironment:
    """NOTIFIER_<SECTION>__<KEY> wins over the file."""

    def test_sets_every_plain_section(self, load_text: LoadText) -> None:
        """Server, database, delivery, ingest and retention."""
        settings = load_text(
            "server: {port: 1}\n",
            {
                "NOTIFIER_SERVER__PORT": "9000",
                "NOTIFIER_DATABASE__URL": "postgresql://notifier@db/notifier",
                "NOTIFIER_DELIVERY__ALLOW_PRIVATE_ADDRESSES": "true",
                "NOTIFIER_INGEST__MAX_BODY_BYTES": "1MiB",
                "NOTIFIER_INGEST__RATE_LIMIT": "5/second",
                "NOTIFIER_RETENTION__EVENTS": "1d",
                "notifier_server__host": "names-are-compared-without-case",
            },
        )
        assert settings.server.port == 9000
        assert settings.server.host == "names-are-compared-without-case"
        assert settings.database.url == "postgresql://notifier@db/notifier"
        assert settings.delivery.allow_private_addresses is True
        assert settings.ingest.max_body_bytes == 2**20
        assert settings.ingest.rate_limit == Rate(count=5, per=SECOND)
        assert settings.retention.events == DAY

    def test_replaces_what_the_file_says_even_where_that_is_wrong(self, load_text: LoadText) -> None:
        """An overridden value is not read: neither its variables nor its file."""
        text = "database: {url: '${UNSET}', max_size: 1GB}\nserver:\n"
        environ = {"NOTIFIER_DATABASE__URL": "sqlite:///a.db", "NOTIFIER_SERVER__PORT": "1"}
        assert load_text(text, environ).database.url == "sqlite:///a.db"
        text = "database: {url_file: /nowhere, max_size: 1GB}\n"
        assert load_text(text, environ).database.max_size == 1_000_000_000

    def test_an_empty_variable_sets_nothing(self, load_text: LoadText) -> None:
        """Compose files pass variables on that nobody has set."""
        assert load_text("", {"NOTIFIER_SERVER__PORT": ""}).server.port == 8000

    def test_is_not_interpolated(self, wrong: Wrong) -> None:
        """Only the file has variables; a `${` in the environment is meant."""
        (problem,) = wrong("", {"NOTIFIER_SERVER__URL": "${X}"})
        assert problem.startswith("NOTIFIER_SERVER__URL:1:1: server.url: expected an address")

    @pytest.mark.parametrize(
        ("name", "problem"),
        [
            ("NOTIFIER_SERVER__PRT", "`server` has no such key; did you mean `port`?"),
            ("NOTIFIER_SERVER__", "`server` has no such key; expected one of host, port, trusted_proxies"),
            ("NOTIFIER_DATABASE__POOL__SIZE", "`database` has no such key"),
            ("NOTIFIER_DATABSE__URL", "there is no such section among them"),
            (
                "NOTIFIER_CHANNELS__MAIL",
                "the environment can set database, delivery, ingest, retention, server",
            ),
        ],
    )
    def test_an_unknown_name_is_an_error(self, wrong: Wrong, name: str, problem: str) -> None:
        """A misspelt variable does not pass in silence."""
        (found,) = wrong("", {name: "hunter2"})
        assert found.startswith(f"{name}:1:1: ")
        assert problem in found
        assert "hunter2" not in found

    def test_a_wrong_value_is_an_error_at_its_variable(self, wrong: Wrong) -> None:
        """The problem names the variable, not the file."""
        assert wrong("server: {port: 1}", {"NOTIFIER_SERVER__PORT": "70000"}) == [
            "NOTIFIER_SERVER__PORT:1:1: server.port: expected a whole number from 0 to 65535"
        ]
        assert wrong("server: 5", {"NOTIFIER_SERVER__PORT": "1"}) == [
            "n.yaml:1:9: server: expected a mapping of keys and values"
        ]

    def test_other_names_are_left_alone(self, load_text: LoadText) -> None:
        """The client's, ours that are no settings, and what Kubernetes announces about a service called notifier."""
        environ = {
            "NOTIFIER_URL": "http://x",
            "NOTIFIER_KEY": "ntf_x",
            "NOTIFIER_PORT": "tcp://10.0.0.1:8000",
            "NOTIFIER_PORT_8000_TCP_ADDR": "10.0.0.1",
            "NOTIFIER_SERVICE_HOST": "10.0.0.1",
            "NOTIFIERS__X": "1",
        }
        assert load_text("", environ).warnings == ()

    def test_every_variable_that_the_code_reads_is_known(self) -> None:
        """No command and no part of the client reads one that the service warns of."""
        texts = (file.read_text(encoding="utf-8") for file in Path(notifier.__file__).parent.rglob("*.py"))
        read = {name for text in texts for name in re.findall(r"['\"]NOTIFIER_([A-Z_]+)['\"]", text)}
        assert {"URL", "KEY_FILE", "SPOOL"} < read
        assert {name.lower() for name in read if "__" not in name} <= NO_SETTINGS

    def test_a_single_underscore_is_a_warning(self, load_text: LoadText) -> None:
        """The likely slip is named, though the variable may be somebody else's."""
        (warning,) = load_text("", {"NOTIFIER_DATABASE_URL": "postgresql://u:hunter2@db/x"}).warnings
        assert str(warning) == (
            "NOTIFIER_DATABASE_URL:1:1: this variable sets nothing; did you mean NOTIFIER_DATABASE__URL, with two `_`?"
        )


class TestInterpolation:
    """${VAR} and ${VAR:-default}, after parsing, in text values only, once."""

    @pytest.mark.parametrize(
        ("written", "value"),
        [
            ("${A}", "one"),
            ("x-${A}-${B}-x", "x-one-two: [-x"),
            ("${NONE:-other}", "other"),
            ("${EMPTY:-other}", "other"),
            ("${A:-other}", "one"),
            ("${NONE:-}", ""),
            ("${EMPTY}", ""),
            ("${NONE:-a:-b}", "a:-b"),
            ("$${A}", "${A}"),
            ("$$${A}", "$${A}"),
            ("${NESTED}", "${A}"),
            ("${NONE:-$${A}", "$${A"),
            ("$A", "$A"),
            ("$$", "$$"),
            ("100$", "100$"),
            ("{A}", "{A}"),
        ],
    )
    def test_fills_in(self, load_text: LoadText, written: str, value: str) -> None:
        """A default stands in for an unset or empty variable, as in a shell; what is filled in is not read again."""
        text = f"channels: {{a: {{type: t, x: '{written}', l: ['{written}']}}}}\nroute: {{channels: [a]}}\n"
        environ = {"A": "one", "B": "two: [", "EMPTY": "", "NESTED": "${A}"}
        assert load_text(text, environ).channels["a"].options == {"x": value, "l": [value]}

    def test_a_filled_in_value_is_read_as_its_key_needs(self, load_text: LoadText) -> None:
        """A port and a flag can come from variables."""
        text = "server: {port: '${PORT}'}\ndelivery: {allow_private_addresses: '${LAX:-true}', expires_after: '${T}'}\n"
        settings = load_text(text, {"PORT": "9000", "T": "1h"})
        assert (settings.server.port, settings.delivery.allow_private_addresses) == (9000, True)
        assert settings.delivery.expires_after == HOUR

    def test_keys_are_not_filled_in(self, wrong: Wrong) -> None:
        """Only values are."""
        (problem,) = wrong("${A}: 1\n", {"A": "server"})
        assert problem.startswith("n.yaml:1:1: unknown key")

    def test_an_unset_variable_is_an_error(self, wrong: Wrong) -> None:
        """Each one is named once, at its place, without complaints that only follow from it."""
        text = "server:\n  url: ${URL}\n  port: ${PORT}\ndatabase: {url: 'sqlite:///${A}${B}'}\n"
        assert wrong(text) == [
            "n.yaml:2:8: the variable URL is not set: set it, or write ${URL:-default}",
            "n.yaml:3:9: the variable PORT is not set: set it, or write ${PORT:-default}",
            "n.yaml:4:17: the variable A is not set: set it, or write ${A:-default}",
            "n.yaml:4:17: the variable B is not set: set it, or write ${B:-default}",
        ]

    @pytest.mark.parametrize(
        "written", ["${", "a ${A", "${}", "${1A}", "${A-b}", "${A B}", "${A:=b}", "${:-b}"]
    )
    def test_other_forms_are_errors(self, wrong: Wrong, written: str) -> None:
        """What looks like a variable and is none does not pass as text."""
        assert wrong(f"server: {{host: '{written}'}}\n", {"A": "x"}) == [
            "n.yaml:1:16: expected ${NAME} or ${NAME:-default}; write $${ for the signs themselves"
        ]

    @pytest.mark.parametrize(
        "text",
        [
            "channels: '${A}'",
            "channels: {a: '${A}'}",
            "channels: {a: {type: '${A}', rate_limit: '${A}', digest: '${A}', x_file: '${A}'}}",
            "fallback: ${A}",
            "route: ${A}",
            "route: {channels: '${A}'}",
            "route: {channels: ['${A}'], group_by: '${A}', notify_after: '${A}', routes: '${A}'}",
            "route: {channels: ['${A}'], routes: ['${A}', {match: ['${A}'], group_by: ['${A}']}]}",
            "route: {notify_after: {events: '${A}', within: '${A}'}}",
            "server: ${A}",
            "auto_resolve: ${A}",
        ],
    )
    def test_nothing_else_is_said_about_an_unset_variable(self, wrong: Wrong, text: str) -> None:
        """Wherever it stands, the variable is the problem, and no reader stumbles over the gap."""
        found = [one for one in wrong(text) if "is missing" not in one]
        assert found
        assert all(
            one.endswith("the variable A is not set: set it, or write ${A:-default}") for one in found
        ), found


class TestSecretFiles:
    """Every secret `x` can come from `x_file`."""

    def test_of_the_database(self, load_text: LoadText, tmp_path: Path) -> None:
        """The address may hold a password."""
        (tmp_path / "url").write_text("postgresql://u:hunter2@db/x\n")
        assert load_text("database: {url_file: url}").database.url == "postgresql://u:hunter2@db/x"

    def test_a_byte_order_mark_is_no_part_of_it(self, load_text: LoadText, tmp_path: Path) -> None:
        """Editors of Windows begin a file with one."""
        (tmp_path / "url").write_bytes(b"\xef\xbb\xbfpostgresql://u:hunter2@db/x\r\n")
        assert load_text("database: {url_file: url}").database.url == "postgresql://u:hunter2@db/x"

    def test_of_the_database_from_the_environment(
        self, load_text: LoadText, wrong: Wrong, tmp_path: Path
    ) -> None:
        """NOTIFIER_DATABASE__URL_FILE replaces a url in the file, but not one beside it."""
        (tmp_path / "url").write_text("sqlite:///a.db")
        environ = {"NOTIFIER_DATABASE__URL_FILE": str(tmp_path / "url")}
        assert load_text("database: {url: sqlite:///b.db}", environ).database.url == "sqlite:///a.db"
        (problem,) = wrong("", environ | {"NOTIFIER_DATABASE__URL": "sqlite:///b.db"})
        assert "database.url_file: `url` is set as well: keep one of the two" in problem

    def test_a_wrong_address_in_a_file_is_not_repeated(self, wrong: Wrong, tmp_path: Path) -> None:
        """The place is the key's, and the secret stays secret."""
        (tmp_path / "url").write_text("mysql://u:hunter2@db/x")
        (problem,) = wrong("database: {url_file: url}")
        assert problem.startswith("n.yaml:1:22: database.url: expected sqlite:///")
        assert "hunter2" not in problem

    def test_at_every_depth_of_a_channel(self, load_text: LoadText, tmp_path: Path) -> None:
        """A block's own keys, nested ones, lists of files, and variables in the path."""
        (tmp_path / "one").write_bytes(b"first\r\n")
        (tmp_path / "two").write_bytes(b" second \n\n")
        text = (
            "channels:\n  a:\n    type: t\n    secret_file: [one, two]\n    token: null\n    token_file: one\n"
            "    smtp: {password_file: '${WHERE}/two', host: h}\n    list: [{key_file: one, none: null}]\n"
            "    none_file: null\n"
            "route: {channels: [a]}\n"
        )
        block = load_text(text, {"WHERE": str(tmp_path)}).channels["a"]
        assert block.options == {
            "secret": ["first", " second "],
            "token": "first",
            "smtp": {"password": " second ", "host": "h"},
            "list": [{"key": "first"}],
        }
        place = block.problem(("smtp", "password"), "wrong")
        assert str(place).endswith("n.yaml:7:12: channels.a.smtp.password: wrong")

    @pytest.mark.parametrize(
        ("name", "content", "sentence"),
        [
            ("absent", None, "the secret file cannot be read (No such file or directory)"),
            ("folder", None, "the secret file cannot be read (Is a directory)"),
            ("empty", b"", "the secret file is empty: write the secret into it"),
            ("blank", b" \n\n", "the secret file is empty: write the secret into it"),
            ("binary", b"\xff\xfe\x00", "the secret file is not UTF-8 text; is it the right one?"),
            ("huge", b"x" * 70_000, "the secret file is larger than 64 KiB; is it the right one?"),
        ],
    )
    def test_a_file_that_holds_no_secret(
        self, wrong: Wrong, tmp_path: Path, name: str, content: bytes | None, sentence: str
    ) -> None:
        """The problem names the key, not the path, and says what is wrong with the file."""
        (tmp_path / "folder").mkdir()
        if content is not None:
            (tmp_path / name).write_bytes(content)
        text = f"channels:\n  a:\n    type: t\n    smtp:\n      password_file: {name}\nroute: {{channels: [a]}}\n"
        assert wrong(text) == [f"n.yaml:5:22: channels.a.smtp.password_file: {sentence}"]

    @pytest.mark.parametrize("written", ["5", "''", "{a: b}", "true", '"a\\0b"'])
    def test_a_path_is_text(self, wrong: Wrong, written: str) -> None:
        """A number or a mapping is no path."""
        (problem,) = wrong(f"channels: {{a: {{type: t, x_file: {written}}}}}\nroute: {{channels: [a]}}\n")
        assert problem == (
            "n.yaml:1:33: channels.a.x_file: expected the path of a file that holds the secret"
        )

    def test_the_address_of_the_service_needs_no_secret_of_a_channel(self, tmp_path: Path) -> None:
        """Commands read where it listens, and whoever runs them may have no right to the secrets."""
        file = tmp_path / "n.yaml"
        file.write_text(
            "server: {port: 8123}\nroute: {channels: [a]}\n"
            "channels: {a: {type: email, smtp: {password_file: /nowhere, ca_file: /nowhere}}}\n"
        )
        assert Installed().address(str(file), {}) == ("127.0.0.1", 8123)

    def test_work_on_the_database_needs_nothing_that_only_the_service_reads(self, tmp_path: Path) -> None:
        """A secret under systemd and a variable of its unit are absent elsewhere; the database's own must be there."""
        file = tmp_path / "n.yaml"
        secret = "/run/credentials/notifier.service/absent"
        text = (
            "database: {url: '${DB:-sqlite:///a.db}'}\nroute: {channels: [a], group_wait: 7s}\nauth:\n"
            f"  oidc: {{issuer: https://id.example.com, client_id: n, client_secret_file: {secret}, "
            "roles: {g: {p: [read]}}}\n"
            f"channels: {{a: {{type: slack, token: '${{TOKEN}}', signing_secret_file: {secret}}}}}\n"
        )
        file.write_text(text)
        read = load_for_database(str(file), {})
        assert (read.database.url, read.route.group_wait) == ("sqlite:///a.db", 7 * SECOND)
        errors, _ = check(str(file), {})
        assert [error.line for error in errors] == [4, 5, 5]
        assert errors[0].message.endswith(
            "(No such file or directory): systemd shows it to the service alone"
        )
        file.write_text(text.replace("url: '${DB:-sqlite:///a.db}'", f"url_file: {secret}"))
        with pytest.raises(ConfigError, match=r"database\.url_file: the secret file cannot be read"):
            load_for_database(str(file), {})

    def test_both_forms_are_one_too_many(self, wrong: Wrong, tmp_path: Path) -> None:
        """Nobody can say which would win."""
        (tmp_path / "one").write_text("first")
        block = "{type: t, token: x, token_file: one, s: {p_file: one, p: x}}"
        text = f"channels: {{a: {block}}}\nroute: {{channels: [a]}}\n"
        assert wrong(text) == [
            "n.yaml:1:35: channels.a.token_file: `token` is set as well: keep one of the two",
            "n.yaml:1:56: channels.a.s.p_file: `p` is set as well: keep one of the two",
        ]


class TestChannels:
    """A block is handed on as written, with its places; what kinds share is read here."""

    def test_options_keep_their_types_and_places(self, load_text: LoadText) -> None:
        """Numbers, flags, lists and text; what YAML 1.1 would make a surprise of stays text, empty keys go."""
        block = load_text(
            "channels:\n  a:\n    type: t\n    n: 5\n    f: 1.5\n    b: yes\n    s: '5'\n    none: ~\n"
            "    time: 1:30\n"
            "    old: 010\n    day: 2026-01-01\n    hex: 0x1F\n    to: [x, y]\n    smtp:\n      port: 25\n"
            "    rate_limit: 1/hour\n    digest: true\nroute: {channels: [a]}\n"
        ).channels["a"]
        assert block.type == "t"
        assert block.options == {
            "n": 5,
            "f": 1.5,
            "b": True,
            "s": "5",
            "time": "1:30",
            "old": "010",
            "day": "2026-01-01",
            "hex": "0x1F",
            "to": ["x", "y"],
            "smtp": {"port": 25},
        }
        paths: list[tuple[str | int, ...]] = [(), ("n",), ("to", 1), ("smtp",), ("smtp", "port")]
        found = [block.problem(path, "") for path in paths]
        assert [(each.line, each.column) for each in found] == [(2, 3), (4, 5), (13, 13), (14, 5), (15, 7)]

    @pytest.mark.parametrize(
        ("block", "problem"),
        [
            (
                "{}",
                "2:3: channels.a: `type` is missing: email, slack, webhook, console, or a kind of your own",
            ),
            ("5", "2:6: channels.a: expected a mapping of keys and values"),
            ("{type: 5}", "2:13: channels.a.type: expected text on one line"),
            ("{type: [x]}", "2:13: channels.a.type: expected a single value, not a list"),
            ("{type: t, digest: 1}", "2:24: channels.a.digest: expected true or false"),
            ("{type: t, rate_limit: 30}", "2:28: channels.a.rate_limit: expected a rate such as 30/hour"),
            (
                "{type: t, rate_limit: [1]}",
                "2:28: channels.a.rate_limit: expected a single value, not a list",
            ),
            ("{type: t, rate_limit: {}}", "2:28: channels.a.rate_limit: `messages` is missing"),
            ("{type: t, rate_limit: {messages: 5}}", "2:28: channels.a.rate_limit: `per` is missing"),
            (
                "{type: t, rate_limit: {messages: 0, per: 1h}}",
                "2:39: channels.a.rate_limit.messages: expected a whole number from 1 to",
            ),
            (
                "{type: t, rate_limit: {messages: 1, per: 0}}",
                "2:47: channels.a.rate_limit.per: expected a duration",
            ),
            (
                "{type: t, rate_limit: {messages: 1, per: 1h, brust: 2}}",
                "2:51: channels.a.rate_limit: unknown key `brust`; did you mean `burst`?",
            ),
        ],
    )
    def test_what_kinds_share_is_checked(self, wrong: Wrong, block: str, problem: str) -> None:
        """Each with its path inside the channel."""
        found = wrong(f"channels:\n  a: {block}\nroute: {{channels: [a]}}\n")
        assert any(one.startswith(f"n.yaml:{problem}") for one in found), found

    @pytest.mark.parametrize("name", ["'a b'", "-a", "a/b", "ä", "'" + "a" * 65 + "'"])
    def test_names_are_plain(self, wrong: Wrong, name: str) -> None:
        """They stand in addresses, metrics and commands."""
        (problem,) = wrong(f"channels:\n  b: {{type: t}}\n  {name}: {{type: t}}\nroute: {{channels: [b]}}\n")
        assert problem.startswith(
            "n.yaml:3:3: channels: a channel's name has letters, digits, - _ and . only"
        )

    def test_a_block_s_own_check_joins_the_others(self, tmp_path: Path) -> None:
        """The registry's problems come together with the file's; a block with a gap is spared the second complaint."""
        asked: list[str] = []

        def check(block: ChannelBlock, delivery: DeliverySettings) -> Iterable[Problem]:
            asked.append(block.name)
            assert delivery.allow_private_addresses
            yield block.problem(("x",), "no such x")

        file = tmp_path / "n.yaml"
        file.write_text(
            "channels:\n  a: {type: t, x: 1}\n  b: {type: t, x: '${NO}'}\n  c: {x: 1}\n"
            "route: {chanels: [a]}\ndelivery: {allow_private_addresses: true}\n"
        )
        with pytest.raises(ConfigError) as refused:
            load(str(file), {}, check_channel=check)
        assert asked == ["a"]
        assert [(one.line, one.message[:9]) for one in refused.value.problems] == [
            (2, "channels."),
            (3, "the varia"),
            (4, "channels."),
            (5, "route: `c"),
            (5, "route: un"),
        ]


def test_settings_are_frozen(load_text: LoadText) -> None:
    """Nothing changes after loading."""
    settings: Any = load_text("")
    with pytest.raises(ValidationError, match="frozen"):
        settings.server.port = 1
    with pytest.raises(AttributeError):
        settings.server = None
