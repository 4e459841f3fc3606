/**
 * All conversations of one account on one device: applies what the server says, keeps what the person does until it
 * is stored, and says what to send. No sockets, no timers, no DOM; the owner calls `tick` and delivers `Port`.
 */
import { membersOf, roomOf, roomsOf } from "../protocol/decode";
import type { Asking, Command, Entry, Event, RoomInfo, Welcome } from "../protocol/frames";
import { Outbox, type OutPost } from "./outbox";
import { takeTail } from "./pulls";
import { OFFLINE, Refusal, Requests, type Answer } from "./requests";
import { happening, mergeInfo, newRoom, NOBODY, type Room } from "./room";
import { keep, revive, type Change, type Snapshot } from "./snapshot";
import { Upkeep } from "./upkeep";

/** Far more than a tab can hand over before it hears that the first was taken up. */
const MAX_QUEUED_IDS = 1_000;

export interface Me {
  user: string;
  device: string;
  display: string;
}

export interface Port {
  /** Put a command on the wire, or hand it to the tab that has one. False: not possible now. */
  send(command: Command): boolean;
  /** Something to show changed: of one room, or (undefined) of the list. */
  changed(room: string | undefined): void;
  now(): number;
}

export class Chat {
  readonly rooms = new Map<string, Room>();
  /** Names for people, by user; `NOBODY` for those whose account was deleted. */
  readonly people = new Map<string, string>();
  readonly outbox = new Outbox();
  readonly requests: Requests;
  readonly upkeep: Upkeep;
  since = 0;
  /** Whether this tab owns the connection. Others only mirror. */
  leading = false;
  /** The conversation on screen: its pages come first. */
  open: string | undefined;
  /** Ids of posts that were queued here: a tab that is unsure hands one over twice. */
  private queued = new Set<string>();
  private dirtyRooms = new Set<string>();
  private goneRooms = new Set<string>();
  /** Rooms that changed since a page of the list was asked for. */
  private changedRooms = new Set<string>();
  private dirtyLanes = new Set<string>();
  private dirtySince = false;

  constructor(readonly me: Me, readonly port: Port, queryBase = 0) {
    this.requests = new Requests(queryBase);
    this.upkeep = new Upkeep(this);
    this.people.set(me.user, me.display);
  }

  // --- what is kept ---------------------------------------------------------------------------------------------

  /** Take over what was kept; what is here already and newer stays. */
  adopt(snapshot: Snapshot): void {
    this.since = Math.max(this.since, snapshot.since);
    for (const kept of snapshot.rooms) {
      const here = this.rooms.get(kept.id);
      if (!here) this.rooms.set(kept.id, revive(kept));
      else {
        here.head = Math.max(here.head, kept.tail.at(-1)?.seq ?? 0, kept.head);
        here.read = Math.max(here.read, kept.read);
        here.readTold = Math.max(here.readTold, kept.readTold);
        here.acked = Math.max(here.acked, kept.acked);
        here.log.append(kept.tail.filter(({ seq }) => seq > here.log.hi));
      }
      if (kept.peer) this.people.set(kept.peer, kept.peerDisplay || kept.peer);
    }
    this.outbox.restore(snapshot.posts, snapshot.counters);
    this.port.changed(undefined);
  }

  /** What changed since the last call, to be stored in one piece; undefined where nothing did. */
  takeChange(): Change | undefined {
    if (!this.dirtySince && !this.dirtyRooms.size && !this.goneRooms.size && !this.dirtyLanes.size) return undefined;
    const rooms = [...this.dirtyRooms].flatMap((id) => this.rooms.get(id) ?? []).map(keep);
    const lanes = [...this.dirtyLanes].map((room) => ({ room, posts: this.outbox.of(room), next: this.outbox.counter(room) }));
    const change = { since: this.dirtySince ? this.since : undefined, rooms, gone: [...this.goneRooms], lanes };
    this.dirtyRooms.clear();
    this.goneRooms.clear();
    this.dirtyLanes.clear();
    this.dirtySince = false;
    return change;
  }

