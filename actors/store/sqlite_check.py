"""Whether a data folder is what it should be, down to the last row. Reads only; while a server runs, each file as it is at one moment."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from actors.runtime.actor import actor_id
from actors.runtime.ring import slot_of
from actors.runtime.view import View, ViewError
from actors.store.cluster_file import ClusterFile
from actors.store.data_folder import DataFolder
from actors.store.findings import Findings, RoomAudit, user_faults
from actors.store.opening import CannotOpen, Damaged, explain
from actors.store.rows import ActiveRow, CheckpointRow, DeviceRow, MarkRow, MemberRow, RoomRow, SagaRow, UserMarkRow, UserRoomRow, UserRow
from actors.store.seal import Sealer
from actors.store.seats import Seat, seats_in
from actors.store.shard_file import FAULTS, ROOM_KINDS, USER_KINDS, ShardFile
from actors.store.shards import SLOTS, shard_of, shard_path
from actors.store.store import StoreError

MOST_LEDGER_ROWS = 400_000
"""More rows than two generations of a ledger can have, whatever a group holds: somebody stopped folding."""
Tell = Callable[[str, int, int], None]
"""(what is looked at, done, in all)."""


def check_data(opened: DataFolder, tell: Tell) -> Findings:
    """Everything; what is wrong is in the findings, and nothing is raised for it."""
    found = Findings()
    cluster = opened.cluster
    _check_cluster(cluster, found)
    _check_keys(opened, found)
    seats = seats_in(opened.folder)
    files = [
        *(_File(shard_path(opened.folder, number), number, None) for number in range(cluster.shards)),
        *(_File(seat.path, 0, seat) for seat in seats),
    ]
    lives = cluster.lives()
    for number, file in enumerate(files):
        tell(file.path.name, number, len(files))
        try:
            _check_file(file, cluster.shards, Sealer(opened.master, cluster), seats, lives, found)
        except sqlite3.Error as error:
            found.add(str(explain(error, file.path)))
        except (StoreError, OSError) as error:
            if file.seat is None or file.path.exists():
                found.add(str(error))
            # else its room has left it meanwhile
    tell("", len(files), len(files))
    return found


class _File:
    """One file, and what it is for."""

    def __init__(self, path: Path, shard: int, seat: Seat | None) -> None:
        self.path = path
        self.shard = shard
        self.seat = seat

    def has(self, address: str, kind: str, shards: int, seated: set[str]) -> bool:
        """Whether this is where the rows of a room or account belong."""
        if self.seat is not None:
            return kind == "room" and address == self.seat.room
        return shard_of(slot_of(actor_id(kind, address)), shards) == self.shard and not (kind == "room" and address in seated)


def _check_cluster(cluster: ClusterFile, found: Findings) -> None:
    found.extend(f"{cluster.path.name}: {line}" for line in _integrity(cluster.path))
    version, data = cluster.view()
    if not version:
        return
    try:
        view = View.decode(data)
    except ViewError as error:
        found.add(f"The stored view cannot be read: {error}.")
        return
    lives = cluster.lives()
    if view.version != version:
        found.add(f"The stored view says that it is version {view.version}, and stands as version {version}.")
    for cell in view.cells:
        if cell.life not in lives:
            found.add(f"The view has the life {cell.life}, which was never written down.")
        elif lives[cell.life]:
            found.add(f"The view has the life {cell.life}, which is sealed.")
    if view.groups != cluster.shards:
        found.add(f"The view has {view.groups} groups, and there are {cluster.shards} shards.")
    found.saw("cells in the view", len(view.cells))


def _check_keys(opened: DataFolder, found: Findings) -> None:
    for number in opened.cluster.key_ids():
        try:
            opened.master.unwrap(opened.cluster.wrapped_key(number) or b"")
        except (CannotOpen, ValueError):
            found.add(f"The data key {number} does not open with the master key.")
        found.saw("data keys")


def _integrity(path: Path) -> Iterator[str]:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        for (line,) in connection.execute("PRAGMA integrity_check(20)"):
            if line != "ok":
                yield line
    except sqlite3.Error as error:
        yield str(error)
    finally:
        connection.close()


def _check_file(file: _File, shards: int, sealer: Sealer, seats: list[Seat], lives: dict[str, bool], found: Findings) -> None:
    name = file.path.name
    if not file.path.exists():
        raise Damaged(f"The file {file.path} is missing.")
    faults = list(_integrity(file.path))
    found.extend(f"{name}: {line}" for line in faults)
    if faults:
        return  # what would be read now says nothing
    shard = ShardFile(file.path, sealer, found.add)
    try:
        owner = shard.connection.execute("SELECT life FROM owner").fetchone()
        if owner is None:
            found.add(f"{name}: the row of its owner is missing.")
        elif owner[0] and owner[0] not in lives:
            found.add(f"{name}: it is owned by the life {owner[0]}, which was never written down.")
        if shard.ledger_rows > MOST_LEDGER_ROWS:
            found.add(f"{name}: its ledger has {shard.ledger_rows} rows that were never folded.")
        done = {life for (life,) in shard.connection.execute("SELECT life FROM sealed_lives")}
        seated = {seat.room for seat in seats if seat.mark not in done}
        _check_rows(file, shards, shard, seated, found)
    finally:
        shard.close()
    found.saw("files")


def _check_rows(file: _File, shards: int, shard: ShardFile, seated: set[str], found: Findings) -> None:
    for room in shard.rooms():
        if file.has(room, "room", shards, seated):
            _guarded(found, f"Room {room}", lambda room=room: _check_room(file, shard, room, found))  # type: ignore[misc]
        elif room not in seated:
            found.add(f"{file.path.name}: it has rows of room {room}, which belongs elsewhere.")
    for user in shard.users():
        if file.has(user, "user", shards, seated):
            _guarded(found, f"Account {user}", lambda user=user: _check_user(shard, user, found))  # type: ignore[misc]
        else:
            found.add(f"{file.path.name}: it has rows of the account {user}, which belongs elsewhere.")
    for saga in shard.sagas():
        _guarded(found, f"Operation {saga}", lambda saga=saga: found.saw("operations", len(shard.rows(SagaRow, saga))))  # type: ignore[misc]
        if not file.has(saga, "saga", shards, seated):
            found.add(f"{file.path.name}: it has a row of the operation {saga}, which belongs elsewhere.")


def _guarded(found: Findings, whose: str, check: Callable[[], None]) -> None:
    try:
        check()
    except FAULTS as error:
        found.add(f"{whose}: a row cannot be read: {error}")


def _check_room(file: _File, shard: ShardFile, room: str, found: Findings) -> None:
    rows = {kind: shard.rows(kind, room) for kind in ROOM_KINDS}
    audit = RoomAudit(room)
    for entries in shard.entries(room, found.add):
        found.extend(audit.entries(entries))
    checkpoints: list[CheckpointRow] = rows[CheckpointRow]  # type: ignore[assignment]
    marks: list[MarkRow] = rows[MarkRow]  # type: ignore[assignment]
    members: list[MemberRow] = rows[MemberRow]  # type: ignore[assignment]
    found.extend(audit.rows(checkpoints, marks, members))
    if not rows[RoomRow]:
        found.add(f"Room {room}: it has rows, and is not there itself.")
    slot = SLOTS + file.seat.number if file.seat is not None else slot_of(actor_id("room", room))
    wrong = shard.connection.execute("SELECT count(*) FROM marks WHERE room = ? AND slot <> ?", (room, slot)).fetchone()[0]
    wrong += sum(row.slot != slot for row in rows[ActiveRow])  # type: ignore[attr-defined]
    if wrong:
        found.add(f"Room {room}: {wrong} of its rows name another slot, and no taker would find them.")
    found.saw("rooms")
    found.saw("messages", audit.count)
    found.saw("rows", sum(map(len, rows.values())))


def _check_user(shard: ShardFile, user: str, found: Findings) -> None:
    users, rooms, marks = (shard.rows(kind, user) for kind in (UserRow, UserRoomRow, UserMarkRow))
    devices = len(shard.rows(DeviceRow, user))
    found.extend(user_faults(user, users, rooms, marks, devices))  # type: ignore[arg-type]
    found.saw("accounts", len(users))
    found.saw("rows", sum(len(shard.rows(kind, user)) for kind in USER_KINDS))
