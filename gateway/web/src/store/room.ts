/** One conversation as this device knows it, and what can be computed from that. */
import type { Entry, Member, Role, RoomInfo } from "../protocol/frames";
import { Log } from "./log";

/** Rooms above this size carry no read marks of others. */
export const SMALL_ROOM = 256;

export interface Room {
  readonly id: string;
  kind: "room" | "direct";
  name: string;
  topic: string;
  public: boolean;
  role: Role;
  peer: string;
  peerDisplay: string;
  first: number;
  /** The highest seq that the server has told of. */
  head: number;
  /** The last seq that this person has seen, on any device. */
  read: number;
  /** The last read mark that the server knows of. */
  readTold: number;
  /** The last seq that was acknowledged for this device. */
  acked: number;
  log: Log;
  /** How far the others have read. */
  reads: Map<string, number>;
  /** Members as far as they were listed; undefined: not yet asked. */
  members: Member[] | undefined;
  memberCount: number;
  /** Whether something older than `log.lo` may exist on the server. */
  olderExists: boolean;
  /** The head up to which a pull has brought nothing new: asking again would bring nothing either; -1: never. */
  vainAt: number;
}

/** The name of whoever deleted their account: the page says so in its own language. */
export const NOBODY = "";

export function newRoom(id: string): Room {
  return {
    id, kind: "room", name: "", topic: "", public: false, role: "member", peer: "", peerDisplay: "", first: 1,
    head: 0, read: 0, readTold: 0, acked: 0, log: new Log(), reads: new Map(), members: undefined, memberCount: 0,
    olderExists: true, vainAt: -1,
  };
}

/** Take over what the server says. Positions only move forward. */
export function mergeInfo(room: Room, info: RoomInfo): void {
  room.kind = info.kind;
  room.name = info.name;
  room.topic = info.topic;
  room.public = info.public;
  room.role = info.role;
  room.peer = info.peer;
  room.peerDisplay = info.peer_display;
  if (info.first > room.first) joinedAgain(room, info.first);
  room.head = Math.max(room.head, info.head);
  room.read = Math.max(room.read, info.read);
  room.readTold = Math.max(room.readTold, info.read);
}

/** What was said while this person was not a member is not theirs to read: the log starts anew. */
function joinedAgain(room: Room, first: number): void {
  room.first = first;
  if (room.log.lo > 0 && room.log.lo < first) room.log.clear();
}

export interface Happening {
  user?: string;
  display?: string;
  role?: string;
  name?: string;
  topic?: string;
  public?: boolean;
  members?: string[];
  gone?: boolean;
}

/** The fields that we know, where they hold what they should. */
function happeningOf(value: object): Happening {
  const told: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    const isText = ["user", "display", "role", "name", "topic"].includes(key) && typeof field === "string";
    const isMembers = key === "members" && Array.isArray(field) && field.every((user) => typeof user === "string");
    if (isText || isMembers || ((key === "public" || key === "gone") && typeof field === "boolean")) told[key] = field;
  }
  return told;
}

/** What happened, from the JSON text of an entry that is no text. No fields where it tells nothing. */
export function happening(entry: Entry): Happening {
  try {
    const value: unknown = JSON.parse(entry.body);
    return typeof value === "object" && value !== null ? happeningOf(value) : {};
  } catch {
    return {}; // a newer server's entry: shown as "something changed"
  }
}

/** Whether an entry asks for this person's attention. */
export function counts(entry: Entry, me: string): boolean {
  if (entry.user === me) return false;
  if (entry.kind === "text") return true;
  const { user, members } = happening(entry);
  return user === me || (entry.kind === "create" && members?.includes(me) === true);
}

/** Entries that this person has not seen; what is not loaded counts whole. */
export function unread(room: Room, me: string): number {
  const { entries, lo } = room.log;
  const floor = Math.max(room.read, room.first - 1);
  if (entries.length === 0) return Math.max(0, room.head - floor);
  let count = Math.max(0, lo - 1 - floor) + Math.max(0, room.head - room.log.seen);
  for (let at = entries.length - 1; at >= 0; at -= 1) {
    const entry = entries[at] as Entry;
    if (entry.seq <= floor) break;
    count += counts(entry, me) ? 1 : 0;
  }
  return count;
}

/** Whether the other one of a direct chat is gone for good: their account was deleted, and nobody would read what is written. */
export function isOver(room: Room): boolean {
  return room.kind === "direct" && room.peer === "";
}

/** The title of a conversation; empty where it is over. */
export function titleOf(room: Room): string {
  if (room.kind === "direct") return room.peerDisplay || room.peer;
  return room.name || room.id;
}

/** When something last happened here, for sorting. */
export function activity(room: Room): number {
  return room.log.entries.at(-1)?.at ?? 0;
}

export const mayManage = (room: Room): boolean => room.role === "owner" || room.role === "admin";

const RANK: Record<Role, number> = { none: 0, member: 1, admin: 2, owner: 3 };

/** Whether one role may remove another. */
export function outranks(mine: Role, theirs: Role): boolean {
  return RANK[mine] >= RANK.admin && RANK[mine] > RANK[theirs];
}
