/** Which pages to ask for: what is missing at the end of a room, or older ones that somebody scrolls to. */
import { MAX_NUMBER, MAX_PAGE, type Asking, type PageFrame } from "../protocol/frames";
import type { Room } from "./room";

/** A gap longer than this is not filled: the newest page is shown and older ones come by scrolling. */
export const JUMP = 600;
export const TAIL_PAGE = 60;
export const OLDER_PAGE = 100;
/** Pulls under way at a time, so that many marked rooms do not crowd out what a person waits for. */
export const MAX_PULLS = 4;

type Pull = Extract<Asking, { t: "pull" }>;

/** The pull that brings a room up to date, or undefined where nothing is missing. */
export function missing(room: Room): Pull | undefined {
  const { log } = room;
  const head = Math.max(room.head, log.seen);
  if (head <= room.vainAt) return undefined; // also a room of unknown head that turned out empty: 0 <= 0
  if (log.hi === 0) {
    if (head > 0 && head < room.first) return undefined;
    return { t: "pull", room: room.id, before: head > 0 ? head + 1 : MAX_NUMBER, limit: TAIL_PAGE };
  }
  if (head <= log.hi) return undefined;
  if (head - log.hi > JUMP) return { t: "pull", room: room.id, before: head + 1, limit: TAIL_PAGE };
  return { t: "pull", room: room.id, after: log.hi, limit: Math.min(MAX_PAGE, head - log.hi + 20) };
}

/** The pull for what lies before the part that is loaded. */
export function older(room: Room): Pull | undefined {
  const { lo } = room.log;
  if (lo === 0 || lo <= room.first || !room.olderExists) return undefined;
  return { t: "pull", room: room.id, before: lo, limit: OLDER_PAGE };
}

/** Put the answer to a pull into the room. */
export function takePage(room: Room, pull: Pull, page: PageFrame): void {
  room.head = Math.max(room.head, page.head, page.entries.at(-1)?.seq ?? 0);
  const { lo, hi } = room.log;
  place(room, pull, page);
  const isOlder = pull.before !== undefined && pull.before === lo;
  if (!isOlder && room.log.hi === hi) room.vainAt = Math.max(room.head, room.log.seen);
}

function place(room: Room, pull: Pull, page: PageFrame): void {
  if (pull.before === undefined) return room.log.append(page.entries);
  if (pull.before === room.log.lo) {
    room.olderExists = page.more && page.entries.length > 0;
    return room.log.prepend(page.entries);
  }
  takeTail(room, page);
}

/** A page that ends at the head: joined to what is held where they touch, in its place where they do not. */
export function takeTail(room: Room, page: PageFrame): void {
  const start = page.entries[0]?.seq;
  if (start === undefined) return;
  if (room.log.hi > 0 && start <= room.log.hi + 1) return room.log.append(page.entries);
  room.olderExists = start > room.first;
  room.log.restart(page.entries);
}
