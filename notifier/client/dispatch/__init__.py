"""The dispatch of reports: a queue, a journal on disk, and requests to the service.

event()/run()   any thread, the event loop included: puts into a queue, never waits
Writer          a thread: prepares and encodes reports, and writes them to the disk within some twenty milliseconds
Sender          a thread: posts the journal in order, removes what the service has accepted, and sends heartbeats
"""

from notifier.client.dispatch.transport import HttpTransport

__all__ = ["HttpTransport"]
