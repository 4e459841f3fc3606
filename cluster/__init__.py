"""Composition root, command line, cells on Ray, supervisor, links between cells."""

__version__ = "0.1.0"
