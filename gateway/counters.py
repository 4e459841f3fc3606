"""What a listener counts, for metrics and for people. Plain integers, read at any time."""

from __future__ import annotations

from collections import Counter


class Counters:
    """Counts of one listener since it started."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "closes",
        "errors",
        "frames_in",
        "frames_out",
        "http",
        "opened",
        "refused",
        "websockets",
    )

    def __init__(self) -> None:
        self.websockets = 0
        """WebSocket connections now."""
        self.opened = 0
        """WebSocket connections ever."""
        self.http = 0
        """Connections handed to HTTP, ever."""
        self.refused = 0
        """Connections refused because of a bound, ever."""
        self.frames_in = 0
        """Messages received."""
        self.frames_out = 0
        """Frames written."""
        self.bytes_in = 0
        """Bytes received on WebSockets."""
        self.bytes_out = 0
        """Bytes written to WebSockets."""
        self.errors: Counter[str] = Counter()
        """Refused frames by error code."""
        self.closes: Counter[int] = Counter()
        """Closed WebSockets by the code that the server sent or echoed; 1006 where there was none."""
