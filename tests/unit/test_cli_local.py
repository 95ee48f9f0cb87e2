"""The commands that work on files, over a stand-in for the service's own functions (`Local`)."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import pytest

from notifier.cli import parser, run
from notifier.cli.session import CommandSession, Exit, Installed
from notifier.domain.errors import ConfigError, Problem, StoreError, StoreUnavailable

PROBLEM = Problem(
    file="notifier.yaml", line=3, column=5, message="`chanels` is unknown: did you mean `channels`?"
)
WARNING = Problem(file="notifier.yaml", line=1, column=1, message="there is no fallback")
KEY = "ntf_" + "k" * 32


@dataclass
class Recording:
    """Answers what it was given, or raises it, and keeps the calls."""

    problems: tuple[Sequence[object], Sequence[object]] = ((), ())
    raises: Exception | None = None
    listens: tuple[str, int] = ("127.0.0.1", 8000)
    status: int = 0
    calls: list[tuple[object, ...]] = field(default_factory=list)
    new: str | None = None

    def new_database(self, config: str | None, environ: Mapping[str, str]) -> str | None:
        return self.new

    def _called(self, *call: object) -> None:
        self.calls.append(call)
        if self.raises:
            raise self.raises

    def serve(self, config: str | None, *, port: int | None, hold: bool) -> int:
        self._called("serve", config, port, *(["hold"] if hold else []))
        return self.status

    def check(
        self, config: str | None, environ: Mapping[str, str]
    ) -> tuple[Sequence[object], Sequence[object]]:
        self._called("check", config, environ)
        return self.problems

    def schema(self) -> Mapping[str, Any]:
        self._called("schema")
        return {"type": "object"}

    def try_format(
        self, config: str | None, environ: Mapping[str, str], name: str, sample: bytes | None
    ) -> Any:
        self._called("try_format", config, name, sample)

    def upgrade(self, config: str | None, environ: Mapping[str, str]) -> str:
        self._called("upgrade", config, environ)
        return "The database is up to date."

    def copy_database(self, config: str | None, environ: Mapping[str, str], to: str) -> Any:
        self._called("copy_database", config, to)

    def check_database(self, config: str | None, environ: Mapping[str, str]) -> Any:
        self._called("check_database", config)

    def restore(self, config: str | None, environ: Mapping[str, str], backup: Path, *, replace: bool) -> Any:
        self._called("restore", config, backup, replace)

    def create_key_offline(
        self,
        config: str | None,
        environ: Mapping[str, str],
        project: str,
        name: str,
        scopes: Sequence[str],
        door: str | None,
        service: str | None,
    ) -> tuple[str, str | None]:
        self._called("create_key_offline", config, project, name, scopes, door, service)
        return KEY, "https://notifier.example.com/"

    def address(self, config: str | None, environ: Mapping[str, str]) -> tuple[str, int]:
        self._called("address", config)
        return self.listens

    def demo(
        self, *, port: int, app_port: int, inbox_port: int, out: TextIO, environ: Mapping[str, str]
    ) -> int:
        self._called("demo", port, app_port, inbox_port)
        return self.status


def invoke(local: Recording, *arguments: str, **environ: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    session = CommandSession(environ=environ, stdin=io.BytesIO(), stdout=out, stderr=err, local=lambda: local)
    return run(arguments, session), out.getvalue(), err.getvalue()


def test_check_prints_every_problem_and_exits_1() -> None:
    """Problems are data, one a line, `file:line:column` first; the verdict is talk."""
    status, out, err = invoke(
        Recording(problems=((PROBLEM,), (WARNING,))), "check", "--config", "notifier.yaml"
    )
    assert status == 1
    assert out == (
        "notifier.yaml:3:5: `chanels` is unknown: did you mean `channels`?\n"
        "notifier.yaml:1:1: there is no fallback (warning)\n"
    )
    assert err == "The configuration has problems.\n"


def test_check_exits_0_with_warnings_alone() -> None:
    status, out, _ = invoke(Recording(problems=((), (WARNING,))), "check", "--json")
    assert status == 0
    assert json.loads(out) == {"errors": [], "warnings": ["notifier.yaml:1:1: there is no fallback"]}


def test_the_same_problems_exit_2_at_start_up() -> None:
    """What `check` calls a no, `serve` calls unusable."""
    local = Recording(raises=ConfigError((PROBLEM, PROBLEM)))
    for command in (("serve",), ("db", "upgrade"), ("keys", "create", "--offline")):
        status, out, err = invoke(local, *command)
        assert (status, out) == (2, "")
        assert err.count(str(PROBLEM)) == 2


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (2, 2), (1, 1), (77, 1)])
def test_serve_hands_its_status_on(status: int, expected: int) -> None:
    assert invoke(Recording(status=status), "serve", "--config", "a.yaml")[0] == expected


def test_serve_may_hold() -> None:
    """`--hold` reaches the service, and only where it is given."""
    local = Recording()
    invoke(local, "serve")
    invoke(local, "serve", "--hold")
    assert local.calls == [("serve", None, None), ("serve", None, None, "hold")]


def test_serve_takes_a_port() -> None:
    """Over whatever the configuration says."""
    local = Recording()
    assert invoke(local, "serve")[0] == 0
    assert invoke(local, "serve", "--port", "9", "--config", "a.yaml")[0] == 0
    assert local.calls == [("serve", None, None), ("serve", "a.yaml", 9)]


@pytest.mark.parametrize(
    ("error", "status"),
    [(StoreUnavailable("the file is locked"), 3), (StoreError("run `notifier db upgrade`"), 2)],
)
def test_a_database_that_refuses_is_one_sentence(error: Exception, status: int) -> None:
    assert invoke(Recording(raises=error), "db", "upgrade") == (status, "", f"notifier: {error}\n")


@pytest.mark.parametrize("command", [("db", "check"), ("restore", "copy.db"), ("db", "upgrade"), ("serve",)])
def test_what_another_user_owns_is_a_sentence(command: tuple[str, ...]) -> None:
    """Whoever runs it without being the service's user is told so."""
    local = Recording(raises=PermissionError(13, "Permission denied", "/var/lib/notifier/notifier.db"))
    status, out, err = invoke(local, *command)
    assert (status, out) == (2, "")
    assert err.startswith(
        "notifier: this user may not open /var/lib/notifier/notifier.db: run the command as"
    )


