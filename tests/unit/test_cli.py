"""The commands against a real server on loopback that gives the contract's answers (RULES.md#the-incident)."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import stat
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from notifier.cli.files import give_name
from notifier.testing import WebhookReceiver
from tests.authority import Authority
from tests.disk import small_disk
from tests.unit.conftest import KEY, Api, Result, Shell

EMPTY: dict[str, object] = {"items": [], "next_cursor": None}

ACCEPTED = {"id": "e1", "incident_id": "i1", "status": "accepted", "warnings": []}


def test_send_builds_an_event_from_its_options(api: Api, shell: Shell) -> None:
    """Given options, when sent, then exactly those fields are posted, with the key."""
    api.answer("POST /v1/events", ACCEPTED, status=202)
    result = shell(
        "send", "--service", "billing", "--message", "no charge", "--severity", "critical", "--environment", "test",
        "--label", "region=eu", "--label", "query=a=b", "--fingerprint", "{{ default }}", "--id", "42",
    )  # fmt: skip
    assert result == Result(0, "accepted e1 incident i1\n", "")
    assert api.asked[0].document == {
        "id": "42",
        "service": "billing",
        "message": "no charge",
        "severity": "critical",
        "environment": "test",
        "labels": {"region": "eu", "query": "a=b"},
        "fingerprint": ["{{ default }}"],
    }
    assert api.asked[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"service": "a", "message": "m"}', "application/json"),
        (b'{\n"service": "a",\n"message": "m"}\n', "application/json"),
        (b'[{"service": "a", "message": "m"}]', "application/json"),
        (b'{"service": "a", "message": "m"}\n{"service": "b", "message": "m"}\n', "application/x-ndjson"),
        (b'{"broken\n{"service": "b", "message": "m"}\n', "application/x-ndjson"),
        (b'[\n{"service": "a", "message": "m"}\n]', "application/json"),
        (b"no json at all", "application/json"),
    ],
)
def test_send_passes_standard_input_on_unchanged(api: Api, shell: Shell, body: bytes, kind: str) -> None:
    """Standard input goes out byte for byte; one event a line is announced as NDJSON."""
    api.answer("POST /v1/events", ACCEPTED, status=202)
    assert shell("send", stdin=body).status == 0
    assert (api.asked[0].body, api.asked[0].headers["Content-Type"]) == (body, kind)


def test_send_tells_warnings_apart_from_data(api: Api, shell: Shell) -> None:
    """A warning is talk: it goes to standard error and does not change the status."""
    api.answer(
        "POST /v1/events", {**ACCEPTED, "warnings": ["`servce` is unknown: kept under context"]}, status=202
    )
    result = shell("send", stdin=b"{}")
    assert result.status == 0
    assert result.err == "warning: `servce` is unknown: kept under context\n"


@pytest.mark.parametrize("status", [202, 422])
def test_send_exits_1_when_any_event_was_rejected(api: Api, shell: Shell, status: int) -> None:
    """Given many events of which one is rejected, the others are listed and the status says no."""
    results = [ACCEPTED, {"status": "rejected", "index": 1, "error": "service: is required"}]
    api.answer("POST /v1/events", {"results": results}, status=status)
    result = shell("send", stdin=b"[{}, {}]")
    assert result.status == 1
    assert result.out == "accepted e1 incident i1\n"
    assert result.err.endswith("sent 2 events: 1 accepted, 1 rejected; 1 incident\n")
    assert "rejected: event 2: service: is required\n" in result.err


@pytest.mark.parametrize("form", ["array", "lines"])
def test_send_splits_what_is_over_a_thousand(api: Api, shell: Shell, form: str) -> None:
    """Each request has at most a thousand events, in their order; one line sums up, and --json is one answer."""
    events = [{"service": "a", "message": f"é{number}"} for number in range(2_000)]
    lines = "\n".join(json.dumps(event, ensure_ascii=False) for event in events)
    body = json.dumps(events) if form == "array" else f"\ufeff{lines}\n\n"
    api.answer("POST /v1/events", {"results": [ACCEPTED] * 1_000}, status=202)
    result = shell("send", stdin=body.encode())
    assert result == Result(0, "sent 2,000 events: 2,000 accepted; 1 incident\n", "")
    sent = [line for asked in api.asked for line in asked.body.decode().strip("\ufeff").splitlines()]
    assert [json.loads(line) for line in sent] == events
    assert [len(asked.body.splitlines()) for asked in api.asked] == [1_000, 1_000]
    assert {asked.headers["Content-Type"] for asked in api.asked} == {"application/x-ndjson"}
    shown = json.loads(shell("send", "--json", stdin=body.encode()).out)
    assert shown == {"results": [ACCEPTED] * 2_000}


def test_send_names_what_was_rejected_by_its_place_in_the_input(api: Api, shell: Shell) -> None:
    """Not in the request that it went with; the status says that not all were taken."""
    rejected = {"status": "rejected", "index": 0, "error": "message: is missing"}
    api.answer("POST /v1/events", {"results": [rejected, *[ACCEPTED] * 999]}, status=202)
    result = shell("send", stdin=b"\n".join([b'{"service": "a"}'] * 2_000))
    assert result.status == 1
    assert result.out == "sent 2,000 events: 1,998 accepted, 2 rejected; 1 incident\n"
    assert result.err == (
        "rejected: event 1: message: is missing\nrejected: event 1,001: message: is missing\n"
    )


@pytest.mark.parametrize(("http", "status"), [(401, 4), (413, 1), (500, 3)])
def test_send_that_fails_in_the_middle_says_how_far_it_came(
    api: Api, shell: Shell, http: int, status: int
) -> None:
    """The rest is not sent, and the person knows from where on."""
    api.refuse("POST /v1/events", http, HTTPStatus(http).phrase, "it cannot")
    result = shell("send", stdin=b"\n".join([b'{"service": "a", "message": "m"}'] * 1_500))
    assert result.status == status
    assert result.out == "sent 0 of 1,500 events: nothing; 0 incidents\n"
    assert "it cannot" in result.err
    assert "Events from number 1 on" in result.err
    assert len(api.asked) == 1


def test_an_event_from_options_that_the_service_refuses_is_wrong_usage(api: Api, shell: Shell) -> None:
    """What was typed makes no sense: 2, as where the command itself sees it. What a file holds is a no: 1."""
    api.refuse("POST /v1/events", 422, "Unprocessable Entity", "message: is missing")
    result = shell("send", "--service", "billing")
    assert result == Result(2, "", "notifier: message: is missing.\n")
    assert shell("send", stdin=b'{"service": "billing"}').status == 1


def test_send_shows_a_problem_as_sentences(api: Api, shell: Shell) -> None:
    """A 422 problem is told with its detail and paths, never as JSON, and in no words of HTTP's."""
    errors = [{"path": "severity", "message": "is one of critical, error, warning, info"}]
    api.refuse("POST /v1/events", 422, "Unprocessable Entity", "The event was not accepted", errors=errors)
    result = shell("send", stdin=b"{}")
    assert result == Result(
        1,
        "",
        "notifier: The event was not accepted.\n  severity: is one of critical, error, warning, info\n",
    )


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (("--message", "m"), b"", "--service is missing"),
        ((), b" \n", "standard input is empty"),
    ],
)
def test_send_without_an_event_is_a_usage_error(
    shell: Shell, arguments: tuple[str, ...], stdin: bytes, sentence: str
) -> None:
    """Nothing is posted that the service could only refuse."""
    result = shell("send", *arguments, stdin=stdin)
    assert result.status == 2
    assert sentence in result.err


