/**
 * From the text of a frame to an event. The server leaves out fields that hold their default; they are filled in
 * here, in one place, so that nothing behind it meets `undefined`. Unknown tags and unknown fields are ignored:
 * they come from a newer server.
 */
import type { Entry, Event, Failure, Member, PageFrame, Role, RoomInfo } from "./frames";

type Raw = Record<string, unknown>;

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const count = (value: unknown, otherwise = 0): number => (Number.isSafeInteger(value) ? (value as number) : otherwise);
const list = (value: unknown): Raw[] => (Array.isArray(value) ? value.filter(isRaw) : []);
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === "string") : []);
const record = (value: unknown): Raw => (isRaw(value) ? value : {});
const role = (value: unknown): Role =>
  value === "owner" || value === "admin" || value === "none" ? value : "member";

function isRaw(value: unknown): value is Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function decodeRoom(raw: Raw): RoomInfo {
  return {
    room: text(raw.room),
    kind: raw.kind === "direct" ? "direct" : "room",
    head: count(raw.head),
    read: count(raw.read),
    role: role(raw.role),
    name: text(raw.name),
    topic: text(raw.topic),
    public: raw.public === true,
    peer: text(raw.peer),
    peer_display: text(raw.peer_display),
    marked: raw.marked === true,
    first: count(raw.first, 1),
  };
}

/** The room in the answer to a request: the result itself, or its field `room`; undefined where there is none. */
export function roomOf(result: Raw): RoomInfo | undefined {
  if (isRaw(result.room)) return decodeRoom(result.room);
  if (typeof result.room === "string" && typeof result.kind === "string") return decodeRoom(result);
  return undefined;
}

/** The rooms in the answer to `rooms`. */
export function roomsOf(result: Raw): RoomInfo[] {
  return list(result.rooms).map(decodeRoom);
}

/** The members in the answer to `members`. */
export function membersOf(result: Raw): Member[] {
  return list(result.members).map((raw) => ({
    user: text(raw.user),
    display: text(raw.display) || text(raw.user),
    role: role(raw.role),
    read: count(raw.read),
  }));
}

/** An entry; `room` may be left out inside a page. */
export function decodeEntry(raw: Raw, room: string): Entry {
  return {
    room: text(raw.room) || room,
    seq: count(raw.seq),
    at: count(raw.at),
    user: text(raw.user),
    kind: text(raw.kind) || "text",
    body: text(raw.body),
    device: text(raw.device),
    n: count(raw.n),
    id: text(raw.id),
  };
}

function decodePage(raw: Raw): PageFrame {
  const room = text(raw.room);
  const entries = list(raw.entries).map((entry) => decodeEntry(entry, room));
  return { t: "page", q: count(raw.q), room, entries, head: count(raw.head), more: raw.more === true };
}

/** The failure in a frame or in the body of an HTTP answer. */
export function decodeFailure(raw: Raw): Failure {
  return {
    code: text(raw.code) || "internal",
    text: text(raw.text),
    retry: raw.retry === true,
    retry_after: typeof raw.retry_after === "number" ? raw.retry_after : null,
    fields: record(raw.fields),
  };
}

function decodeHeads(value: unknown): Record<string, number> {
  return Object.fromEntries(Object.entries(record(value)).map(([room, head]) => [room, count(head)]));
}

const DECODERS: Record<string, (raw: Raw) => Event> = {
  welcome: (raw) => ({
    t: "welcome",
    v: count(raw.v, 1),
    session: text(raw.session),
    user: text(raw.user),
    device: text(raw.device),
    display: text(raw.display) || text(raw.user),
    now: count(raw.now),
    since: count(raw.since),
    rooms: list(raw.rooms).map(decodeRoom),
    pages: list(raw.pages).map(decodePage),
    more: raw.more === true,
    admin: raw.admin === true,
  }),
  page: decodePage,
  msg: (raw) => ({ t: "msg", ...decodeEntry(raw, "") }),
  sent: (raw) => ({ t: "sent", room: text(raw.room), n: count(raw.n), seq: count(raw.seq), at: count(raw.at) }),
  refused: (raw) => ({ t: "refused", room: text(raw.room), n: count(raw.n), ...decodeFailure(raw) }),
  head: (raw) => ({ t: "head", room: text(raw.room), head: count(raw.head) }),
  room: (raw) => ({ t: "room", room: decodeRoom(record(raw.room)), since: count(raw.since) }),
  read: (raw) => ({ t: "read", room: text(raw.room), user: text(raw.user), seq: count(raw.seq) }),
  ok: (raw) => ({ t: "ok", q: count(raw.q), result: record(raw.result) }),
  error: (raw) => ({ t: "error", q: count(raw.q), ...decodeFailure(raw) }),
  lagging: (raw) => ({ t: "lagging", heads: decodeHeads(raw.heads) }),
  move: (raw) => ({ t: "move", urls: texts(raw.urls), ticket: text(raw.ticket), within: typeof raw.within === "number" ? raw.within : 0 }),
  notice: (raw) => ({ t: "notice", text: text(raw.text), at: count(raw.at) }),
  pong: (raw) => ({ t: "pong", q: count(raw.q), now: count(raw.now) }),
};

/** The event of a frame, or undefined for what this client does not know. */
export function decode(frame: string): Event | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(frame);
  } catch {
    return undefined; // not JSON: nothing a client could do with it
  }
  if (!isRaw(raw) || typeof raw.t !== "string") return undefined;
  return Object.hasOwn(DECODERS, raw.t) ? DECODERS[raw.t]?.(raw) : undefined;
}