def test_schema_and_upgrade_print_what_they_have() -> None:
    local = Recording()
    assert json.loads(invoke(local, "schema")[1]) == {"type": "object"}
    assert invoke(local, "db", "upgrade")[1] == "The database is up to date.\n"
    assert json.loads(invoke(local, "db", "upgrade", "--json")[1]) == {
        "result": "The database is up to date."
    }


def test_keys_create_offline_asks_no_service() -> None:
    local = Recording()
    status, out, _ = invoke(local, "keys", "create", "--offline", "--config", "a.yaml", "--scope", "admin")
    assert (status, out) == (0, f"{KEY}\n")
    assert local.calls == [("create_key_offline", "a.yaml", "default", "cli", ["admin"], None, None)]


def test_keys_create_offline_for_sentry_prints_the_dsn() -> None:
    """Its address is `server.url`."""
    local = Recording()
    made = ("keys", "create", "--offline", "--for", "sentry", "--service", "billing")
    status, out, _ = invoke(local, *made)
    assert (status, out) == (0, f"https://{KEY}@notifier.example.com/1\n")
    assert local.calls == [("create_key_offline", None, "default", "sentry", ["ingest"], "sentry", "billing")]


@pytest.mark.parametrize(
    ("listens", "url"),
    [
        (("127.0.0.1", 9), "http://127.0.0.1:9"),
        (("0.0.0.0", 9), "http://127.0.0.1:9"),
        (("::", 9), "http://[::1]:9"),
    ],
)
@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        (("--config", "a.yaml"), {}),
        ((), {"NOTIFIER_CONFIG": "a.yaml"}),
        ((), {"NOTIFIER_SERVER__PORT": "9"}),
    ],
)
def test_without_an_address_the_configured_one_is_asked(
    listens: tuple[str, int], url: str, arguments: tuple[str, ...], environ: dict[str, str]
) -> None:
    """The health check of a container follows the port that the service was given (port 9 discards: nobody answers)."""
    status, _, err = invoke(Recording(listens=listens), "healthcheck", *arguments, **environ)
    assert status == 1
    assert f"nothing answers at {url}." in err


