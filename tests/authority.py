"""A certificate authority for tests, for valid and invalid certificates."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


class Authority:
    """Issues certificates for servers.

    `file` is the authority's own certificate, `issued` the last one issued, as PEM.
    """

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.file = folder / "authority.pem"
        self.issued = folder / "issued.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def serving(self, *names: str, days: tuple[int, int] = (-1, 1)) -> ssl.SSLContext:
        """A TLS context of a server with these names (by default localhost and 127.0.0.1), valid for these `days`."""
        now = datetime.now(UTC)
        first, last = (now + timedelta(days=each) for each in days)
        issued = self._ca.issue_cert(*(names or ("localhost", "127.0.0.1")), not_before=first, not_after=last)
        issued.cert_chain_pems[0].write_to_path(str(self.issued))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(context)
        return context

    @property
    def trusting(self) -> ssl.SSLContext:
        """A client's TLS context that trusts only this authority."""
        return ssl.create_default_context(cafile=str(self.file))


EXPIRED = (-30, -1)
NOT_YET = (1, 30)
