/** What is kept between page loads, and how it comes back. */
import type { Entry, Role } from "../protocol/frames";
import type { OutPost } from "./outbox";
import { newRoom, type Room } from "./room";

/** Entries kept of each room; older ones are pulled again when somebody scrolls to them. */
export const KEPT_ENTRIES = 60;

export interface KeptRoom {
  id: string;
  kind: "room" | "direct";
  name: string;
  topic: string;
  public: boolean;
  role: Role;
  peer: string;
  peerDisplay: string;
  first: number;
  head: number;
  read: number;
  readTold: number;
  acked: number;
  tail: Entry[];
}

export interface Snapshot {
  since: number;
  rooms: KeptRoom[];
  posts: OutPost[];
  /** The next number per room. */
  counters: Map<string, number>;
}

/** One atomic change of what is kept. */
export interface Change {
  since: number | undefined;
  rooms: KeptRoom[];
  gone: string[];
  /** Per room: all its unanswered posts and its next number. */
  lanes: { room: string; posts: OutPost[]; next: number }[];
}

export interface Keeper {
  load(): Promise<Snapshot>;
  save(change: Change): Promise<void>;
  /** Forget everything. */
  erase(): Promise<void>;
}

export function keep(room: Room): KeptRoom {
  const { id, kind, name, topic, role, peer, peerDisplay, first, head, read, readTold, acked, log } = room;
  const tail = log.entries.slice(-KEPT_ENTRIES);
  return { id, kind, name, topic, public: room.public, role, peer, peerDisplay, first, head, read, readTold, acked, tail };
}

export function revive(kept: KeptRoom): Room {
  const { tail, ...rest } = kept;
  const room = Object.assign(newRoom(kept.id), rest);
  room.log.restart(tail);
  return room;
}
