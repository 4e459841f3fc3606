"""The only file that imports the driver: one connection pool, prepared statements, and failures as `StoreError`s.

Statements go to a replica of their partition in this data centre, at `LOCAL_QUORUM`. Only what may be repeated is repeated by the driver.
Answers come in the driver's own thread; nobody waits there.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from cassandra import ConsistencyLevel, DriverException, InvalidRequest
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import (
    ConstantReconnectionPolicy,
    ConstantSpeculativeExecutionPolicy,
    DCAwareRoundRobinPolicy,
    FallthroughRetryPolicy,
    RetryPolicy,
    TokenAwarePolicy,
    WhiteListRoundRobinPolicy,
)
from cassandra.query import BatchStatement, BatchType, tuple_factory

from actors.store.cassandra.migrating import SETTINGS, Migrated, migrate_tables
from actors.store.cassandra.place import Place
from actors.store.cassandra.schema import ONCE, STATEMENTS, UNCHANGED
from actors.store.cassandra.steps import Answers, Asks, Rows
from actors.store.opening import CannotOpen
from actors.store.store import StoreUnavailable

S = TypeVar("S")
TIMEOUT_S = 5.0
"""Of one statement; then its outcome is unknown."""
SLOW_S = 0.7
"""A statement that may be sent twice, and has no answer by then, goes to another node too: one of three that stands still holds nobody up."""
PING_S, PONG_S = 2.0, 4.0
"""A connection that has been still for the first is asked whether it lives; without an answer within the second its node is left alone."""
RECONNECT_S = 1.0
"""Between two tries to reach a node again, for ever: the driver's own pauses grow to ten minutes."""
CONNECT_S = 5.0
PROTOCOL = 4
COPIES = 3
"""Up to so many nodes each has a copy of everything, as the keyspace is made: batches need not be told apart."""
SCHEMA_S = 60.0
_NO_DELAY = (6, 1, 1)
"""``(IPPROTO_TCP, TCP_NODELAY, 1)``: the core does not import `socket`."""
_ONCE_PROFILE, _UNCHANGED_PROFILE = "once", "unchanged"
_SECOND_COPY = ConstantSpeculativeExecutionPolicy(SLOW_S, 1)


