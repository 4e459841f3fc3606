/**
 * Posts that are not known to be stored, per room, and the numbers they carry.
 *
 * A device numbers its posts to a room from 1 without holes. A post keeps its `n` and `id` through reconnects,
 * reloads and `retry` refusals. It gets another `n` only when the server has said that the old one is not to be
 * had (`expected`, `number_used`, or a final refusal of an earlier one), and only while nothing of that room is in
 * flight: a copy still under way with the old number could otherwise be stored beside the new one.
 */
import { MAX_UNANSWERED, type Failure } from "../protocol/frames";

export type PostState = "waiting" | "failed";

export interface OutPost {
  id: string;
  room: string;
  n: number;
  body: string;
  /** Milliseconds since 1970 by this device's clock: when the person sent it. */
  at: number;
  state: PostState;
  /** Why it failed. */
  error?: { code: string; text: string; fields: Record<string, unknown> };
}

/** Half of what the server allows, so that a repeat never meets `too_many_unanswered`. */
export const WINDOW = MAX_UNANSWERED / 2;
/** Pause after a refusal that names none; doubles while refusals go on. */
export const RETRY_FIRST_MS = 500;
export const RETRY_MAX_MS = 30_000;

interface Lane {
  /** The number of the next new post. */
  next: number;
  /** Waiting ones, ascending in `n`. */
  waiting: OutPost[];
  failed: OutPost[];
  /** Numbers that were sent on this connection and not answered. */
  inflight: Set<number>;
  /** The server wants this number next; renumber as soon as nothing is in flight. */
  wanted: number | undefined;
  /** Numbers behind this one wait for its answer: sending them earlier would only be refused again. */
  behind: number | undefined;
  /** No sending before this time. */
  pausedUntil: number;
  refusals: number;
}

export class Outbox {
  private lanes = new Map<string, Lane>();

  /** Load what was kept. */
  restore(posts: readonly OutPost[], counters: ReadonlyMap<string, number>): void {
    this.lanes.clear();
    for (const [room, next] of counters) this.lane(room).next = next;
    for (const post of [...posts].sort((a, b) => a.n - b.n)) {
      const lane = this.lane(post.room);
      (post.state === "failed" ? lane.failed : lane.waiting).push(post);
      if (post.state === "waiting") lane.next = Math.max(lane.next, post.n + 1);
    }
  }

  /** Accept a new post. */
  add(room: string, id: string, body: string, at: number): OutPost {
    const lane = this.lane(room);
    const post: OutPost = { id, room, n: lane.next, body, at, state: "waiting" };
    lane.next += 1;
    lane.waiting.push(post);
    return post;
  }

  /** All posts of a room as a person sees them: in order, failed ones at the time they were written. */
  of(room: string): OutPost[] {
    const lane = this.lanes.get(room);
    return lane ? [...lane.failed, ...lane.waiting].sort((a, b) => a.at - b.at || a.n - b.n) : [];
  }

  has(room: string, id: string): boolean {
    return this.of(room).some((post) => post.id === id);
  }

  /** Whether an entry that this device wrote under the number `n` is our waiting post. Entries may come without their id. */
  isStored(room: string, entry: { n: number; id: string; body: string }): boolean {
    const post = this.lanes.get(room)?.waiting.find((waiting) => waiting.n === entry.n);
    if (!post) return false;
    return entry.id ? entry.id === post.id : entry.body === post.body;
  }

  counter(room: string): number {
    return this.lanes.get(room)?.next ?? 1;
  }

  rooms(): string[] {
    return [...this.lanes.keys()];
  }

  /** The connection is gone, or new: nothing is in flight on it. */
  disconnected(): void {
    for (const lane of this.lanes.values()) {
      lane.inflight.clear();
      lane.wanted = undefined; // the next answer will say it again
      lane.behind = undefined;
      lane.pausedUntil = 0;
      lane.refusals = 0;
    }
  }

  /** Give new numbers where that is safe now; the rooms whose posts changed. Store them before anything is sent. */
  settle(): string[] {
    const due = [...this.lanes].filter(([, lane]) => lane.wanted !== undefined && lane.inflight.size === 0);
    for (const [, lane] of due) renumber(lane, lane.wanted as number);
    return due.map(([room]) => room);
  }

  /** Posts to put on the wire now, in order; they count as in flight from here on. */
  takeSendable(now: number): OutPost[] {
    const open = [...this.lanes.values()].filter((lane) => lane.wanted === undefined && now >= lane.pausedUntil);
    return open.flatMap(take);
  }

  /** When a paused room may go on; undefined when none is. */
  wakeAt(now: number): number | undefined {
    const times = [...this.lanes.values()].filter((lane) => lane.waiting.length > 0 && lane.pausedUntil > now);
    return times.length ? Math.min(...times.map((lane) => lane.pausedUntil)) : undefined;
  }

