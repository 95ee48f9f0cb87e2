"""Who is asking: bearer keys, their project and scopes."""

from __future__ import annotations

from notifier.api.problems import HttpProblem
from notifier.domain.key import Key
from notifier.store import keys
from notifier.store.database import INGEST, Database

CACHE_FOR_MS = 2_000
CACHED_AT_MOST = 10_000


class Keyring:
    """Looks keys up by hash, and remembers them for two seconds: that long a revocation by another replica takes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[int, Key | None]] = {}

    def forget(self) -> None:
        """After a change made here: it holds at once."""
        self._known.clear()

    async def authenticate(self, header: str | None) -> Key:
        """The key of an `Authorization` header, or 401."""
        scheme, _, secret = (header or "").partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret.startswith("ntf_"):
            raise _unauthorised("send the key as `Authorization: Bearer ntf_...`")
        hash_ = keys.digest(secret)
        now = self._database.now()
        cached = self._known.get(hash_)
        if cached is None or not 0 <= now - cached[0] < CACHE_FOR_MS:
            found = await self._database.read(lambda tx: keys.find(tx, hash_), limit=INGEST)
            if len(self._known) >= CACHED_AT_MOST:
                self._known.clear()
            cached = (now, found)
            self._known[hash_] = cached
        key = cached[1]
        if key is None:
            raise _unauthorised("this key is not known: list keys with `notifier keys list`, or create one")
        if key.revoked_at is not None:
            raise _unauthorised("this key has been revoked: create another with `notifier keys create`")
        return key


def require(key: Key, scope: str) -> None:
    """403 unless the key carries the scope; `admin` is the instance's and stands for `manage` and `read`, too."""
    if scope in key.scopes:
        return
    granted = set(key.scopes)
    if "admin" in granted:
        granted |= {"read", "manage"}
    if "manage" in granted:
        granted.add("read")
    if scope not in granted:
        raise HttpProblem(
            403,
            f"this key lacks the scope `{scope}`: use one that has it, or create one with `notifier keys`",
        )


def _unauthorised(detail: str) -> HttpProblem:
    return HttpProblem(401, detail, {"www-authenticate": 'Bearer realm="notifier"'})