class Driver:
    """A connected cluster. Implements `steps.Port`; any thread may call."""

    def __init__(self, place: Place) -> None:
        """Raises `CannotOpen` where the cluster cannot be reached or the login is refused."""
        self.place = place
        logging.getLogger("cassandra").setLevel(logging.ERROR)  # every lost connection would be a page of warnings
        self._cluster = _cluster(
            place,
            place.hosts,
            {
                EXEC_PROFILE_DEFAULT: _profile(place, RetryPolicy(), _SECOND_COPY),
                _ONCE_PROFILE: _profile(place, FallthroughRetryPolicy(), None),
                _UNCHANGED_PROFILE: _profile(place, FallthroughRetryPolicy(), _SECOND_COPY),
            },
        )
        try:
            self._session: Session = self._cluster.connect()
        except (NoHostAvailable, DriverException, OSError) as error:
            self._cluster.shutdown()
            raise CannotOpen(f"Cassandra at {', '.join(place.hosts)} port {place.port} cannot be used: {_reason(error)}") from error
        self._prepared: dict[str, Any] = {}

    def open(self) -> None:
        """Use the keyspace, whose tables are there. Raises `CannotOpen` and its kin."""
        try:
            self._session.set_keyspace(self.place.keyspace)
            for name, text in STATEMENTS.items():
                prepared = self._session.prepare(text)
                prepared.is_idempotent = name not in ONCE or name in UNCHANGED
                self._prepared[name] = prepared
        except (NoHostAvailable, DriverException) as error:
            raise CannotOpen(f"The tables of Warbler cannot be used in Cassandra: {_reason(error)}") from error

    def migrate(self) -> Migrated:
        """Make the keyspace and its tables, or bring them up to date. Raises `CannotOpen` and its kin. Safe for several at once."""
        nodes = [host for host in self._cluster.metadata.all_hosts() if host.datacenter == self.data_center]
        copies = self.place.replication or min(3, len(nodes))
        maker = next(iter(self._session.get_pool_state()))
        try:
            with _Maker(self.place, str(maker.endpoint.address)) as make:
                make.run(
                    f"CREATE KEYSPACE IF NOT EXISTS {self.place.keyspace} "
                    f"WITH replication = {{'class': 'NetworkTopologyStrategy', '{self.data_center}': {copies}}}"
                )
                make.use(self.place.keyspace)
                make.run(SETTINGS)
                make.known_everywhere()
                self._session.set_keyspace(self.place.keyspace)
                migrated = migrate_tables(self.execute, make, self.place.keyspace)
            self._cluster.refresh_keyspace_metadata(self.place.keyspace)  # without it nobody knows who has a copy
            return migrated
        except (NoHostAvailable, DriverException) as error:
            raise CannotOpen(f"The tables of Warbler cannot be made in Cassandra: {_reason(error)}") from error

    def has_keyspace(self) -> bool:
        """Whether it is there, with a table of settings."""
        found = self._cluster.metadata.keyspaces.get(self.place.keyspace)
        return found is not None and "settings" in found.tables

    def drop(self) -> None:
        """Remove the keyspace with all that is in it: what a bench or a test made for itself. Raises what the driver raises."""
        self.execute(f"DROP KEYSPACE IF EXISTS {self.place.keyspace}")

    @property
    def data_center(self) -> str:
        """The one that is used."""
        return self.place.data_center or str(self._cluster.metadata.all_hosts()[0].datacenter)

    def close(self) -> None:
        """End all connections; what is under way fails."""
        self._cluster.shutdown()

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> Rows:
        """Carry out a statement that is none of the prepared ones; waits. For upkeep and tests; raises what the driver raises."""
        return list(self._session.execute(statement, values or None, timeout=SCHEMA_S))

    def partitions(self) -> dict[str, tuple[str, ...]]:
        """The tables, and the columns of their partition keys."""
        found = self._cluster.metadata.keyspaces[self.place.keyspace].tables
        return {name: tuple(column.name for column in table.partition_key) for name, table in found.items()}

    # --- Port ---

    def send(self, asks: Asks, done: Callable[[Answers | Exception], None]) -> None:
        """See `steps.Port`."""
        if not asks:
            done([])
            return
        try:
            bound = [self._prepared[name].bind(values) for name, values in asks]
        except Exception as error:  # noqa: BLE001 - a value that no column takes, told by many kinds; nothing was sent, and the asker hears
            done(error)
            return
        gathering = _Gathering(len(asks), done)
        for number, statement in enumerate(bound):
            self._start(statement, _profile_of(asks[number].statement), _Pages(gathering, number))

    def write(self, asks: Asks, done: Callable[[Exception | None], None]) -> None:
        """See `steps.Port`."""
        bound = [self._prepared[name].bind(values) for name, values in asks]
        together = [bound]
        if len(bound) > 1 and len(self._cluster.metadata.all_hosts()) > COPIES:
            together = apart(bound, self._copies_of)
        gathering = _Gathering(len(together), lambda answer: done(_failure(answer)))
        for number, statements in enumerate(together):
            statement: Any = statements[0]
            if len(statements) > 1:
                statement = BatchStatement(BatchType.UNLOGGED)
                statement.is_idempotent = True
                for one in statements:
                    statement.add(one)
            self._start(statement, EXEC_PROFILE_DEFAULT, _Pages(gathering, number))

    def _copies_of(self, statement: Any) -> frozenset[Any]:
        """The nodes that have its partition."""
        found = self._cluster.metadata.get_replicas(self.place.keyspace, statement.routing_key)
        return frozenset(host.host_id for host in found)

    def _start(self, statement: Any, profile: str, pages: _Pages) -> None:
        try:
            future = self._session.execute_async(statement, execution_profile=profile)
        except (NoHostAvailable, DriverException) as error:
            pages.failed(error)
            return
        pages.future = future
        future.add_callbacks(pages.came, pages.failed)


class _Maker:
    """One node alone, which makes tables; what it made is waited for at the end: waiting after each takes three nodes a minute."""

    def __init__(self, place: Place, address: str) -> None:
        alone = ExecutionProfile(WhiteListRoundRobinPolicy([address]), request_timeout=SCHEMA_S)
        self._cluster = _cluster(place, (address,), {EXEC_PROFILE_DEFAULT: alone})
        self._session: Session = self._cluster.connect()

    def __enter__(self) -> _Maker:
        return self

    def __exit__(self, *_: object) -> None:
        self._cluster.shutdown()

    def use(self, keyspace: str) -> None:
        """Tables are of this one."""
        self._session.set_keyspace(keyspace)

    def run(self, statement: str) -> None:
        """Carry it out."""
        self._session.execute(statement)

    def known_everywhere(self) -> None:
        """Wait until all nodes that are there know the same tables. Raises `CannotOpen`."""
        if not self._cluster.control_connection.wait_for_schema_agreement(wait_time=SCHEMA_S):
            raise CannotOpen(f"The nodes of Cassandra do not agree on their tables after {SCHEMA_S:.0f} s.")


