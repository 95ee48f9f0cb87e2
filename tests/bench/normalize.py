"""The processor time of one event between the socket and the commit: `python -m tests.bench.normalize`.

Microseconds per event, the best of several short runs, to reduce the effect of other load.
"""

from __future__ import annotations

import itertools
import json
import timeit
from collections.abc import Callable

from notifier.ingest import lenient
from notifier.ingest.batch import split
from notifier.ingest.normalize import Normalizer
from notifier.ingest.scrub import suspicious
from tests.bench.payload import EVENT


def best(run: Callable[[], object], *, events: int = 1) -> float:
    number = max(1, 500 // events)
    return min(timeit.repeat(run, number=number, repeat=20)) / number / events * 1e6


def main() -> None:
    raw = json.dumps(EVENT).encode()
    many = b"[" + b",".join([raw] * 100) + b"]"
    secret = json.dumps({**EVENT, "context": {"password": "hunter"}}).encode()
    normalizer = Normalizer(max_event_bytes=262_144, new_id=lambda: "id")

    def parse(body: bytes) -> object:
        items = split(body, None).items
        return normalizer.read(items, project="default", received_at=1_795_323_600_000, sent_at=None)

    orders = itertools.count(10_000)

    def new_content() -> object:
        return parse(raw.replace(b"1842", b"%d" % next(orders)))

    print(f"{len(raw)} bytes an event; microseconds an event")
    print(f"one event a body       {best(lambda: parse(raw)):7.1f}")
    print(f"  with new content     {best(new_content):7.1f}")
    print(f"a hundred a body       {best(lambda: parse(many), events=100):7.1f}")
    print(f"one with a secret      {best(lambda: parse(secret)):7.1f}")
    print(f"  pre-filter alone     {best(lambda: suspicious(raw)):7.1f}")
    print(f"  lenient reading      {best(lambda: lenient.from_bytes(raw)):7.1f}")


if __name__ == "__main__":
    main()