def test_json_prints_the_answer_as_it_came(api: Api, shell: Shell) -> None:
    """`--json` is the contract's document, on standard output alone."""
    page = {"items": [{"id": "d1", "extra": {"deep": [1]}}], "next_cursor": "c2"}
    api.answer("GET /v1/deliveries", page)
    result = shell("deliveries", "list", "--json")
    assert (json.loads(result.out), result.err) == (page, "")


def test_lists_ask_with_their_filters_and_name_the_next_page(api: Api, shell: Shell) -> None:
    """Options become the contract's query; a further page is talk."""
    api.answer("GET /v1/deliveries", {"items": [{"id": "d-1", "title": "TimeoutError"}], "next_cursor": "c2"})
    result = shell(
        "deliveries", "list", "--state", "dead", "--channel", "mail", "--limit", "1", "--cursor", "c1"
    )
    assert api.asked[0].query == {"state": "dead", "channel": "mail", "limit": "1", "cursor": "c1"}
    head, row = result.out.splitlines()
    assert head.split() == ["ID", "STATE", "CHANNEL", "TARGET", "REASON", "TRIES", "MADE", "WHAT"]
    assert row.split() == ["d-1", "-", "-", "-", "-", "-", "-", "TimeoutError"]
    assert result.err == "there are more: --cursor c2\n"


