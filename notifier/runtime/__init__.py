"""Wires everything on one exit stack; the only importer of concrete stores and channels."""
