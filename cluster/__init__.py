"""The composition root: cells on Ray, the command line, measuring."""