def test_notifier_url_stands_above_the_configuration() -> None:
    """A client's machine may lack the secrets that the configuration wants."""
    local = Recording()
    invoke(local, "healthcheck", "--config", "a.yaml", NOTIFIER_URL="http://127.0.0.1:9")
    assert local.calls == []


COMMANDS = (
    "serve", "check", "schema", "db upgrade", "send", "keys list", "keys create", "keys revoke", "test-channel",
    "route-test", "healthcheck", "incidents list", "incidents show", "deliveries list", "deliveries show",
    "deliveries redeliver", "dead-letters list", "dead-letters redeliver", "dead-letters discard", "backup",
    "release", "sign-in-link",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_takes_config_and_json(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        invoke(Recording(), *command.split(), "--help")
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert "--config FILE" in text
    assert ("--json" in text) is (command != "serve")


def test_help_documents_every_exit_status() -> None:
    text = parser().format_help()
    for status in Exit:
        assert re.search(rf"  {status.value}  +\w", text)


@pytest.mark.parametrize(
    "arguments",
    [("send", "--key", KEY), ("send", f"--key={KEY}"), ("incidents", "list", "--state", KEY), (KEY,)],
)
def test_a_key_in_the_arguments_is_refused_and_not_repeated(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A usage error ends up in logs: it names the variable, not the key."""
    with pytest.raises(SystemExit) as left:
        invoke(Recording(), *arguments)
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert KEY not in err
    assert "NOTIFIER_KEY" in err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("db",),
        ("sen",),
        ("incidents", "list", "--limit", "0"),
        ("route-test", "novalue"),
        ("send", "--serv", "x"),
        ("serve", "--port", "x"),
        ("serve", "--port", "65536"),
    ],
)
def test_wrong_usage_exits_2_and_says_where_help_is(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Abbreviations are refused as well: a later option could change what they mean."""
    with pytest.raises(SystemExit) as left:
        invoke(Recording(), *arguments)
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert "--help` shows" in err
    assert not re.search(r"invalid \w+ value", err)


def test_the_real_settings_say_where_to_ask(tmp_path: Path) -> None:
    """Nothing stood in for: the file's port is asked, and a file with a problem is told with its place."""
    config = tmp_path / "notifier.yaml"
    for text, status, sentence in (
        ("server: {port: 9}\n", 1, "nothing answers at http://127.0.0.1:9."),
        ("server: {prot: 9}\n", 2, f"{config}:1:10: "),
    ):
        config.write_text(text)
        err = io.StringIO()
        session = CommandSession(environ={}, stdin=io.BytesIO(), stdout=io.StringIO(), stderr=err)
        assert run(("healthcheck", "--config", str(config)), session) == status
        assert sentence in err.getvalue()


def test_the_demo_takes_a_port_for_each_of_its_three() -> None:
    """8000, 8001 and 8025 unless they are given, and nothing that is no port."""
    local = Recording()
    assert invoke(local, "demo")[0] == 0
    assert invoke(local, "demo", "--port", "1", "--app-port", "0", "--inbox-port", "65535")[0] == 0
    assert local.calls == [("demo", 8000, 8001, 8025), ("demo", 1, 0, 65535)]
    for wrong in ("65536", "-1", "http"):
        with pytest.raises(SystemExit) as ended:
            invoke(local, "demo", "--port", wrong)
        assert ended.value.code == 2


@pytest.mark.parametrize("arguments", [("db", "upgrade"), ("keys", "create", "--offline")])
def test_a_new_database_is_said(arguments: tuple[str, ...]) -> None:
    """A mistyped path makes one: a line says where, and nothing where there was one."""
    _, _, err = invoke(Recording(new="/var/lib/typo.db"), *arguments)
    assert "There was no database: a new one was made at /var/lib/typo.db.\n" in err
    assert "There was no database" not in invoke(Recording(), *arguments)[2]


def test_the_database_that_would_be_new(tmp_path: Path) -> None:
    """Nothing stood in for: the file's whole path, until it is there."""
    environ = {"NOTIFIER_DATABASE__URL": f"sqlite:///{tmp_path}/typo.db"}
    assert Installed().new_database(None, environ) == str(tmp_path / "typo.db")
    Installed().upgrade(None, environ)
    assert Installed().new_database(None, environ) is None
