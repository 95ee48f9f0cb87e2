"""Wires the service together on one exit stack. The only room that imports concrete stores and channels."""
