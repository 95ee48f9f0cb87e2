"""`notifier keys`: list, create and revoke API keys."""

from __future__ import annotations

from notifier.cli.actions import add_actor
from notifier.cli.databases import report_new_database
from notifier.cli.options import Arguments, Subparsers, command, family, paged, query, segment, wide
from notifier.cli.resources import View, actor_body, show_page
from notifier.cli.screen import Column
from notifier.cli.service import address, connect
from notifier.cli.session import CommandSession, Exit
from notifier.cli.text import as_json, cell
from notifier.domain.key import DOORS, sentry_dsn

SCOPES = ("ingest", "read", "manage", "admin")
KEYS = View(
    columns=(
        Column(name="id"),
        Column(name="project", least=8, rank=3),
        Column(name="name", least=8),
        Column(name="scopes", least=12, rank=1),
        Column(name="for", rank=6),
        Column(name="service", least=8, rank=5),
        Column(name="made", right=True, rank=7),
        Column(name="used", right=True, rank=4),
        Column(name="revoked", right=True, rank=2),
    ),
    cells=lambda item, screen: (
        cell(item.get("project")),
        cell(item.get("name")),
        cell(item.get("scopes")),
        cell(item.get("for")),
        cell(item.get("service")),
        screen.ago(item.get("created_at")),
        screen.ago(item.get("last_used_at")) if item.get("last_used_at") else "-",
        screen.ago(item.get("revoked_at")) if item.get("revoked_at") else "-",
    ),
    all_columns=(
        "id",
        "project",
        "name",
        "scopes",
        "for",
        "service",
        "created_at",
        "last_used_at",
        "revoked_at",
    ),
)


def add(commands: Subparsers) -> None:
    keys = family(commands, "keys", "list, create and revoke API keys")
    parser = command(keys, "list", list_keys, "list the keys, without their secrets")
    wide(parser)
    paged(parser)
    parser = command(keys, "create", create, "create a key and print it, this once")
    parser.add_argument("--project", default="default", help="the project it belongs to (default: default)")
    parser.add_argument("--name", help="a name for the key (default: the sender of --for, else cli)")
    parser.add_argument(
        "--scope", dest="scopes", action="append", choices=SCOPES, help="may be repeated (default: ingest)"
    )
    parser.add_argument(
        "--for",
        dest="door",
        choices=DOORS,
        help="allow only this sender; for sentry, print the DSN",
    )
    parser.add_argument("--service", metavar="NAME", help="the service of events that do not name one")
    parser.add_argument(
        "--offline",
        action="store_true",
        help="write directly to the database of --config; stop the service first",
    )
    add_actor(parser)
    parser = command(keys, "revoke", revoke, "revoke a key, at once")
    parser.add_argument("id", metavar="ID")
    add_actor(parser)


def list_keys(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config) as service:
        page = service.page("/v1/keys", query(arguments, ("limit", "cursor")))
    show_page(page, KEYS, arguments, session)
    return Exit.OK


def create(arguments: Arguments, session: CommandSession) -> Exit:
    door, service = arguments.door, arguments.service
    body = {
        "project": arguments.project,
        "name": arguments.name or door or "cli",
        "scopes": arguments.scopes or ["ingest"],
    }
    asked = {**body, **{key: value for key, value in (("for", door), ("service", service)) if value}}
    if arguments.offline:
        new = session.local().new_database(arguments.config, session.environ)
        secret, url = session.local().create_key_offline(
            arguments.config, session.environ, **body, door=door, service=service
        )
        report_new_database(new, session)
        made = {**asked, "key": secret}
    else:
        with connect(session, arguments.config) as connected:
            made = connected.post("/v1/keys", {**asked, **actor_body(arguments, session)})
        url = None
    if door == "sentry" and not made.get("dsn"):
        made["dsn"] = sentry_dsn(url or address(session, arguments.config), made["key"])
    session.put(as_json(made) if arguments.json else str(made.get("dsn") or made["key"]))
    session.say(f"This key of project {body['project']} is shown only now: keep it safe.")
    if door and not service:
        session.say("Events that name no service will count as `unknown`: --service NAME gives them one.")
    return Exit.OK


def revoke(arguments: Arguments, session: CommandSession) -> Exit:
    with connect(session, arguments.config) as service:
        service.delete(f"/v1/keys/{segment(arguments.id)}", actor_body(arguments, session))
    if arguments.json:
        session.put(as_json({"id": arguments.id, "revoked": True}))
    session.say("Revoked.")
    return Exit.OK
