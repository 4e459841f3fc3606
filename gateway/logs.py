"""Structured logs: an event's name and its fields, as JSON lines or for a person's eye.

    log = event_log("gateway.api")
    log.info("login_failed", user="ann", address="192.0.2.7")

Levels:

    DEBUG    the way of single messages (`message` with `room`, `seq` and `step`: see `gateway.trace`); off in production
    INFO     what changes seldom: started, stopped, account made, device logged in, certificate read again
    WARNING  somebody or something was refused or is slow, and the server goes on as designed
    ERROR    something failed that should not have; a person should look

Never logged, at any level: message bodies, passwords, tokens. Fields of such names are blanked, token-like text is
cut out of every string, and a traceback names the type of an exception that quotes its input, not its text.

From WARNING on, one kind of record is written at most `burst` times in `per_s` seconds; the next one says how many
were left out in `left_out`. Other libraries' records pass through the same handler, from INFO on: at DEBUG some of
them write whole frames.
"""

from __future__ import annotations

import json
import logging
import re
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

BLANK = "[hidden]"
OURS = ("actors", "cluster", "gateway", "ml", "warbler")
"""Loggers that may write DEBUG."""
SECRET_FIELDS = frozenset(
    {"authorization", "body", "cookie", "key", "old_password", "password", "refresh", "secret", "ticket", "token", "value"}
)
"""Field names whose values are never written."""
TOKEN_LIKE = re.compile(r"wb[lr](?::|%3[aA])[^\s\"'&,)}\]]*|(?<=[Bb]earer )[^\s\"',)}\]]+|(?<=\$argon2id\$)[^\s\"')}\]]+")
QUOTING_MODULES = ("pydantic", "fastapi", "msgspec", "json")
"""Exceptions of these libraries may quote what somebody sent."""
MAX_FIELD_CHARS = 2_000
MAX_TRACE_CHARS = 8_000
RESERVED = frozenset({"time", "level", "log", "event", "exception", "left_out"})

_FIELDS = "event_fields"
_LEFT_OUT = "event_left_out"


class EventLog:
    """Writes events of one part of the server."""

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    @property
    def debugging(self) -> bool:
        """Whether DEBUG is written: ask before gathering fields that cost something."""
        return self._logger.isEnabledFor(logging.DEBUG)

    def debug(self, event: str, **fields: Any) -> None:
        """A step of a single request or message."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """A change that is seldom."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """A refusal or slowness that operators may want to know of."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, *, error: BaseException | None = None, **fields: Any) -> None:
        """A failure that a person should look at, with the exception's traceback."""
        self._write(logging.ERROR, event, fields, error)

    def message(self, step: str, room: str, seq: int = 0, **fields: Any) -> None:
        """One step of a message's way, at DEBUG: the same `room` and `seq` in every part of the server. 0: not numbered yet."""
        self._write(logging.DEBUG, "message", {"room": room, **({"seq": seq} if seq else {}), "step": step, **fields})

    def _write(self, level: int, event: str, fields: Mapping[str, Any], error: BaseException | None = None) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", event, extra={_FIELDS: fields}, exc_info=error)


def event_log(name: str) -> EventLog:
    """The log of a part of the server, by its dotted name."""
    return EventLog(logging.getLogger(name))


