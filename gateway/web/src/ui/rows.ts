/** From the log and the unanswered posts to the rows on screen. Pure. */
import { dayNumber } from "../i18n/time";
import type { Entry } from "../protocol/frames";
import type { OutPost } from "../store/outbox";
import type { Room } from "../store/room";
import type { Window } from "./window";

/** Texts of one person within this time stand together under one name. */
export const TOGETHER_MS = 5 * 60_000;

export type Row =
  | { row: "day"; key: string; at: number }
  | { row: "unread"; key: string }
  | { row: "happening"; key: string; entry: Entry }
  | { row: "text"; key: string; entry: Entry; isFirst: boolean; isLast: boolean; readers: string[] }
  | { row: "post"; key: string; post: OutPost; isFirst: boolean };

/** Who has read exactly up to which entry, others than me; of those drawn. */
export function readersBySeq(room: Room, me: string): Map<number, string[]> {
  const bySeq = new Map<number, string[]>();
  if (room.kind === "direct") return bySeq;
  const isMember = new Set(room.members?.map((member) => member.user));
  for (const [user, seq] of room.reads) {
    const at = Math.min(seq, room.log.hi);
    if (user === me || at < room.log.lo || !isMember.has(user) || room.log.at(at)?.user === user) continue;
    bySeq.set(at, [...(bySeq.get(at) ?? []), user]);
  }
  return bySeq;
}

function together(a: Entry | undefined, b: Entry | undefined): boolean {
  if (!a || !b || a.kind !== "text" || b.kind !== "text" || a.user !== b.user) return false;
  return b.at - a.at < TOGETHER_MS && dayNumber(a.at) === dayNumber(b.at);
}

/** `unreadAfter`: the seq behind which the line for new messages stands. */
export function rowsOf(room: Room, posts: readonly OutPost[], view: Window, unreadAfter: number | undefined, me: string): Row[] {
  const rows: Row[] = [];
  const { log } = room;
  const from = Math.max(view.from, log.lo);
  const readers = readersBySeq(room, me);
  let isMarked = unreadAfter === undefined;
  for (const entry of log.entries.slice(Math.max(0, from - log.lo), view.to === Infinity ? undefined : view.to - log.lo + 1)) {
    const previous = log.at(entry.seq - 1);
    if (!previous || dayNumber(previous.at) !== dayNumber(entry.at)) rows.push({ row: "day", key: `day-${entry.seq}`, at: entry.at });
    if (!isMarked && entry.seq > (unreadAfter ?? 0)) {
      isMarked = true;
      rows.push({ row: "unread", key: "unread" });
    }
    rows.push(rowOf(entry, previous, log.at(entry.seq + 1), readers.get(entry.seq) ?? NOBODY));
  }
  if (view.to === Infinity) rows.push(...postRows(posts, log.entries.at(-1), me));
  return rows;
}

const NOBODY: string[] = [];

function rowOf(entry: Entry, previous: Entry | undefined, next: Entry | undefined, readers: string[]): Row {
  if (entry.kind !== "text") return { row: "happening", key: `s${entry.seq}`, entry };
  // Keyed by the post's own id, so that a message stays the same element when it is stored.
  const key = entry.id ? `p${entry.id}` : `s${entry.seq}`;
  return { row: "text", key, entry, isFirst: !together(previous, entry), isLast: !together(entry, next), readers };
}

function postRows(posts: readonly OutPost[], last: Entry | undefined, me: string): Row[] {
  return posts.map((post, index) => {
    const isFirst = index === 0 && !(last?.kind === "text" && last.user === me && post.at - last.at < TOGETHER_MS);
    return { row: "post", key: `p${post.id}`, post, isFirst };
  });
}