def apart(statements: Sequence[S], copies_of: Callable[[S], Hashable]) -> list[list[S]]:
    """Statements by who has their partitions: a batch whose rows lie with the same nodes goes to one of these, and is handed on to no other."""
    found: dict[Hashable, list[S]] = {}
    for statement in statements:
        found.setdefault(copies_of(statement), []).append(statement)
    return list(found.values())


class _Gathering:
    """Answers of several statements, until all are there or one has failed."""

    __slots__ = ("_answers", "_done", "_left", "_lock")

    def __init__(self, count: int, done: Callable[[Answers | Exception], None]) -> None:
        self._answers: Answers = [[] for _ in range(count)]
        self._left = count
        self._done = done
        self._lock = threading.Lock()

    def came(self, number: int, rows: Rows) -> None:
        """All rows of one."""
        with self._lock:
            self._answers[number] = rows
            self._left -= 1
            is_last = self._left == 0
        if is_last:
            self._done(self._answers)

    def failed(self, error: Exception) -> None:
        """One has failed: so have all."""
        with self._lock:
            was_open = self._left > 0
            self._left = -1
        if was_open:
            self._done(error)


class _Pages:
    """The rows of one statement, page after page."""

    __slots__ = ("_gathering", "_number", "_rows", "future")

    def __init__(self, gathering: _Gathering, number: int) -> None:
        self._gathering = gathering
        self._number = number
        self._rows: Rows = []
        self.future: Any = None

    def came(self, rows: Rows | None) -> None:
        """A page; called in the driver's thread, or at once where it was quick."""
        self._rows += rows or ()
        if self.future.has_more_pages:
            self.future.start_fetching_next_page()
        else:
            self._gathering.came(self._number, self._rows)

    def failed(self, error: Exception) -> None:
        """No answer; for a write that says nothing about what was done."""
        wrong = isinstance(error, InvalidRequest) or not isinstance(error, (DriverException, NoHostAvailable, OSError))
        self._gathering.failed(error if wrong else StoreUnavailable(f"Cassandra: {_reason(error)}"))


def _cluster(place: Place, hosts: tuple[str, ...], profiles: dict[Any, ExecutionProfile]) -> Any:
    return Cluster(
        list(hosts),
        port=place.port,
        # Version 5 puts checksums around every frame, which the driver counts in plain Python: a fifth of what an append costs.
        protocol_version=PROTOCOL,
        auth_provider=PlainTextAuthProvider(place.user, place.password) if place.user else None,
        # The driver writes in pieces of 4 KiB and does not set this: every larger request would wait 40 ms.
        sockopts=[_NO_DELAY],
        ssl_context=place.context,
        execution_profiles=profiles,
        reconnection_policy=ConstantReconnectionPolicy(RECONNECT_S, max_attempts=None),
        idle_heartbeat_interval=PING_S,
        idle_heartbeat_timeout=PONG_S,
        connect_timeout=CONNECT_S,
        control_connection_timeout=CONNECT_S,
        max_schema_agreement_wait=0,
    )


def _profile_of(statement: str) -> Any:
    if statement in UNCHANGED:
        return _UNCHANGED_PROFILE
    return _ONCE_PROFILE if statement in ONCE else EXEC_PROFILE_DEFAULT


def _profile(place: Place, retry: Any, second: Any) -> ExecutionProfile:
    return ExecutionProfile(
        speculative_execution_policy=second,
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(place.data_center)),
        retry_policy=retry,
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        request_timeout=TIMEOUT_S,
        row_factory=tuple_factory,
    )


def _failure(answer: Answers | Exception) -> Exception | None:
    return answer if isinstance(answer, Exception) else None


def _reason(error: Exception) -> str:
    if isinstance(error, NoHostAvailable) and isinstance(error.errors, dict) and error.errors:
        return "; ".join(f"{host}: {_reason(inner)}" for host, inner in error.errors.items())[:400]
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__