@pytest.mark.parametrize("command", ["deliveries", "dead-letters", "keys", "groups", "channels", "silences"])
def test_an_empty_list_says_so_and_exits_0(api: Api, shell: Shell, command: str) -> None:
    """Nothing to show is an answer, not a failure; standard output stays empty for programs."""
    api.answer(f"GET /v1/{command}", EMPTY)
    assert shell(command, "list") == Result(0, "", "none.\n")


def test_an_event_s_words_cannot_steer_the_terminal(api: Api, shell: Shell) -> None:
    """Escape sequences, line breaks and direction marks in a title come out as replacement characters."""
    title = "a\x1b[2Jb\nc\u202ed\x9be"
    api.answer("GET /v1/incidents", {"items": [{"title": title}], "next_cursor": None})
    for flags in ((), ("--json",)):
        out = shell("incidents", "list", *flags).out
        assert not {"\x1b", "\u202e", "\x9b"} & set(out)
    assert "a\ufffd[2Jb\ufffdc\ufffdd\ufffde" in shell("incidents", "list").out


def test_show_prints_fields_and_the_attempts_below(api: Api, shell: Shell) -> None:
    """One delivery is a line for each field, then a table of its attempts."""
    attempts = [{"at": "2026-11-22T05:00:00Z", "outcome": "transient", "detail": "timed out"}]
    api.answer("GET /v1/deliveries/d1", {"id": "d1", "state": "pending", "error": None, "attempts": attempts})
    out = shell("deliveries", "show", "d1").out
    assert out.startswith("id     d1\nstate  pending\nerror  -\n\nattempts:\nAT ")
    assert re.search(r"^2026-11-22 [0-9:]{8} \S+ \(.* ago\)  transient  timed out$", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "path"), [("a/../b", "a%2F..%2Fb"), ("..", "%2E%2E"), ("a?b#c", "a%3Fb%23c"), ("é", "%C3%A9")]
)
def test_a_name_stays_one_segment_of_the_path(api: Api, shell: Shell, name: str, path: str) -> None:
    """No id reaches another call of the API."""
    api.answer(f"GET /v1/deliveries/{path}", {"id": "i"})
    assert shell("deliveries", "show", name).status == 0


def test_deliveries_redeliver_posts_to_the_row(api: Api, shell: Shell) -> None:
    api.answer("POST /v1/deliveries/d1/redeliver", {"id": "d1", "state": "pending"})
    assert shell("deliveries", "redeliver", "d1") == Result(0, "id     d1\nstate  pending\n", "")


@pytest.mark.parametrize("action", ["redeliver", "discard"])
@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (("a", "b"), {"ids": ["a", "b"]}),
        (("--channel", "mail"), {"channel": "mail"}),
        (("--task", "billing.charge"), {"task": "billing.charge"}),
    ],
)
def test_dead_letters_are_decided_by_ids_channel_or_task(
    api: Api, shell: Shell, action: str, arguments: tuple[str, ...], body: object
) -> None:
    api.answer(f"POST /v1/dead-letters/{action}", {"count": 2})
    assert shell("dead-letters", action, *arguments).status == 0
    assert api.asked[0].document == body


