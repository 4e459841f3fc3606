"""Account, devices and tokens of one user: pure state and rules. Methods return the rows that make a change durable."""

from __future__ import annotations

from actors.errors import ChatError
from actors.messages.user import DeviceInfo, Devices, Grant, Identity, Profile, Refresh, Register, Rehash, SetProfile
from actors.store.rows import DeviceRow, Gone, Row, UserRow
from actors.store.store import UserState

MAX_DEVICES = 50
"""Devices of one account; beyond it the one unseen for longest is logged out."""
LISTED_MS = 30 * 24 * 3600 * 1000
"""A device that was not seen for this time no longer holds marks up; it compares everything when it returns."""
SEEN_STEP_MS = 3600 * 1000
"""How exactly `seen_at` is kept."""


class Account:
    """What `User` knows of itself."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.exists = False
        self.closed = False
        """Whether it was deleted: nothing is left of it but its name, which stays taken."""
        self.row: UserRow
        self.devices: dict[str, DeviceRow] = {}
        self._tokens: dict[bytes, str] = {}
        self._used: set[str] = set()
        """Devices that have shown the token of their last refresh since: that refresh cannot be repeated any more."""
        self._seen: set[str] = set()
        """Devices whose `seen_at` is newer than what is stored."""

    def load(self, state: UserState) -> None:
        """From the store."""
        self.row = state.row
        self.closed = state.row.disabled and not state.row.display
        self.exists = not self.closed
        for device in state.devices:
            self._keep(device)

    def _keep(self, device: DeviceRow) -> None:
        is_used = device.device in self._used
        self.drop(device.device)
        if is_used:
            self._used.add(device.device)
        self.devices[device.device] = device
        self._tokens[device.token] = device.device

    def drop(self, device: str) -> None:
        """Forget a device."""
        self._seen.discard(device)
        self._used.discard(device)
        row = self.devices.pop(device, None)
        if row is not None:
            self._tokens.pop(row.token, None)

    # --- account -----------------------------------------------------------------------------------------------------

    def register(self, request: Register, now_ms: int) -> list[Row]:
        """A new account."""
        self.row = UserRow(self.user, request.display or self.user, request.password, now_ms, admin=request.admin, service=request.service)
        self.exists = True
        rows: list[Row] = [self.row]
        if request.grant is not None:
            rows += self.log_in(request.grant, now_ms)[0]
        return rows

    def profile(self, *, with_password: bool = False) -> Profile:
        """The account for its owner, or with the password text for the check of a login."""
        row = self.row
        password = row.password if with_password else ""
        return Profile(self.user, row.display, row.created_at, row.disabled, row.admin, row.service, password)

    def change(self, request: SetProfile) -> list[Row]:
        """Change what is not None."""
        fields = {name: getattr(request, name) for name in ("display", "password", "disabled", "admin")}
        return [self._set(**{name: value for name, value in fields.items() if value is not None and (name != "display" or value)})]

    def close(self) -> list[Row]:
        """Nobody's from here on."""
        self._set(display="", password="", disabled=True, admin=False)
        self.exists, self.closed = False, True
        return [self.row]

    def rehash(self, request: Rehash) -> list[Row]:
        """The same password in another text; nothing where another password stands."""
        return [self._set(password=request.new)] if self.row.password == request.old else []

    def bump(self) -> UserRow:
        """The list of rooms changes."""
        return self._set(version=self.row.version + 1)

    def _set(self, **changed: object) -> UserRow:
        values = {name: getattr(self.row, name) for name in self.row.__struct_fields__}
        self.row = UserRow(**{**values, **changed})
        return self.row

    # --- devices -----------------------------------------------------------------------------------------------------

    def log_in(self, grant: Grant, now_ms: int) -> tuple[list[Row], tuple[Gone, ...]]:
        """Add a device; the longest unseen goes where there are too many."""
        if self.row.disabled:
            raise ChatError("disabled")
        gone = []
        while len(self.devices) >= MAX_DEVICES:
            oldest = min(self.devices.values(), key=lambda d: d.seen_at).device
            self.drop(oldest)
            gone += [Gone("devices", (self.user, oldest)), Gone("cursors", (self.user, oldest))]
        row = DeviceRow(
            self.user, grant.device, grant.name, now_ms, now_ms, grant.token, grant.token_ends_at, grant.refresh, grant.refresh_ends_at
        )
        self._keep(row)
        return [row], tuple(gone)

    def forget_devices(self) -> tuple[Gone, ...]:
        """All devices are logged out."""
        for device in list(self.devices):
            self.drop(device)
        return (Gone("devices", (self.user,)), Gone("cursors", (self.user,)))

    def repeated(self, request: Refresh) -> bool | None:
        """None: it is no repeat of the last refresh. Else nobody has used what that gave: whether it was `earlier`."""
        device = self.devices.get(request.grant.device)
        if not self._is_replaced(device, request) or device is None or device.device in self._used or self.row.disabled:
            return None
        if device.refresh == request.grant.refresh:
            return False
        return True if request.earlier is not None and device.refresh == request.earlier.refresh else None

    def stolen(self, request: Refresh) -> str | None:
        """The device whose refresh token was already replaced when it came again."""
        device = self.devices.get(request.grant.device)
        return device.device if device is not None and self._is_replaced(device, request) else None

    def _is_replaced(self, device: DeviceRow | None, request: Refresh) -> bool:
        return device is not None and device.refresh_before == request.old and bool(request.old)

    def refresh(self, request: Refresh, now_ms: int) -> list[Row]:
        """New tokens for old."""
        if self.row.disabled:
            raise ChatError("disabled")
        device, grant = self.devices.get(request.grant.device), request.grant
        if device is None or device.refresh != request.old or not request.old or _ended(device.refresh_ends_at, now_ms):
            raise ChatError("bad_token")
        row = DeviceRow(
            self.user, device.device, grant.name or device.name, device.created_at, now_ms,
            grant.token, grant.token_ends_at, grant.refresh, grant.refresh_ends_at, request.old,
        )  # fmt: skip
        self._keep(row)
        self._used.discard(row.device)
        return [row]

    def identify(self, token: bytes, now_ms: int) -> Identity:
        """Whose token it is. The digest of a random token is the key, so a look-up gives nothing away."""
        device = self.devices.get(self._tokens.get(token, "")) if self.exists else None
        if device is None or _ended(device.token_ends_at, now_ms):
            raise ChatError("bad_token")
        row = self.row
        if row.disabled:
            raise ChatError("disabled")
        self._used.add(device.device)
        return Identity(self.user, device.device, row.display, row.admin, row.service, row.created_at)

    def unseen_long(self, device: str, now_ms: int) -> bool:
        """Whether a device was away so long that it no longer held marks up: it has to compare everything."""
        return now_ms - self.devices[device].seen_at >= LISTED_MS

    def seen(self, device: str, now_ms: int) -> bool:
        """A device is here; whether there is something to write, since that was not known to the hour."""
        row = self.devices[device]
        if now_ms - row.seen_at < SEEN_STEP_MS:
            return False
        values = {name: getattr(row, name) for name in row.__struct_fields__}
        self._keep(DeviceRow(**{**values, "seen_at": now_ms}))
        self._seen.add(device)
        return True

    def take_seen(self) -> list[Row]:
        """The devices that have to be written. One that has gone meanwhile is not among them."""
        rows: list[Row] = [self.devices[device] for device in sorted(self._seen)]
        self._seen.clear()
        return rows

    def list_devices(self, online: set[str]) -> Devices:
        """For people."""
        return Devices([DeviceInfo(d.device, d.name, d.created_at, d.seen_at, d.device in online) for d in self.devices.values()])

    def listed_devices(self, now_ms: int) -> list[str]:
        """Devices that hold marks up, besides those that are here now."""
        return [d.device for d in self.devices.values() if now_ms - d.seen_at < LISTED_MS]


def _ended(ends_at: int, now_ms: int) -> bool:
    return ends_at != 0 and ends_at <= now_ms