  get lanesDirty(): boolean {
    return this.dirtyLanes.size > 0;
  }

  touch(room: Room): void {
    this.dirtyRooms.add(room.id);
    this.port.changed(room.id);
  }

  touchLane(room: string): void {
    this.dirtyLanes.add(room);
    this.port.changed(room);
  }

  // --- what the server says -------------------------------------------------------------------------------------

  receive(event: Event): void {
    switch (event.t) {
      case "welcome": return this.welcome(event);
      case "msg": return this.entry(event);
      case "sent": return this.sent(event.room, event.n, event.seq, event.at);
      case "refused": return this.refused(event);
      case "head": return this.head(event.room, event.head);
      case "lagging": return Object.entries(event.heads).forEach(([room, head]) => this.head(room, head));
      case "room": this.changedRooms.add(event.room.room); return this.roomChanged(event.room, event.since);
      case "read": return this.readMark(event.room, event.user, event.seq);
      case "page": return void this.requests.answer(event.q, { page: event });
      case "ok": return void this.requests.answer(event.q, { result: event.result });
      case "error": return void this.requests.fail(event.q, event);
      case "pong": case "move": case "notice": return;
    }
  }

  /** The connection is gone. */
  disconnected(): void {
    this.outbox.disconnected();
    this.requests.failAll(OFFLINE);
    this.upkeep.disconnected();
  }

  private welcome(event: Welcome): void {
    this.me.display = event.display;
    this.people.set(event.user, event.display);
    for (const info of event.rooms) this.takeInfo(info);
    for (const page of event.pages) this.takeWelcomePage(page);
    if (event.more) void this.upkeep.listRooms(event.since);
    else this.setSince(event.since);
    this.upkeep.ready();
    this.port.changed(undefined);
  }

  private takeWelcomePage(page: Welcome["pages"][number]): void {
    const room = this.rooms.get(page.room);
    if (!room) return;
    room.head = Math.max(room.head, page.head);
    takeTail(room, page);
    this.settleOwn(room, page.entries);
    this.touch(room);
  }

  setSince(since: number): void {
    this.since = since;
    this.dirtySince = true;
  }

  /** A page of the list is asked for: what changes from here on is newer than what it will say. */
  asksForRooms(): void {
    this.changedRooms.clear();
  }

  takeRooms(result: Record<string, unknown>): RoomInfo[] {
    const infos = roomsOf(result);
    for (const info of infos) if (!this.changedRooms.has(info.room)) this.takeInfo(info);
    return infos;
  }

  takeInfo(info: RoomInfo): Room | undefined {
    if (info.role === "none") return void this.forget(info.room);
    const room = this.roomFor(info.room);
    mergeInfo(room, info);
    if (info.peer) this.people.set(info.peer, info.peer_display || info.peer);
    this.touch(room);
    this.port.changed(undefined);
    return room;
  }

  private forget(id: string): void {
    if (this.rooms.delete(id)) this.goneRooms.add(id);
    this.dirtyRooms.delete(id);
    this.port.changed(id);
    this.port.changed(undefined);
  }

  private roomFor(id: string): Room {
    let room = this.rooms.get(id);
    if (!room) {
      room = newRoom(id);
      this.rooms.set(id, room);
    }
    this.goneRooms.delete(id);
    return room;
  }

  private roomChanged(info: RoomInfo, since: number): void {
    const room = this.takeInfo(info);
    this.setSince(Math.max(this.since, since));
    if (room) this.upkeep.check(room);
  }

  private entry(entry: Entry): void {
    const room = this.roomFor(entry.room);
    room.head = Math.max(room.head, entry.seq);
    this.settleOwn(room, [entry]);
    const isNext = room.log.add(entry);
    if (!isNext) this.upkeep.check(room);
    const { user, display, gone } = entry.kind === "join" || entry.kind === "leave" ? happening(entry) : {};
    if (user && (display || gone)) this.people.set(user, gone ? NOBODY : (display ?? user));
    if (entry.kind !== "text" && room.members) void this.upkeep.listMembers(room.id);
    this.touch(room);
    this.port.changed(undefined);
  }

