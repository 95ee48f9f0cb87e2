"""Synchronisation of the target rows with the configured channels and their settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from operator import itemgetter

from notifier.domain.delivery import Outcome
from notifier.domain.url_names import shown_url
from notifier.store.compiled import execute
from notifier.store.database import Tx
from notifier.store.dead_letters import mark_dead
from notifier.store.instance import settings_key
from notifier.store.json_rows import encode_values
from notifier.store.statements import targets as statements
from notifier.store.statements.overdue import (
    move_deliveries,
    move_threads,
    orphaned_deliveries,
    tell_fallback_of_removed,
    waited_for_targets_due,
    waiting_deliveries_due,
)
from notifier.wording import sentences


def sync_targets(
    tx: Tx, configured: Mapping[str, Sequence[str]], *, fallback: str | None = None
) -> dict[str, tuple[int, ...]]:
    """Make the target rows match the configuration. Returns each channel's target ids in the order of its addresses.

    Deliveries that wait for a replaced URL move to the new one. Deliveries that wait for any other removed target
    become dead letters, and the channel `fallback` is notified about them.
    """
    ids = _known_targets(tx, configured)
    for channel, addresses in sorted(configured.items()):
        for address in addresses:
            if (channel, address) not in ids:
                row = execute(tx, statements.insert_target, {"channel": channel, "address": address})
                ids[channel, address] = row.scalar_one()
    present = {ids[channel, address] for channel, addresses in configured.items() for address in addresses}
    removed = sorted(set(ids.values()) - present)
    if removed:
        _move_to_new_urls(tx, configured, ids, removed)
        _end_deliveries(tx, removed, fallback)
        execute(tx, statements.clear_due, {"targets": encode_values(removed)})
    return {
        channel: tuple(ids[channel, address] for address in addresses)
        for channel, addresses in configured.items()
    }


def _known_targets(tx: Tx, configured: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], int]:
    """Ids by channel and address. Rows whose address an older version stored with a token in its path are renamed."""
    rows = statements.target_addresses(tx)
    ids = {(target.channel, target.address): target.id for target in rows}
    for target in rows:
        address = shown_url(target.address)
        named_so = address != target.address and target.address not in configured.get(target.channel, ())
        if named_so and (target.channel, address) not in ids:
            execute(tx, statements.rename_target, {"target": target.id, "address": address})
            ids[target.channel, address] = ids.pop((target.channel, target.address))
    return ids


def _move_to_new_urls(
    tx: Tx,
    configured: Mapping[str, Sequence[str]],
    ids: Mapping[tuple[str, str], int],
    removed: Sequence[int],
) -> None:
    """Move what waits for a channel's former URLs to its present one, if it has only one.

    Other kinds of addresses name people or rooms: a different address is a different recipient.
    """
    for (channel, address), former in sorted(ids.items(), key=itemgetter(1)):
        present = configured.get(channel, ())
        if former in removed and len(present) == 1 and all(map(_is_url, (address, *present))):
            moved = {"former": former, "target": ids[channel, present[0]], "now": tx.now}
            execute(tx, move_threads, moved)
            if execute(tx, move_deliveries, moved).rowcount:
                execute(
                    tx, waited_for_targets_due, {"targets": encode_values([moved["target"]]), "now": tx.now}
                )
                tx.signal("targets")


def _is_url(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def _end_deliveries(tx: Tx, removed: Sequence[int], fallback: str | None) -> None:
    """Mark deliveries of removed targets dead. Those that a digest carries end together with it."""
    targets = encode_values(removed)
    ids = execute(tx, orphaned_deliveries, {"targets": targets}).scalars().all()
    for id_ in ids:
        mark_dead(tx, id_, Outcome.TARGET_REMOVED, sentences.DEAD[Outcome.TARGET_REMOVED])
    if ids and fallback is not None:
        # The fallback is notified at most once about each alert.
        execute(tx, tell_fallback_of_removed, {"targets": targets, "now": tx.now})


def settings_hashes(tx: Tx, settings: Mapping[str, str]) -> dict[str, str]:
    """A keyed hash of each channel's settings, 32 hex digits. The settings are given as text with secrets in clear.

    The key is random for each database, so that passwords cannot be guessed from the hashes.
    """
    key = bytes.fromhex(settings_key(tx))
    return {
        channel: blake2b(text.encode("utf-8", "surrogatepass"), key=key, digest_size=16).hexdigest()
        for channel, text in settings.items()
    }


def forget_health(tx: Tx, hashes: Mapping[str, str]) -> None:
    """Reset the health of targets whose channel has new settings, and make their waiting deliveries due."""
    for channel, settings_hash in sorted(hashes.items()):
        changed = execute(tx, statements.forget_health, {"channel": channel, "hash": settings_hash})
        ids = changed.scalars().all()
        if ids:
            parameters = {"targets": encode_values(ids), "now": tx.now}
            execute(tx, waiting_deliveries_due, parameters)
            execute(tx, waited_for_targets_due, parameters)
            tx.signal("targets")
