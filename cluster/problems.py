"""What stops a command, in one clear sentence."""

from __future__ import annotations


class StartProblem(Exception):
    """The server cannot start, or a command cannot be carried out. The text is a sentence for the person who runs it:
    what is wrong, and how to mend it."""
