"""What stops a command, in one clear sentence."""

from __future__ import annotations


class StartProblem(Exception):
    """The server cannot start, or a command cannot be carried out. The text is a sentence for the person who runs it:
    what is wrong, and how to mend it."""


def last_words(text: str) -> str:
    """The last line that says something: where long error texts keep their point."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


def in_short(error: BaseException) -> str:
    """An error in one line; one that is meant for people is its own sentence."""
    said = last_words(str(error))
    if isinstance(error, StartProblem):  # it may come from another process, as the last line of a traceback
        return said.rpartition("StartProblem: ")[2]
    return f"{type(error).__name__}: {said}"