  /** Own entries that come back by a pull: their `sent` was lost on the way, they are stored all the same. */
  settleOwn(room: Room, entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.device !== this.me.device || !this.outbox.isStored(room.id, entry)) continue;
      this.outbox.sent(room.id, entry.n);
      this.touchLane(room.id);
    }
  }

  private sent(roomId: string, n: number, seq: number, at: number): void {
    const post = this.outbox.sent(roomId, n);
    if (!post) return;
    this.touchLane(roomId);
    this.entry({ room: roomId, seq, at, user: this.me.user, kind: "text", body: post.body, device: this.me.device, n, id: post.id });
  }

  private refused(event: Extract<Event, { t: "refused" }>): void {
    if (!this.leading) return; // the leading tab tells us what became of it
    this.outbox.refused(event.room, event.n, event, this.port.now());
    this.touchLane(event.room);
  }

  private head(id: string, head: number): void {
    const room = this.rooms.get(id);
    if (!room) return;
    room.head = Math.max(room.head, head);
    this.touch(room);
    this.upkeep.check(room);
  }

  private readMark(id: string, user: string, seq: number): void {
    const room = this.rooms.get(id);
    if (!room) return;
    if (user === this.me.user) {
      room.readTold = Math.max(room.readTold, seq);
      this.markRead(id, seq);
    } else room.reads.set(user, Math.max(seq, room.reads.get(user) ?? 0));
    this.port.changed(id);
  }

  // --- what the person does -------------------------------------------------------------------------------------

  /** Queue a text. It is on its way once it is kept (the owner stores, then pumps). */
  post(room: string, id: string, body: string): OutPost | undefined {
    const isKnown = this.queued.has(id) || this.outbox.has(room, id) || this.rooms.get(room)?.log.entries.some((entry) => entry.id === id);
    if (isKnown) return undefined;
    this.remember(id);
    const post = this.outbox.add(room, id, body, this.port.now());
    this.touchLane(room);
    this.port.changed(undefined);
    return post;
  }

  private remember(id: string): void {
    this.queued.add(id);
    if (this.queued.size <= MAX_QUEUED_IDS) return;
    const [oldest] = this.queued;
    if (oldest !== undefined) this.queued.delete(oldest);
  }

  retryPost(room: string, id: string, newId: string): void {
    this.outbox.retry(room, id, newId, this.port.now());
    this.touchLane(room);
  }

  discardPost(room: string, id: string): void {
    this.outbox.discard(room, id);
    this.touchLane(room);
  }

  /** This person has seen everything up to `seq`. True: that is news. */
  markRead(id: string, seq: number): boolean {
    const room = this.rooms.get(id);
    if (!room || seq <= room.read) return false;
    room.read = seq;
    this.touch(room);
    this.port.changed(undefined);
    return true;
  }

  /** Ask the server for something; throws a `Refusal`. */
  async ask(asking: Asking): Promise<Answer> {
    const { command, answer } = this.requests.open(asking);
    if (!this.port.send(command)) this.requests.fail(command.q, OFFLINE);
    return answer;
  }

  /** Ask for something whose answer is a room, and know that room. Returns its id. */
  async askRoom(asking: Asking): Promise<string> {
    const answer = await this.ask(asking);
    const info = "result" in answer ? roomOf(answer.result) : undefined;
    const room = info && this.takeInfo(info);
    if (!room) throw new Refusal({ code: "internal", text: "", retry: false, retry_after: null, fields: {} });
    this.upkeep.check(room);
    return room.id;
  }

  takeMembers(room: Room, result: Record<string, unknown>): { last: string; more: boolean } {
    const members = membersOf(result);
    for (const member of members) {
      this.people.set(member.user, member.display);
      room.reads.set(member.user, Math.max(member.read, room.reads.get(member.user) ?? 0));
    }
    room.members = [...(room.members ?? []), ...members];
    room.memberCount = typeof result.count === "number" ? result.count : room.members.length;
    return { last: members.at(-1)?.user ?? "", more: result.more === true && members.length > 0 };
  }
}
