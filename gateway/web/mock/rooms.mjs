/** An in-memory chat for the mock server: accounts, rooms, numbering by `n`. One process, nothing kept. */
import { randomBytes } from "node:crypto";

const id = (bytes = 8) => randomBytes(bytes).toString("hex");

export class MockError extends Error {
  constructor(code, { retry = false, retry_after = null, fields = {}, status = 400 } = {}) {
    super(code);
    Object.assign(this, { code, retry, retry_after, fields, status });
  }
  get body() {
    return { code: this.code, text: this.code, retry: this.retry, retry_after: this.retry_after, fields: this.fields };
  }
}

export class MockChat {
  users = new Map();
  devices = new Map(); // token -> {user, device, refresh}
  rooms = new Map();
  sockets = new Map(); // device -> {send, close}
  /** Set by tests: code of the next refusals, one for each post. */
  refusals = [];

  register(name, password, display) {
    if (!/^[a-z0-9][a-z0-9._-]{1,31}$/.test(name) || password.length < 8) throw new MockError("invalid");
    if (this.users.has(name)) throw new MockError("name_taken", { status: 409 });
    this.users.set(name, { name, password, display: display || name, rooms: new Map(), version: 0 });
    return this.login(name, password);
  }

  login(name, password) {
    const user = this.users.get(name);
    if (!user || user.password !== password) throw new MockError("bad_credentials", { status: 401 });
    const grant = { user: name, device: id(6), display: user.display, token: id(16), refresh: id(16), expires_in: 3600 };
    this.devices.set(grant.token, { user: name, device: grant.device, refresh: grant.refresh });
    return grant;
  }

  refresh(old) {
    for (const [token, device] of this.devices) {
      if (device.refresh !== old) continue;
      this.devices.delete(token);
      const grant = { token: id(16), refresh: id(16), expires_in: 3600 };
      this.devices.set(grant.token, { ...device, refresh: grant.refresh });
      return grant;
    }
    throw new MockError("bad_token", { status: 401 });
  }

  display(name) {
    return this.users.get(name)?.display ?? name;
  }

  info(room, user) {
    const member = room.members.get(user);
    const other = [...room.members.keys()].find((name) => name !== user) ?? user;
    return strip({
      room: room.id, kind: room.kind, head: room.log.length, read: member?.read ?? 0, role: member?.role ?? "none", name: room.name, topic: room.topic,
      public: room.public, peer: room.kind === "direct" ? other : "", peer_display: room.kind === "direct" ? this.display(other) : "",
      marked: true, first: member?.first ?? 1,
    }, { head: 0, read: 0, role: "member", name: "", topic: "", public: false, peer: "", peer_display: "", first: 1 });
  }

  makeRoom(kind, by, fields, members) {
    for (const name of members) if (!this.users.has(name)) throw new MockError("no_such_user", { status: 404 });
    const room = { id: id(8), kind, name: "", topic: "", public: false, ...fields, members: new Map(), log: [], posts: new Map() };
    this.rooms.set(room.id, room);
    for (const name of [by, ...members]) room.members.set(name, { role: name === by && kind === "room" ? "owner" : "member", read: 0, first: 1 });
    this.append(room, by, "create", JSON.stringify(kind === "room" ? { name: room.name } : {}));
    for (const name of room.members.keys()) this.roomChanged(room, name);
    return room;
  }

  access(roomId, user) {
    const room = this.rooms.get(roomId);
    if (!room?.members.has(user)) throw new MockError("no_such_room", { status: 404 });
    return room;
  }

  append(room, user, kind, body, post = {}, at = Date.now()) {
    const entry = strip({ t: "msg", room: room.id, seq: room.log.length + 1, at, user, kind, body, device: "", n: 0, id: "", ...post }, { kind: "text", body: "", device: "", n: 0, id: "" });
    room.log.push(entry);
    this.tell(room, entry, post.device);
    return entry;
  }

  /** To all members' devices but one. */
  tell(room, event, except) {
    for (const { user, device } of this.devices.values()) if (room.members.has(user) && device !== except) this.sockets.get(device)?.send(event);
  }

  tellUser(name, event) {
    for (const { user, device } of this.devices.values()) if (user === name) this.sockets.get(device)?.send(event);
  }

  roomChanged(room, name) {
    const user = this.users.get(name);
    user.version += 1;
    user.rooms.set(room.id, user.version);
    this.tellUser(name, { t: "room", room: this.info(room, name), since: user.version });
  }

  post(room, user, device, { n, id: postId, body }) {
    const posts = room.posts.get(device) ?? room.posts.set(device, new Map()).get(device);
    const known = posts.get(n);
    if (known?.id === postId) return { t: "sent", room: room.id, n, seq: known.seq, at: known.at };
    const last = posts.size;
    if (known) throw new MockError("number_used", { fields: { last } });
    if (n !== last + 1) throw new MockError("expected", { retry: true, fields: { n: last + 1 } });
    const refusal = this.refusals.shift();
    if (refusal) throw new MockError(refusal.code, refusal);
    const entry = this.append(room, user, "text", body, { device, n, id: postId });
    posts.set(n, { id: postId, seq: entry.seq, at: entry.at });
    return { t: "sent", room: room.id, n, seq: entry.seq, at: entry.at };
  }
}

/** Leaves out fields that hold their default, as the server does. */
export function strip(value, defaults) {
  return Object.fromEntries(Object.entries(value).filter(([key, field]) => !(key in defaults) || defaults[key] !== field));
}
