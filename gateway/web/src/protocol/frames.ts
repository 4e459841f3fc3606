/** The frames of the wire: JSON objects whose `t` is the tag. Field names and limits are the server's. */

/** The version that is spoken where the server speaks it, too. */
export const PROTOCOL_VERSION = 2;
/** All that this client speaks, newest first. */
export const SPOKEN_VERSIONS: readonly number[] = [PROTOCOL_VERSION, 1];
/** UTF-8 bytes of one message's text. */
export const MAX_BODY_BYTES = 16 * 1024;
/** Posts of one device to one room that the server lets wait for an answer. */
export const MAX_UNANSWERED = 64;
/** The largest integer that every JSON reader keeps exactly. */
export const MAX_NUMBER = Number.MAX_SAFE_INTEGER;
/** Entries in one page of history. */
export const MAX_PAGE = 200;

export type Role = "owner" | "admin" | "member" | "none";

export interface RoomInfo {
  room: string;
  kind: "room" | "direct";
  /** The last seq; 0 where the server did not look it up. */
  head: number;
  read: number;
  role: Role;
  name: string;
  topic: string;
  public: boolean;
  peer: string;
  peer_display: string;
  /** Some device of this member may be behind. */
  marked: boolean;
  /** The first seq that this member may read. */
  first: number;
}

/** One entry of a room's log; `body` is JSON text unless `kind` is `text`. */
export interface Entry {
  room: string;
  seq: number;
  /** Milliseconds since 1970, of the server. */
  at: number;
  user: string;
  kind: string;
  body: string;
  device: string;
  n: number;
  id: string;
}

export interface Member {
  user: string;
  display: string;
  role: Role;
  read: number;
}

/** What every refusal carries. */
export interface Failure {
  code: string;
  text: string;
  retry: boolean;
  retry_after: number | null;
  fields: Record<string, unknown>;
}

export interface Welcome {
  t: "welcome";
  v: number;
  session: string;
  user: string;
  device: string;
  display: string;
  now: number;
  since: number;
  rooms: RoomInfo[];
  pages: PageFrame[];
  more: boolean;
  admin: boolean;
}
export interface PageFrame {
  t: "page";
  q: number;
  room: string;
  entries: Entry[];
  head: number;
  more: boolean;
}
export type Event =
  | Welcome
  | PageFrame
  | ({ t: "msg" } & Entry)
  | { t: "sent"; room: string; n: number; seq: number; at: number }
  | ({ t: "refused"; room: string; n: number } & Failure)
  | { t: "head"; room: string; head: number }
  | { t: "room"; room: RoomInfo; since: number }
  | { t: "read"; room: string; user: string; seq: number }
  | { t: "ok"; q: number; result: Record<string, unknown> }
  | ({ t: "error"; q: number } & Failure)
  | { t: "lagging"; heads: Record<string, number> }
  | { t: "pong"; q: number; now: number }
  /** Go on over another connection within so many seconds; the ticket goes into its `hello`. */
  | { t: "move"; urls: string[]; ticket: string; within: number }
  /** A word of the operators, for people. */
  | { t: "notice"; text: string; at: number };

/** Commands that carry a `q` and are answered by `ok`, `page` or `error`. */
export type Ask =
  | { t: "pull"; q: number; room: string; after?: number; before?: number; limit: number }
  | { t: "create"; q: number; key: string; name: string; topic: string; public: boolean; members: string[] }
  | { t: "direct"; q: number; user: string }
  | { t: "invite"; q: number; room: string; user: string }
  | { t: "join"; q: number; room: string }
  | { t: "leave"; q: number; room: string }
  | { t: "kick"; q: number; room: string; user: string }
  | { t: "role"; q: number; room: string; user: string; role: Role }
  | { t: "edit"; q: number; room: string; name?: string; topic?: string; public?: boolean }
  | { t: "members"; q: number; room: string; after: string; limit: number }
  | { t: "rooms"; q: number; after: string; limit: number }
  | { t: "who"; q: number; user: string };

export type Command =
  | Ask
  | { t: "hello"; v: number; token: string; since: number; agent: string; ticket?: string | undefined }
  | { t: "post"; room: string; n: number; id: string; body: string }
  | { t: "ack"; room: string; seq: number }
  | { t: "read"; room: string; seq: number }
  | { t: "ping"; q: number };

/** `Omit` that keeps the members of a union apart. */
type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** A request whose `q` is still to be given. */
export type Asking = Without<Ask, "q">;