def test_dead_letters_of_both_kinds_share_a_table(api: Api, shell: Shell) -> None:
    """A delivery shows channel and target, a run its task, its state and what it failed with; JSON is as it came."""
    run = {"id": "r1", "kind": "task_run", "task": "billing.charge", "state": "failed", "at": "now",
           "error": {"type": "TimeoutError", "message": "too slow", "frames": []}}  # fmt: skip
    delivery = {"id": "d1", "kind": "delivery", "channel": "mail", "target": "a@b.c", "outcome": "gone", "at": "now",
                "detail": "refused"}  # fmt: skip
    api.answer("GET /v1/dead-letters", {"items": [run, delivery], "next_cursor": None})
    head, first, second = shell("dead-letters", "list", "--kind", "task_run").out.splitlines()
    assert head.split() == ["ID", "KIND", "WHERE", "WHY", "DIED", "WHAT"]
    assert first.split(maxsplit=6) == [
        "r1", "task", "run", "billing.charge", "failed", "now", "TimeoutError: too slow",
    ]  # fmt: skip
    assert second.split() == ["d1", "delivery", "mail", "a@b.c", "gone", "now", "refused"]
    assert api.asked[0].query == {"kind": "task_run"}
    assert json.loads(shell("dead-letters", "list", "--json").out)["items"] == [run, delivery]


@pytest.mark.parametrize("arguments", [(), ("a", "--channel", "mail"), ("--task", "t", "--channel", "mail")])
def test_dead_letters_want_one_of_ids_channel_and_task(shell: Shell, arguments: tuple[str, ...]) -> None:
    """Discarding everything by a slip is impossible."""
    assert shell("dead-letters", "discard", *arguments).status == 2


def test_keys_create_prints_the_key_and_nothing_else_on_standard_output(api: Api, shell: Shell) -> None:
    """`KEY=$(notifier keys create)` works; the advice is talk."""
    api.answer("POST /v1/keys", {"id": "k1", "key": KEY}, status=201)
    result = shell(
        "keys", "create", "--project", "shop", "--name", "ci", "--scope", "read", "--scope", "ingest"
    )
    assert (result.status, result.out) == (0, f"{KEY}\n")
    assert KEY not in result.err
    assert api.asked[0].document == {"project": "shop", "name": "ci", "scopes": ["read", "ingest"]}


def test_keys_create_gives_the_least_scope_unless_told(api: Api, shell: Shell) -> None:
    api.answer("POST /v1/keys", {"id": "k1", "key": KEY}, status=201)
    shell("keys", "create")
    assert api.asked[0].document["scopes"] == ["ingest"]


@pytest.mark.parametrize(
    ("told", "dsn"),
    [
        ("https://K@notifier.example.com/1", "https://K@notifier.example.com/1"),
        (None, "{scheme}://{key}@{host}/1"),
    ],
)
def test_keys_create_for_sentry_prints_the_dsn(api: Api, shell: Shell, told: str | None, dsn: str) -> None:
    """As the service says it; where it does not know its address, with the one that was asked."""
    api.answer("POST /v1/keys", {"id": "k1", "key": KEY, "for": "sentry", "dsn": told}, status=201)
    result = shell("keys", "create", "--for", "sentry", "--service", "billing")
    address = urlsplit(api.url)
    assert result.out == dsn.format(scheme=address.scheme, key=KEY, host=address.netloc) + "\n"
    assert api.asked[0].document == {
        "project": "default",
        "name": "sentry",
        "scopes": ["ingest"],
        "for": "sentry",
        "service": "billing",
    }


def test_keys_create_for_a_sender_says_what_is_missing(api: Api, shell: Shell) -> None:
    """Without a service, what comes by that key may be nobody's."""
    api.answer("POST /v1/keys", {"id": "k1", "key": KEY, "for": "sentry", "dsn": None}, status=201)
    assert "--service NAME" in shell("keys", "create", "--for", "sentry").err


def test_keys_revoke_deletes(api: Api, shell: Shell) -> None:
    api.answer("DELETE /v1/keys/k1", status=204)
    assert shell("keys", "revoke", "k1") == Result(0, "", "Revoked.\n")


@pytest.mark.parametrize(("outcome", "status"), [("delivered", 0), ("permanent", 1), ("transient", 1)])
def test_test_channel_exits_by_the_real_outcome(api: Api, shell: Shell, outcome: str, status: int) -> None:
    """The outcome that the channel had is printed and decides the status."""
    api.answer("POST /v1/channels/team-mail/test", {"outcome": outcome, "detail": "250 queued"})
    result = shell("test-channel", "team-mail")
    assert (result.status, result.out) == (status, f"outcome  {outcome}\ndetail   250 queued\n")