  /** `sent`: the post with that number is stored. Undefined: it was answered before. */
  sent(room: string, n: number): OutPost | undefined {
    const lane = this.lane(room);
    lane.inflight.delete(n);
    lane.refusals = 0;
    if (lane.wanted !== undefined) lane.wanted = Math.max(lane.wanted, n + 1);
    const at = lane.waiting.findIndex((post) => post.n === n);
    return at < 0 ? undefined : lane.waiting.splice(at, 1)[0];
  }

  /** `refused`: keep and repeat, renumber, or give up. Returns the post that failed for good. */
  refused(room: string, n: number, failure: Failure, now: number): OutPost | undefined {
    const lane = this.lane(room);
    lane.inflight.delete(n);
    const post = lane.waiting.find((candidate) => candidate.n === n);
    if (!post) return undefined;
    if (failure.code === "number_used") return numberUsed(lane, failure);
    if (failure.code === "expected") return expected(lane, n, failure, now);
    if (failure.retry) return pause(lane, failure.retry_after, now);
    return this.fail(lane, post, failure);
  }

  /** Try a failed post again: as a new post, with a new number and id. */
  retry(room: string, id: string, newId: string, now: number): OutPost | undefined {
    const post = this.discard(room, id);
    return post && this.add(room, newId, post.body, now);
  }

  /** Drop a failed post. */
  discard(room: string, id: string): OutPost | undefined {
    const failed = this.lanes.get(room)?.failed ?? [];
    const at = failed.findIndex((post) => post.id === id);
    return at < 0 ? undefined : failed.splice(at, 1)[0];
  }

  /** Replace a room's posts by what the leading tab says of them. */
  mirror(room: string, posts: readonly OutPost[], next: number): void {
    const lane = this.lane(room);
    lane.waiting = posts.filter((post) => post.state === "waiting");
    lane.failed = posts.filter((post) => post.state === "failed");
    lane.next = next;
  }

  private fail(lane: Lane, post: OutPost, failure: Failure): OutPost {
    lane.waiting = lane.waiting.filter((other) => other !== post);
    post.state = "failed";
    post.error = { code: failure.code, text: failure.text, fields: failure.fields };
    lane.failed.push(post);
    // Its number was not used: what stands behind it moves up once that is safe.
    lane.wanted = Math.min(lane.wanted ?? post.n, post.n);
    return post;
  }

  private lane(room: string): Lane {
    let lane = this.lanes.get(room);
    if (!lane) {
      lane = { next: 1, waiting: [], failed: [], inflight: new Set(), wanted: undefined, behind: undefined, pausedUntil: 0, refusals: 0 };
      this.lanes.set(room, lane);
    }
    return lane;
  }
}

function renumber(lane: Lane, from: number): void {
  lane.waiting.forEach((post, index) => (post.n = from + index));
  lane.next = from + lane.waiting.length;
  lane.wanted = undefined;
}

function take(lane: Lane): OutPost[] {
  if (lane.behind !== undefined && lane.inflight.has(lane.behind)) return [];
  lane.behind = undefined;
  const ready = lane.waiting.filter((post) => !lane.inflight.has(post.n));
  const taken = ready.slice(0, Math.max(0, WINDOW - lane.inflight.size));
  for (const post of taken) lane.inflight.add(post.n);
  return taken;
}

/** The server wants `n` next. If we still hold that post, repeating from it closes the hole; else move up. */
function expected(lane: Lane, refusedN: number, failure: Failure, now: number): undefined {
  const wanted = failure.fields.n;
  const makesSense = typeof wanted === "number" && Number.isSafeInteger(wanted) && wanted >= 1 && wanted < refusedN;
  if (!makesSense) return pause(lane, failure.retry_after, now);
  if (lane.waiting.some((post) => post.n === wanted)) lane.behind = wanted;
  else lane.wanted = Math.min(lane.wanted ?? wanted, wanted);
  return undefined;
}

/** Another post has our number: the kept counter was behind. The server names the last one it has. */
function numberUsed(lane: Lane, failure: Failure): undefined {
  const last = failure.fields.last;
  const known = typeof last === "number" && Number.isSafeInteger(last);
  lane.wanted = Math.max(lane.wanted ?? 0, known ? last + 1 : lane.next);
  return undefined;
}

function pause(lane: Lane, retryAfterS: number | null, now: number): undefined {
  const backoff = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** lane.refusals);
  lane.refusals += 1;
  lane.pausedUntil = Math.max(lane.pausedUntil, now + (retryAfterS === null ? backoff : retryAfterS * 1000));
  return undefined;
}
