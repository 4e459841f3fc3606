/**
 * Own posts that are not known to be in the database yet. They are kept in the one storage of a browser that is
 * written at once, so that a page closed a moment after sending loses nothing; one key a post, since tabs share it.
 * Nothing is sent before it is in the database and gone from here: what is found here was never sent.
 */
import type { OutPost } from "../store/outbox";

/** The part of `Storage` that is used. */
export type Shelf = Pick<Storage, "length" | "key" | "getItem" | "setItem" | "removeItem">;

interface Kept {
  room: string;
  body: string;
  at: number;
  /** Order among those of one millisecond. */
  turn: number;
}

export class Handed {
  private readonly posts = new Map<string, OutPost>();
  private readonly prefix: string;
  private turn = 0;

  /** Takes up what an earlier page of this device left. `shelf` is undefined where a browser keeps nothing. */
  constructor(device: string, private readonly shelf: Shelf | undefined) {
    this.prefix = `warbler.handed.${device}.`;
    const left = this.keys().map((key) => ({ id: key.slice(this.prefix.length), kept: keptOf(shelf?.getItem(key)) }));
    left.sort((a, b) => (a.kept?.at ?? 0) - (b.kept?.at ?? 0) || (a.kept?.turn ?? 0) - (b.kept?.turn ?? 0));
    for (const { id, kept } of left) if (kept) this.posts.set(id, postOf(id, kept));
  }

  add(id: string, room: string, body: string, at: number): void {
    this.turn += 1;
    const kept = { room, body, at, turn: this.turn };
    this.posts.set(id, postOf(id, kept));
    try {
      this.shelf?.setItem(this.prefix + id, JSON.stringify(kept));
    } catch (error) {
      console.warn("not kept before it is in the database", error); // full: the database follows in a moment
    }
  }

  /** It is in the database, or known to be sent; whichever tab it came from. */
  drop(id: string): void {
    this.posts.delete(id);
    this.shelf?.removeItem(this.prefix + id);
  }

  /** Nothing of this device stays. */
  clear(): void {
    this.posts.clear();
    for (const key of this.keys()) this.shelf?.removeItem(key);
  }

  all(): OutPost[] {
    return [...this.posts.values()];
  }

  private keys(): string[] {
    const { shelf } = this;
    if (!shelf) return [];
    return Array.from({ length: shelf.length }, (_, at) => shelf.key(at) ?? "").filter((key) => key.startsWith(this.prefix));
  }
}

function postOf(id: string, { room, body, at }: Kept): OutPost {
  return { id, room, body, n: Infinity, at, state: "waiting" };
}

/** Undefined for what is damaged. */
function keptOf(text: string | null | undefined): Kept | undefined {
  try {
    const value = JSON.parse(text ?? "null") as Partial<Kept> | null;
    const isWhole = typeof value?.room === "string" && typeof value.body === "string" && typeof value.at === "number" && typeof value.turn === "number";
    return isWhole ? (value as Kept) : undefined;
  } catch {
    return undefined;
  }
}

/** The browser's own shelf; undefined where it is switched off. */
export function openShelf(): Shelf | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}
