/**
 * The part of a room's log that this device holds: one contiguous run of entries, and what came ahead of a hole.
 * Everything that arrives twice is kept once.
 */
import type { Entry } from "../protocol/frames";

/** Entries kept beyond a hole while it is filled; more are dropped, the pull brings them anyway. */
export const MAX_AHEAD = 500;

export class Log {
  /** Contiguous, ascending. */
  entries: Entry[] = [];
  private ahead = new Map<number, Entry>();

  /** Seq of the first entry held; 0 when empty. */
  get lo(): number {
    return this.entries[0]?.seq ?? 0;
  }

  /** Seq of the last entry held; 0 when empty. */
  get hi(): number {
    return this.entries.at(-1)?.seq ?? 0;
  }

  /** The highest seq that was seen, hole or not. */
  get seen(): number {
    return Math.max(this.hi, ...this.ahead.keys());
  }

  at(seq: number): Entry | undefined {
    return this.entries[seq - this.lo];
  }

  /** Take one entry. False: there is a hole before it. */
  add(entry: Entry): boolean {
    if (this.entries.length === 0 || entry.seq === this.hi + 1) {
      this.entries.push(entry);
      this.drain();
      return true;
    }
    if (entry.seq <= this.hi) return true;
    if (this.ahead.size < MAX_AHEAD) this.ahead.set(entry.seq, entry);
    return false;
  }

  /** Take an ascending page that begins at or before `hi + 1`. */
  append(page: readonly Entry[]): void {
    for (const entry of page) this.add(entry);
  }

  /** Take an ascending page that ends right before `lo`. Pages that do not touch are ignored. */
  prepend(page: readonly Entry[]): void {
    const older = page.filter((entry) => entry.seq < this.lo);
    if (older.at(-1)?.seq === this.lo - 1) this.entries = [...older, ...this.entries];
  }

  /** Start over from a page: what was held lies too far behind it. */
  restart(page: readonly Entry[]): void {
    this.entries = [...page];
    this.drain();
  }

  clear(): void {
    this.entries = [];
    this.ahead.clear();
  }

  private drain(): void {
    for (const seq of [...this.ahead.keys()].sort((a, b) => a - b)) {
      const entry = this.ahead.get(seq) as Entry;
      if (seq > this.hi + 1) return;
      if (seq === this.hi + 1) this.entries.push(entry);
      this.ahead.delete(seq);
    }
  }
}
