"""`notifier demo`: the service, an inbox that shows whatever it sends, and a sample application, in one command.

`run.py` starts it all, `inbox/` is what stands for a mailbox, a Slack and a webhook's receiver, and `sample.py` is an
application to copy from. It needs the extra `demo`.
"""