@pytest.mark.parametrize(
    ("outcomes", "status"), [(("delivered", "delivered"), 0), (("delivered", "gone"), 1), ((), 1)]
)
def test_test_channel_wants_every_target_to_be_reached(
    api: Api, shell: Shell, outcomes: tuple[str, ...], status: int
) -> None:
    """A channel of two recipients of which one is refused is not in order."""
    api.answer(
        "POST /v1/channels/mail/test", {"deliveries": [{"target": "a", "outcome": one} for one in outcomes]}
    )
    assert shell("test-channel", "mail").status == status


def test_route_test_posts_labels_and_shows_who_is_told(api: Api, shell: Shell) -> None:
    route = {"route": "default", "line": "notifier.yaml:12", "channels": ["team-mail", "audit"]}
    tree = [
        {"depth": 0, "match": [], "line": "notifier.yaml:9", "tells": False},
        {"depth": 1, "match": ['a="b"'], "line": "notifier.yaml:12", "tells": True},
    ]
    warnings = [{"path": "labels[1]", "message": "nobody has sent it"}]
    summary = "team-mail and audit, by the route in line 12"
    answer = {"routes": [route], "summary": summary, "tree": tree, "warnings": warnings}
    api.answer("POST /v1/routes/test", answer)
    result = shell("route-test", "severity=critical", "service=")
    assert result.err == f"Told: {summary}.\nwarning: service: nobody has sent it\n"
    assert api.asked[0].document == {"labels": {"severity": "critical", "service": ""}}
    assert result.status == 0
    assert result.out.splitlines() == [
        "every event  (notifier.yaml:9)",
        '`- a="b"  (notifier.yaml:12) <- tells',
        "",
        "default (notifier.yaml:12) tells team-mail and audit.",
    ]
    assert json.loads(shell("route-test", "a=b", "--json").out) == answer


def test_a_route_to_nobody_has_no_timing(api: Api, shell: Shell) -> None:
    """When a message would leave that never does is nothing to tell."""
    route = {"route": "default", "line": "a.yaml:1", "channels": [], "group_wait": "0s", "targets": []}
    api.answer("POST /v1/routes/test", {"told": False, "routes": [route], "summary": "nobody"})
    out = shell("route-test", "service=billing").out
    assert "tells nobody." in out
    assert "leaves" not in out


def test_route_test_exits_1_when_nobody_is_told(api: Api, shell: Shell) -> None:
    route = {"route": "quiet", "line": "notifier.yaml:12", "channels": []}
    summary = "nobody, by the route in line 12"
    api.answer("POST /v1/routes/test", {"routes": [route], "summary": summary})
    result = shell("route-test", "a=b")
    assert (result.status, result.err) == (1, f"Told: {summary}.\n")


def test_healthcheck_needs_no_key(api: Api, shell: Shell) -> None:
    api.answer("GET /readyz", {"status": "ready"})
    del shell.environ["NOTIFIER_KEY"]
    assert shell("healthcheck") == Result(0, "status  ready\n", "")
    assert "Authorization" not in api.asked[0].headers


def test_healthcheck_knows_only_healthy_and_unhealthy(api: Api, shell: Shell) -> None:
    """Docker reserves 2 and up: a service that is not ready, or not there, is 1."""
    api.refuse("GET /readyz", 503, "Not ready", "no commit within 5 s")
    assert shell("healthcheck") == Result(1, "", "not ready: no commit within 5 s.\n")
    shell.environ["NOTIFIER_URL"] = _nobody()
    assert shell("healthcheck").status == 1


def test_backup_writes_the_whole_file_for_its_owner_only(api: Api, shell: Shell, tmp_path: Path) -> None:
    api.answers["POST /v1/backup"] = (200, {}, b"SQLite format 3\0" * 10_000)
    target = tmp_path / "copy.db"
    assert shell("backup", str(target)) == Result(0, "", "Wrote 160,000 bytes.\n")
    assert target.read_bytes() == b"SQLite format 3\0" * 10_000
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_backup_leaves_nothing_behind_when_the_stream_breaks(api: Api, shell: Shell, tmp_path: Path) -> None:
    """Given an answer that ends early, no file of the name appears: half a backup is none."""
    api.answers["POST /v1/backup"] = (200, {"Content-Length": "100", "Connection": "close"}, b"half")
    result = shell("backup", str(tmp_path / "copy.db"))
    assert result.status == 3
    assert list(tmp_path.iterdir()) == []


