"""Values and their invariants. Standard library only.

Every instant is an integer: milliseconds since the Unix epoch, UTC. Every duration is an integer: milliseconds.
"""
