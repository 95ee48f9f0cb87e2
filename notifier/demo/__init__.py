"""`notifier demo`: the service, an inbox that shows what it sends, and a sample application, in one command.

`run.py` is the entry point, `inbox/` replaces a mailbox, Slack and a webhook's receiver, and `sample.py` is an
application to copy from. It needs the extra `demo`.
"""
