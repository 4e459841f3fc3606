/** What the mock server does for each client frame. */
import { MockError } from "./rooms.mjs";

const ok = (q, result = {}) => (Object.keys(result).length ? { t: "ok", q, result } : { t: "ok", q });

function page(room, { q, after = 0, before, limit = 50 }, first) {
  const visible = room.log.slice(first - 1);
  const wanted = before === undefined ? visible.filter((e) => e.seq > after).slice(0, limit) : visible.filter((e) => e.seq < before).slice(-limit);
  const more = before === undefined ? (wanted.at(-1)?.seq ?? room.log.length) < room.log.length : (wanted[0]?.seq ?? first) > first;
  return { t: "page", q, room: room.id, entries: wanted, head: room.log.length, ...(more ? { more } : {}) };
}

function addMember(chat, room, by, user) {
  if (!chat.users.has(user)) throw new MockError("no_such_user");
  if (room.members.has(user)) throw new MockError("already_a_member");
  room.members.set(user, { role: "member", read: room.log.length, first: 1 });
  chat.append(room, by, "join", JSON.stringify({ user }));
  chat.roomChanged(room, user);
}

function removeMember(chat, room, by, user, kind) {
  if (!room.members.has(user)) throw new MockError("not_a_member");
  chat.append(room, by, kind, JSON.stringify({ user }));
  room.members.delete(user);
  chat.roomChanged(room, user);
}

export const COMMANDS = {
  pull: (chat, me, frame) => {
    const room = chat.access(frame.room, me.user);
    return page(room, frame, room.members.get(me.user).first);
  },
  create: (chat, me, { q, name, topic = "", public: isPublic = false, members = [] }) =>
    ok(q, { room: chat.info(chat.makeRoom("room", me.user, { name, topic, public: isPublic }, members), me.user) }),
  direct: (chat, me, { q, user }) => {
    if (!chat.users.has(user)) throw new MockError("no_such_user");
    const known = [...chat.rooms.values()].find((r) => r.kind === "direct" && r.members.has(user) && r.members.has(me.user));
    return ok(q, { room: chat.info(known ?? chat.makeRoom("direct", me.user, {}, [user]), me.user) });
  },
  invite: (chat, me, { q, room, user }) => {
    addMember(chat, chat.access(room, me.user), me.user, user);
    return ok(q);
  },
  join: (chat, me, { q, room: id }) => {
    const room = chat.rooms.get(id);
    if (!room?.public) throw new MockError("no_such_room");
    addMember(chat, room, me.user, me.user);
    return ok(q, { room: chat.info(room, me.user) });
  },
  leave: (chat, me, { q, room }) => {
    removeMember(chat, chat.access(room, me.user), me.user, me.user, "leave");
    return ok(q);
  },
  kick: (chat, me, { q, room, user }) => {
    removeMember(chat, chat.access(room, me.user), me.user, user, "kick");
    return ok(q);
  },
  role: (chat, me, { q, room: id, user, role }) => {
    const room = chat.access(id, me.user);
    room.members.get(user).role = role;
    if (role === "owner") room.members.get(me.user).role = "admin";
    chat.append(room, me.user, "role", JSON.stringify({ user, role }));
    chat.roomChanged(room, user);
    chat.roomChanged(room, me.user);
    return ok(q);
  },
  edit: (chat, me, { q, room: id, t: _, ...change }) => {
    const room = chat.access(id, me.user);
    Object.assign(room, change);
    chat.append(room, me.user, "edit", JSON.stringify(change));
    for (const user of room.members.keys()) chat.roomChanged(room, user);
    return ok(q, { room: chat.info(room, me.user) });
  },
  members: (chat, me, { q, room: id, after = "", limit = 100 }) => {
    const room = chat.access(id, me.user);
    const all = [...room.members].sort(([a], [b]) => (a < b ? -1 : 1)).filter(([user]) => user > after);
    const members = all.slice(0, limit).map(([user, { role, read }]) => ({ user, display: chat.display(user), role, read }));
    return ok(q, { members, count: room.members.size, more: all.length > limit });
  },
  rooms: (chat, me, { q, after = "", limit = 100 }) => {
    const all = [...chat.users.get(me.user).rooms.keys()].sort().filter((id) => id > after && chat.rooms.get(id).members.has(me.user));
    return ok(q, { rooms: all.slice(0, limit).map((id) => chat.info(chat.rooms.get(id), me.user)), more: all.length > limit });
  },
  who: (chat, _, { q, user }) => {
    if (!chat.users.has(user)) throw new MockError("no_such_user");
    return ok(q, { user, display: chat.display(user) });
  },
  read: (chat, me, { room: id, seq }) => {
    const room = chat.access(id, me.user);
    room.members.get(me.user).read = Math.max(seq, room.members.get(me.user).read);
    chat.tell(room, { t: "read", room: id, user: me.user, seq }, me.device);
  },
  ack: () => undefined,
  ping: (_, __, { q = 0 }) => ({ t: "pong", q, now: Date.now() }),
};

export function welcome(chat, me, since) {
  const user = chat.users.get(me.user);
  const changed = [...user.rooms].map(([id]) => chat.rooms.get(id));
  const rooms = changed.sort((a, b) => (b.log.at(-1)?.at ?? 0) - (a.log.at(-1)?.at ?? 0)).map((room) => chat.info(room, me.user));
  return { t: "welcome", v: 1, session: "mock", user: me.user, device: me.device, display: user.display, now: Date.now(), since: Math.max(since, user.version), rooms, pages: [] };
}

/** The answer to one frame of a client that said hello. */
export function answer(chat, me, frame) {
  try {
    if (frame.t === "post") return chat.post(chat.access(frame.room, me.user), me.user, me.device, frame);
    return COMMANDS[frame.t](chat, me, frame);
  } catch (error) {
    if (!(error instanceof MockError)) throw error;
    if (frame.t === "post") return { t: "refused", room: frame.room, n: frame.n, ...error.body };
    return { t: "error", q: frame.q ?? 0, ...error.body };
  }
}
