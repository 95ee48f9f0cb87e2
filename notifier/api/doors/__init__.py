"""Doors: the endpoints for other senders' formats.

Each has its own place for the key, and answers its clients expect.
"""
