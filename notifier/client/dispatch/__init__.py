"""How reports leave the process: queue, journal on disk, exchange with the service.

event()/run()   any thread, the event loop too: a queue, and nothing that waits
Writer          a thread: prepares, encodes, and puts all of it on the disk within some twenty milliseconds
Sender          a thread: reads the journal in order, posts it, and forgets what the service has taken; beats
"""

from notifier.client.dispatch.transport import HttpTransport

__all__ = ["HttpTransport"]
