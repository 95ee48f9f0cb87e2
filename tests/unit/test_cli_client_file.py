"""Who acts, and a person's own settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.conftest import KEY, Api, Shell

ACTED = "POST /v1/incidents/1/resolve"


@pytest.fixture
def own(shell: Shell, tmp_path: Path) -> Path:
    """The client file of the shell's user, in a folder of its own."""
    folder = tmp_path / "notifier"
    folder.mkdir()
    shell.environ["XDG_CONFIG_HOME"] = str(tmp_path)
    return folder / "client.toml"


def _key_file(own: Path, mode: int = 0o600) -> None:
    (own.parent / "key").write_text(f"\ufeff{KEY}\r\n", encoding="utf-8")  # as editors of Windows do
    (own.parent / "key").chmod(mode)


def test_the_client_file_says_where_with_which_key_and_who(api: Api, shell: Shell, own: Path) -> None:
    """Nothing else needs to be set; a key file lies beside it."""
    own.write_text(f'\ufeffurl = "{api.url}/"\nkey_file = "key"\nactor = "ada"\n', encoding="utf-8")
    _key_file(own)
    del shell.environ["NOTIFIER_URL"], shell.environ["NOTIFIER_KEY"]
    api.answer(ACTED, {})
    result = shell("incidents", "resolve", "1")
    assert result.status == 0, result.err
    assert "warning" not in result.err
    assert api.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert api.asked[0].document == {"actor": "ada"}


def test_the_file_in_the_home_is_the_same(api: Api, shell: Shell, own: Path, tmp_path: Path) -> None:
    """Where XDG_CONFIG_HOME is not set."""
    del shell.environ["XDG_CONFIG_HOME"]
    shell.environ["HOME"] = str(tmp_path)
    own.parent.rename(tmp_path / "n")
    (tmp_path / ".config").mkdir()
    (tmp_path / "n").rename(tmp_path / ".config" / "notifier")
    (tmp_path / ".config" / "notifier" / "client.toml").write_text('actor = "bo"\n')
    api.answer(ACTED, {})
    shell("incidents", "resolve", "1")
    assert api.asked[0].document == {"actor": "bo"}


def test_the_environment_stands_above_the_client_file(api: Api, shell: Shell, own: Path) -> None:
    """And what is said on the line above both; without either it is who is logged in."""
    own.write_text('url = "http://127.0.0.1:1"\nkey_file = "none"\nactor = "ada"\n')
    api.answer(ACTED, {})
    shell.user = "root"
    shell.environ["NOTIFIER_ACTOR"] = "cem"
    shell("incidents", "resolve", "1", "--actor", "dora")
    shell("incidents", "resolve", "1")
    del shell.environ["NOTIFIER_ACTOR"]
    shell("incidents", "resolve", "1")
    own.unlink()
    shell("incidents", "resolve", "1")
    shell.environ["USER"] = "eve"
    shell("incidents", "resolve", "1")
    assert [asked.document["actor"] for asked in api.asked] == ["dora", "cem", "ada", "root", "eve"]


def test_the_client_file_stands_above_the_configuration(
    api: Api, shell: Shell, own: Path, tmp_path: Path
) -> None:
    """`--config` names where it listens only where nothing else says where to ask."""
    config = tmp_path / "n.yaml"
    config.write_text("server: {port: 1}\n")
    own.write_text(f'url = "{api.url}"\n')
    del shell.environ["NOTIFIER_URL"]
    api.answer("GET /v1/keys", {"items": [], "next_cursor": None})
    assert shell("keys", "list", "--config", str(config)).status == 0


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_that_others_may_read_is_warned_of(api: Api, shell: Shell, own: Path, mode: int) -> None:
    """It works, and says what to do."""
    own.write_text('key_file = "key"\n')
    _key_file(own, mode)
    del shell.environ["NOTIFIER_KEY"]
    api.answer("GET /v1/keys", {"items": [], "next_cursor": None})
    result = shell("keys", "list")
    assert result.status == 0
    assert "others may read the key" in result.err
    assert "chmod 600" in result.err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("url = ", "this is no TOML"),
        ('key = "ntf_secret"', "a key does not belong here"),
        ('colour = "red"', "nothing else"),
        ("actor = 7", "each as text"),
        ('url = "ftp://x"', "the client file's `url` is no http or https address"),
    ],
)
def test_a_client_file_with_a_mistake_is_a_usage_error(
    shell: Shell, own: Path, text: str, sentence: str
) -> None:
    """The sentence names the file or its field, and repeats nothing secret."""
    own.write_text(text)
    del shell.environ["NOTIFIER_URL"]
    result = shell("keys", "list")
    assert (result.status, result.out) == (2, "")
    assert sentence in result.err
    assert "ntf_secret" not in result.err


@pytest.mark.parametrize(
    ("command", "call"),
    [
        (("ack", "1"), "POST /v1/incidents/1/acknowledge"),
        (("incidents", "unack", "1"), "POST /v1/incidents/1/unacknowledge"),
        (("incidents", "unsnooze", "1"), "POST /v1/incidents/1/unsnooze"),
        (("incidents", "note", "1", "text"), "POST /v1/incidents/1/notes"),
        (("deliveries", "redeliver", "1"), "POST /v1/deliveries/1/redeliver"),
        (("dead-letters", "discard", "1"), "POST /v1/dead-letters/discard"),
        (("tasks", "replay", "1"), "POST /v1/task-runs/1/replay"),
        (("keys", "create"), "POST /v1/keys"),
        (("reload",), "POST /v1/config/reload"),
        (("test-channel", "mail"), "POST /v1/channels/mail/test"),
        (("silences", "add", "a=b", "--comment", "c", "--for", "2h"), "POST /v1/silences"),
    ],
)
def test_every_act_says_who_acts(api: Api, shell: Shell, command: tuple[str, ...], call: str) -> None:
    """Whatever the key is called."""
    shell.environ["NOTIFIER_ACTOR"] = "ada"
    api.answer(call, {"key": KEY, "id": "1"})
    shell(*command)
    assert api.asked[0].document["actor"] == "ada"


@pytest.mark.parametrize(
    ("command", "call"),
    [(("keys", "revoke", "1"), "DELETE /v1/keys/1"), (("silences", "end", "1"), "DELETE /v1/silences/1")],
)
def test_an_act_without_a_body_says_who_acts(
    api: Api, shell: Shell, command: tuple[str, ...], call: str
) -> None:
    """In the query."""
    shell.environ["NOTIFIER_ACTOR"] = "ada"
    api.answer(call, status=204)
    assert shell(*command).status == 0
    assert api.asked[0].query == {"actor": "ada"}