def test_backup_to_standard_output_is_the_bytes(api: Api, tmp_path: Path) -> None:
    """`notifier backup - > copy.db`: no file is named `-`; where no bytes can go it is refused."""
    api.answers["POST /v1/backup"] = (200, {}, b"SQLite format 3\0" * 10_000)
    done = subprocess.run(
        [sys.executable, "-m", "notifier.cli", "backup", "-"],
        env={**os.environ, "NOTIFIER_URL": api.url, "NOTIFIER_KEY": KEY},
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"SQLite format 3\0" * 10_000
    assert done.stderr == b"Wrote 160,000 bytes.\n"
    assert list(tmp_path.iterdir()) == []
    shell = Shell({"NOTIFIER_URL": api.url, "NOTIFIER_KEY": KEY})
    assert shell("backup", "-").status == 2
    assert shell("backup", "-", "--json").status == 2


def test_backup_never_overwrites(shell: Shell, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("mine")
    assert shell("backup", str(target)).status == 2
    assert target.read_text() == "mine"


def test_backup_to_a_disk_that_may_only_be_read_is_a_sentence(api: Api, shell: Shell, tmp_path: Path) -> None:
    api.answers["POST /v1/backup"] = (200, {}, b"x")
    with small_disk(tmp_path / "disk") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        result = shell("backup", str(disk / "copy.db"))
    assert result == Result(2, "", "notifier: the backup cannot be written: Read-only file system.\n")


def test_a_folder_that_cannot_be_made_is_a_sentence(shell: Shell, tmp_path: Path) -> None:
    """Whatever the system refuses while a command works on files, there is no traceback."""
    (tmp_path / "file").write_text("")
    config = tmp_path / "notifier.yaml"
    config.write_text(f"database: {{url: 'sqlite:///{tmp_path}/file/below/notifier.db'}}\n")
    backup = tmp_path / "copy.db"
    backup.write_text("")
    result = shell("restore", "--config", str(config), str(backup))
    assert result == Result(2, "", f"notifier: {tmp_path}/file/below cannot be used: Not a directory.\n")


def test_backup_to_a_disk_without_links_gives_the_one_name(tmp_path: Path) -> None:
    """A stick or a share of another system has none; a file that came up meanwhile is left alone there too."""

    def refuse(_part: Path, _target: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    part, target = tmp_path / "part", tmp_path / "copy.db"
    part.write_text("copy")
    give_name(part, target, refuse)
    assert target.read_text() == "copy"
    part.write_text("another")
    with pytest.raises(FileExistsError):
        give_name(part, target, refuse)
    assert target.read_text() == "copy"


def test_backup_to_a_folder_that_is_not_there_is_a_sentence(api: Api, shell: Shell, tmp_path: Path) -> None:
    api.answers["POST /v1/backup"] = (200, {}, b"x")
    result = shell("backup", str(tmp_path / "none" / "copy.db"))
    assert result == Result(2, "", "notifier: the backup cannot be written: No such file or directory.\n")


@pytest.mark.parametrize(
    ("http", "status"),
    [(401, 4), (403, 4), (404, 1), (409, 1), (413, 2), (422, 2), (429, 3), (500, 3), (503, 3)],
)
def test_refusals_have_documented_statuses(api: Api, shell: Shell, http: int, status: int) -> None:
    """The exit status says whether to give up (1), ask otherwise (2), change the key (4), or try again (3)."""
    api.refuse("GET /v1/keys", http, HTTPStatus(http).phrase, "because")
    result = shell("keys", "list")
    assert result.status == status
    assert result.err.startswith("notifier: because.")
    assert HTTPStatus(http).phrase not in result.err
    assert KEY not in result.err


def test_a_busy_service_says_when_to_come_back(api: Api, shell: Shell) -> None:
    api.answer("GET /v1/keys", {"status": 429, "detail": "too much at once"}, status=429, Retry_After="7")
    assert shell("keys", "list").err == "notifier: too much at once. Try again in 7 s.\n"


def test_a_redirect_is_not_followed(api: Api, shell: Shell) -> None:
    """A key is sent to the address that was set, and to no other."""
    api.answer("GET /v1/keys", status=301, Location="http://127.0.0.2/")
    result = shell("keys", "list")
    assert result.status == 2
    assert "redirects" in result.err


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"[" * 100_000, b"{}", b'{"items": 1}', b'{"items": [1]}', b"\xff"]
)
def test_another_program_s_answer_is_recognised(api: Api, shell: Shell, body: bytes) -> None:
    """Whatever answers there, the command ends in a sentence."""
    api.answers["GET /v1/keys"] = (200, {}, body)
    result = shell("keys", "list")
    assert result.status == 3
    assert "no notifier" in result.err


def test_nothing_listening_is_one_sentence(shell: Shell) -> None:
    url = shell.environ["NOTIFIER_URL"] = _nobody()
    result = shell("keys", "list")
    assert result == Result(
        3, "", f"notifier: nothing answers at {url}. Start it with `notifier serve`, or set NOTIFIER_URL.\n"
    )


def test_an_authority_that_is_not_trusted_is_said(
    api: Api, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the service's address and of `server.url`; with SSL_CERT_FILE it is trusted, on this machine's own too."""
    authority = Authority(tmp_path)
    with WebhookReceiver(tls=authority.serving()) as service:
        url = f"https://localhost:{service.port}"
        api.answer("POST /v1/doctor", {"url": url, "items": []})
        result = shell("doctor")
        assert result.status == 1
        assert "server.url does not hold here (unable to get local issuer certificate): where" in result.out
        shell.environ["NOTIFIER_URL"] = url
        result = shell("keys", "list")
        assert result.status == 3
        assert result.err.startswith(f"notifier: the certificate of {url} does not hold here (unable to get")
        shell.environ["NOTIFIER_URL"] = api.url.replace("http:", "https:")
        assert "does it speak TLS on this port?" in shell("keys", "list").err
        shell.environ["NOTIFIER_URL"] = url
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        assert "no notifier" in shell("keys", "list").err


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com",
        "example.com:8000",
        "http:///x",
        "http://[::1",
        "http://u:p@example.com",
        "http://x:99999",
    ],
)
def test_a_bad_address_is_a_usage_error_that_is_not_repeated(shell: Shell, url: str) -> None:
    shell.environ["NOTIFIER_URL"] = url
    result = shell("keys", "list")
    assert result.status == 2
    assert result.err.startswith("notifier: NOTIFIER_URL ")
    assert url not in result.err


def test_the_key_may_come_from_a_file(api: Api, shell: Shell, tmp_path: Path) -> None:
    """NOTIFIER_KEY_FILE is read, its line end cut off."""
    del shell.environ["NOTIFIER_KEY"]
    (tmp_path / "key").write_text(f"{KEY}\n")
    shell.environ["NOTIFIER_KEY_FILE"] = str(tmp_path / "key")
    api.answer("GET /v1/keys", EMPTY)
    assert shell("keys", "list").status == 0
    assert api.asked[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({}, "no API key"),
        ({"NOTIFIER_KEY": " \n"}, "no API key"),
        ({"NOTIFIER_KEY": "ntf_a\nb"}, "copy it anew"),
        ({"NOTIFIER_KEY": "ntf_ä"}, "copy it anew"),
        ({"NOTIFIER_KEY_FILE": "/nonexistent/key"}, "cannot be read: No such file"),
        ({"NOTIFIER_KEY": "a", "NOTIFIER_KEY_FILE": "b"}, "keep one"),
    ],
)
def test_a_key_that_cannot_be_used_is_a_usage_error(
    shell: Shell, environ: dict[str, str], sentence: str
) -> None:
    shell.environ = {"NOTIFIER_URL": shell.environ["NOTIFIER_URL"], **environ}
    result = shell("keys", "list")
    assert result.status == 2
    assert sentence in result.err


def test_a_key_of_something_else_is_said_in_a_command_s_words(api: Api, shell: Shell) -> None:
    """Not in those of HTTP: of headers nobody at a terminal knows."""
    api.refuse("GET /v1/keys", 401, "Unauthorized", "send the key as `Authorization: Bearer ntf_...`")
    result = shell("keys", "list")
    assert result.status == 4
    assert result.err.startswith(
        "notifier: what the service was given is no key of notifier's. Check NOTIFIER_KEY"
    )


def _nobody() -> str:
    """An address of this machine where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
