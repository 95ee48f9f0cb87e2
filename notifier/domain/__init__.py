"""Values and their invariants; imports the standard library only.

An instant is an integer of milliseconds since the Unix epoch, in UTC. A duration is an integer of milliseconds.
"""
