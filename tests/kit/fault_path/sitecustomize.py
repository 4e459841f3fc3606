"""Python loads this at the start of every process that has this folder on its path: it breaks the server on purpose.

The server's code knows nothing of it. `FAULT_PLAN` (JSON, made by `tests.kit.fault_plan`) says what happens and where:

    deaths   trigger -> step: the process kills itself when a text holding the trigger comes to that step
    markers  folder where the first process to come there leaves a file of the trigger's name: nobody dies of it again
    crashes  texts holding one of these make the code of the room raise, each time
    far      each process takes all others for those of another machine: they cannot be reached, only sealed
    says     the log tells of each mark that a user keeps (`mark_kept`) or loses (`mark_cleared`)
    no_store while the folder `markers` holds a file ``CELL.no-store``, nothing that this cell asks of the store succeeds
             and a file ``CELL.freeze`` stops the process (SIGSTOP) at its next group commit, before that begins
    watches  slots that are opened while the process in ``markers/frozen`` still lives are told of (`opened_beside_frozen`)
    set      constants to set after their module was imported: ``module.NAME`` -> value
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any

ANSWER_S = 0.3
"""After the answer was told and before the death: time enough to write it to the socket."""


class _Plan:
    def __init__(self, text: str) -> None:
        plan = json.loads(text)
        self._deaths: dict[str, str] = plan.get("deaths", {})
        self._markers: str = plan.get("markers", "")
        self.set: dict[str, Any] = plan.get("set", {})
        self.crashes: list[str] = plan.get("crashes", [])
        self.is_far: bool = plan.get("far", False)
        self.says: bool = plan.get("says", False)
        self._frozen: str = os.path.join(self._markers, "frozen") if plan.get("watches") else ""
        self._no_store = self._gate("no-store") if plan.get("no_store") else ""
        self._freeze = self._gate("freeze") if plan.get("no_store") else ""

    def _gate(self, kind: str) -> str:
        return os.path.join(self._markers, f"{os.environ.get('FAULT_CELL', '')}.{kind}")

    def maybe_freeze(self) -> None:
        """Stop here where that is wanted: once."""
        if self._freeze and os.path.exists(self._freeze):
            os.unlink(self._freeze)
            # To this very thread, which stops before it goes on: a signal to the process may reach another thread first.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

    @property
    def has_store(self) -> bool:
        """Whether this cell reaches the store now."""
        return not self._no_store or not os.path.exists(self._no_store)

    @property
    def frozen_lives(self) -> bool:
        """Whether there is a frozen process, and nobody has killed it."""
        if not self._frozen:
            return False
        try:
            with open(self._frozen) as file:
                pid = file.read()
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rpartition(")")[2].split()[0] not in "ZX"
        except FileNotFoundError:
            return False

    def is_due(self, step: str, texts: Iterable[str]) -> bool:
        """Whether this process has to die here: one of the texts holds a trigger of this step, for the first time."""
        triggers = [trigger for trigger, where in self._deaths.items() if where == step]
        return any(self._take(trigger) for trigger in triggers if any(trigger in text for text in texts))

    def _take(self, trigger: str) -> bool:
        try:
            os.close(os.open(os.path.join(self._markers, trigger), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        return True


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _break_room(module: ModuleType, plan: _Plan) -> None:
    room = module.Room
    settled, hand_over, tell_marks = room._posts_settled, room._hand_over, room._tell_marks
    silent: list[bool] = []

    def posts_settled(self: Any, stored: Any, posts: Sequence[Any], *rest: Any) -> Any:
        if stored.error is None and plan.is_due("before_answer", [post.body for post in posts]):
            _die()
        return settled(self, stored, posts, *rest)

    def maybe_hand_over(self: Any, *rest: Any) -> Any:
        if plan.is_due("after_answer", [text.decode() for text in self._out._texts]):
            silent.append(True)
            threading.Timer(ANSWER_S, _die).start()
        return None if silent else hand_over(self, *rest)

    def maybe_tell_marks(self: Any, marks: Any) -> Any:
        return None if silent else tell_marks(self, marks)

    room._posts_settled, room._hand_over, room._tell_marks = posts_settled, maybe_hand_over, maybe_tell_marks


def _break_delivery(module: ModuleType, plan: _Plan) -> None:
    sessions = module.LocalSessions
    deliver = sessions.deliver

    def maybe_deliver(self: Any, targets: Sequence[str], room: str, head: int, texts: Sequence[bytes], senders: Sequence[str]) -> Any:
        is_for_others = any(target in self and target not in senders for target in targets)
        if is_for_others and plan.is_due("at_edge", [text.decode() for text in texts]):
            _die()
        return deliver(self, targets, room, head, texts, senders)

    sessions.deliver = maybe_deliver


def _crash_room(module: ModuleType, plan: _Plan) -> None:
    number = module.Repeats.number

    def maybe_number(self: Any, posts: Sequence[Any], at: int) -> Any:
        if any(crash in post.body for post in posts for crash in plan.crashes):
            raise RuntimeError("a text that the room's code cannot bear")
        return number(self, posts, at)

    if plan.crashes:
        module.Repeats.number = maybe_number


def _say_marks(module: ModuleType, plan: _Plan) -> None:
    if not plan.says:
        return
    log = importlib.import_module("gateway.logs").event_log("tests.faults")
    rooms = module.RoomList
    apply, cleared = rooms.apply, rooms.cleared

    def say_kept(self: Any, change: Any) -> None:
        apply(self, change)
        for row in change.puts:
            if isinstance(row, module.UserMarkRow):
                log.info("mark_kept", room=row.room, user=row.user)

    def say_cleared(self: Any, room: str, seq: int) -> Any:
        gone = cleared(self, room, seq)
        for row in gone:
            log.info("mark_cleared", room=room, user=row.key[0])
        return gone

    rooms.apply, rooms.cleared = say_kept, say_cleared


def _watch_slots(module: ModuleType, plan: _Plan) -> None:
    chat = module.ChatCell
    open_slots = chat.open_slots

    def watched(self: Any, gained: Sequence[int]) -> None:
        if gained and plan.frozen_lives:
            importlib.import_module("gateway.logs").event_log("tests.faults").error("opened_beside_frozen", slots=len(gained))
        open_slots(self, gained)

    chat.open_slots = watched


def _break_registry(module: ModuleType, plan: _Plan) -> None:
    registry = module.FileRegistry
    run = registry._run

    def maybe_run(self: Any, work: Callable[[], Any]) -> Any:
        def reached() -> Any:
            if not plan.has_store:
                raise module.StoreUnavailable("cut off from the store")
            return work()

        return run(self, reached)

    registry._run = maybe_run


def _break_store(module: ModuleType, plan: _Plan) -> None:
    store, guarded = module.SqliteStore, module._guarded
    write = store._write

    def maybe_write(self: Any, group: Sequence[Any]) -> None:
        plan.maybe_freeze()
        if plan.has_store:
            write(self, group)
            return
        for pending in group:
            pending.failure = module.StoreUnavailable("cut off from the store")

    def maybe_read(read: Callable[[Any], Any], reader: Any) -> Any:
        if not plan.has_store:
            raise module.StoreUnavailable("cut off from the store")
        return guarded(read, reader)

    store._write, module._guarded = maybe_write, maybe_read  # type: ignore[attr-defined]


def _break_driver(module: ModuleType, plan: _Plan) -> None:
    driver = module.Driver
    send, write = driver.send, driver.write

    def lost() -> Exception:
        error: Exception = module.StoreUnavailable("cut off from the store")
        return error

    def maybe_send(self: Any, asks: Any, done: Callable[[Any], None]) -> None:
        # What is under way at the cut may be done, and its answer does not come.
        if plan.has_store:
            send(self, asks, lambda answer: done(answer if plan.has_store else lost()))
        else:
            done(lost())

    def maybe_write(self: Any, asks: Any, done: Callable[[Any], None]) -> None:
        if plan.has_store:
            write(self, asks, lambda error: done(error if plan.has_store else lost()))
        else:
            done(lost())

    driver.send, driver.write = maybe_send, maybe_write


def _break_writer(module: ModuleType, plan: _Plan) -> None:
    append = module.Writer._append

    def maybe_append(self: Any, together: Any, staged: Any) -> None:
        plan.maybe_freeze()
        append(self, together, staged)

    module.Writer._append = maybe_append


def _move_apart(module: ModuleType, plan: _Plan) -> None:
    if plan.is_far:
        module.pid_space = lambda: f"of {os.environ.get('FAULT_CELL', '')}"  # type: ignore[attr-defined]


def _set_constants(module: ModuleType, plan: _Plan) -> None:
    for name, value in plan.set.items():
        owner, _, constant = name.rpartition(".")
        if owner == module.__name__:
            if not hasattr(module, constant):
                raise AttributeError(f"there is no {name} to set")
            setattr(module, constant, value)


def _break_operations(module: ModuleType, plan: _Plan) -> None:
    commit = module.Saga._commit

    async def then_die(self: Any, puts: Sequence[Any], gone: Sequence[Any] = ()) -> None:
        await commit(self, puts, gone)
        if plan.is_due("recorded", [puts[0].what if puts else "ended"]):
            _die()

    module.Saga._commit = then_die


_BREAKERS: dict[str, Callable[[ModuleType, _Plan], None]] = {
    "actors.room": _break_room,
    "actors.edge": _break_delivery,
    "actors.room_repeats": _crash_room,
    "actors.saga": _break_operations,
    "actors.user_list": _say_marks,
    "actors.chat_cell": _watch_slots,
    "actors.store.cassandra.driver": _break_driver,
    "actors.store.cassandra.writer": _break_writer,
    "actors.store.sqlite": _break_store,
    "cluster.file_registry": _break_registry,
    "cluster.processes": _move_apart,
}


class _Finder(importlib.abc.MetaPathFinder):
    """Lets the others find, and changes what was loaded."""

    def __init__(self, plan: _Plan) -> None:
        self._plan = plan
        self._wanted = {*_BREAKERS, *(name.rpartition(".")[0] for name in plan.set)}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name not in self._wanted:
            return None
        self._wanted.discard(name)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            self._wrap(spec.loader)
        return spec

    def _wrap(self, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            breaker = _BREAKERS.get(module.__name__)
            if breaker is not None:
                breaker(module, self._plan)
            _set_constants(module, self._plan)

        loader.exec_module = exec_module


if "FAULT_PLAN" in os.environ:
    sys.meta_path.insert(0, _Finder(_Plan(os.environ["FAULT_PLAN"])))