class Repeats(logging.Filter):
    """Lets one kind of record (logger and event) pass `burst` times in `per_s` seconds, from WARNING on.

    Remembers at most `size` kinds; the one seen longest ago goes first. What is left out after the last record that
    passed is told by the next record of that kind, however late.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, *, burst: int = 5, per_s: float = 10.0, size: int = 500) -> None:
        super().__init__()
        self._now = now
        self._burst = burst
        self._per_s = per_s
        self._size = size
        # (logger, event) -> [start of the window, passed in it, left out since the last that passed]
        self._kinds: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written; adds the number of those left out."""
        if record.levelno < logging.WARNING:
            return True
        kind = (record.name, _event_of(record) if hasattr(record, _FIELDS) else str(record.msg))
        now = self._now()
        entry = self._kinds.setdefault(kind, [now, 0, 0])
        self._kinds.move_to_end(kind)
        if len(self._kinds) > self._size:
            self._kinds.popitem(last=False)
        if now - entry[0] >= self._per_s:
            entry[0], entry[1] = now, 0
        if entry[1] >= self._burst:
            entry[2] += 1
            return False
        entry[1] += 1
        if entry[2]:
            setattr(record, _LEFT_OUT, int(entry[2]))
            entry[2] = 0
        return True


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, log, event, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line. ASCII only, so that no text of a user can break the line or the terminal."""
        return json.dumps({"time": _time_of(record), **_facts(record)}, default=str, ensure_ascii=True)


class Console(logging.Formatter):
    """For people: time, level, event, ``field=value``; the traceback on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; control characters in values are escaped."""
        facts = _facts(record)
        trace = facts.pop("exception", "")
        level, name, event = facts.pop("level"), facts.pop("log"), facts.pop("event")
        fields = " ".join(f"{key}={_shown(value)}" for key, value in facts.items())
        line = f"{_time_of(record)} {level:7} {_shown(event)} {fields} ({name})".replace("  (", " (")
        return f"{line}\n{trace}" if trace else line


def configure(
    stream: TextIO,
    *,
    form: Literal["json", "console"] = "json",
    level: int | str = logging.INFO,
    now: Callable[[], float] = time.monotonic,
) -> logging.Handler:
    """Send all records of this process to `stream`, and nowhere else. Returns the handler."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if form == "json" else Console())
    handler.addFilter(Repeats(now))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    wanted = logging.getLevelNamesMapping()[level] if isinstance(level, str) else level
    root.setLevel(max(wanted, logging.INFO))
    for name in OURS:
        logging.getLogger(name).setLevel(wanted)
    return handler


def scrub(text: str) -> str:
    """The text without what looks like a token or a password's hash."""
    return TOKEN_LIKE.sub(BLANK, text)


def _time_of(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _event_of(record: logging.LogRecord) -> str:
    return scrub(record.getMessage())[:MAX_FIELD_CHARS]


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    facts: dict[str, Any] = {"level": record.levelname.lower(), "log": record.name, "event": _event_of(record)}
    for name, value in getattr(record, _FIELDS, {}).items():
        facts[name + "_" if name in RESERVED else name] = BLANK if name.lower() in SECRET_FIELDS else _plain(value)
    if (left_out := getattr(record, _LEFT_OUT, 0)) > 0:
        facts["left_out"] = left_out
    if record.exc_info and record.exc_info[1] is not None:
        facts["exception"] = _trace(record.exc_info[1])
    return facts


def _plain(value: Any, depth: int = 3) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return scrub(value[:MAX_FIELD_CHARS])
    if depth and isinstance(value, Mapping):
        return {str(k): BLANK if str(k).lower() in SECRET_FIELDS else _plain(v, depth - 1) for k, v in list(value.items())[:50]}
    if depth and isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth - 1) for item in list(value)[:50]]
    # An unknown object's text may hold anything: its type is enough.
    return type(value).__name__


def _trace(error: BaseException) -> str:
    lines: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(lines) < 200:
        kind = type(seen)
        quotes = kind.__module__.split(".")[0] in QUOTING_MODULES or kind.__module__.startswith("pydantic_core")
        text = "" if quotes else f": {scrub(str(seen))[:MAX_FIELD_CHARS]}"
        lines = [*(line.rstrip() for line in traceback.format_tb(seen.__traceback__)), f"{kind.__name__}{text}", *lines]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "\n".join(lines)[-MAX_TRACE_CHARS:]


def _shown(value: Any) -> str:
    if isinstance(value, str):
        plain = value.isprintable() and value != "" and not any(letter in ' "=' for letter in value)
        return value if plain else json.dumps(value, ensure_ascii=True)
    return json.dumps(value, default=str, ensure_ascii=True)
