"""The way of a message through the server, as lines of log at DEBUG. Implements `actors.ports.Trace`.

Every line is the event `message` with a `step`, the `room`, and from the commit on the `seq`:

    step         fields                   meaning
    ----------   ----------------------   ----------------------------------------------------------------------------
    received     n, device, session       a session has taken the post from its client and handed it to the room
    committed    seq, n, device           the entry is durable; `n` and `device` are those of `received` (0 and empty for a
                                          post by HTTP, and for what happened to the room)
    fanned_out   seq, edges               it goes to so many edge cells; 0: nobody is online
    relayed      seq                      large rooms: the relay of an edge has it
    delivered    seq, session, pushed     a session has it; `pushed` false: it reads too slowly and will pull

(`posted_by_http`, from the HTTP API: seq, user. The answer to such a post names its seq.)

Whose a session is, `session_welcomed` says: session, user, device. Lines of one message may lie in the logs of
several cells. A room whose commit failed says nothing: the session repeats the post, and the next `committed` counts.
"""

from __future__ import annotations

from actors.runtime.actor import ActorId
from gateway.logs import EventLog, event_log


class LogTrace:
    """Writes each step."""

    def __init__(self, log: EventLog | None = None) -> None:
        self._log = log or event_log("gateway.trace")

    def welcomed(self, session: ActorId, user: str, device: str) -> None:
        """See `Trace.welcomed`."""
        self._log.debug("session_welcomed", session=session, user=user, device=device)

    def received(self, room: str, n: int, device: str, session: ActorId) -> None:
        """See `Trace.received`."""
        self._log.message("received", room, n=n, device=device, session=session)

    def committed(self, room: str, seq: int, n: int, device: str) -> None:
        """See `Trace.committed`."""
        self._log.message("committed", room, seq, n=n, device=device)

    def fanned_out(self, room: str, seq: int, edges: int) -> None:
        """See `Trace.fanned_out`."""
        self._log.message("fanned_out", room, seq, edges=edges)

    def relayed(self, room: str, seq: int) -> None:
        """See `Trace.relayed`."""
        self._log.message("relayed", room, seq)

    def delivered(self, room: str, seq: int, session: ActorId, pushed: bool) -> None:
        """See `Trace.delivered`."""
        self._log.message("delivered", room, seq, session=session, pushed=pushed)
