/** What a device does by itself: pull what is missing, acknowledge lazily, tell read marks, list rooms and members. */
import type { Chat } from "./chat";
import { MAX_PULLS, missing, older, takePage } from "./pulls";
import { Refusal } from "./requests";
import { activity, NOBODY, type Room } from "./room";

/** At most one acknowledgement per room in this time. */
export const ACK_EVERY_MS = 2_000;
/** At most one read mark per room in this time. */
export const READ_EVERY_MS = 700;
/** Pause after a failed pull that names none. */
const PULL_RETRY_MS = 1_500;
/** Members that are listed when a room opens: all of a small room, for names and read marks. */
export const FEW_MEMBERS = 256;
/** Members that are listed in a room's panel; larger rooms show the first ones and the count. */
export const MANY_MEMBERS = 1_000;

export class Upkeep {
  private wanted = new Set<string>();
  private pulling = new Set<string>();
  private pullingOlder = new Set<string>();
  private olderFailedAt = new Map<string, number>();
  private listing = new Set<string>();
  private pausedUntil = 0;
  private ackedAt = new Map<string, number>();
  private readAt = new Map<string, number>();
  private lookedUp = new Set<string>();
  private lookUps: Promise<void> = Promise.resolve();
  private isReady = false;
  /** Per room: the seq up to which entries are stored on this device. */
  private stored: ReadonlyMap<string, number> = new Map();

  constructor(private readonly chat: Chat) {}

  /** A welcome was taken in. */
  ready(): void {
    this.isReady = true;
    this.pausedUntil = 0;
    for (const room of this.chat.rooms.values()) {
      // A room of unknown head has no mark: nothing new. It is looked at when somebody looks at it.
      if (room.head > room.log.hi || room.id === this.chat.open) this.wanted.add(room.id);
    }
    this.pull();
  }

  disconnected(): void {
    this.isReady = false;
    this.pulling.clear();
    this.pullingOlder.clear();
    this.listing.clear();
    this.lookedUp.clear();
  }

  /** See whether the room misses something, and pull it. */
  check(room: Room): void {
    this.wanted.add(room.id);
    this.pull();
  }

  /** Do what is due; returns when it wants to be called again. */
  tick(now: number): number | undefined {
    if (!this.isReady) return undefined;
    this.pull();
    const times = [this.tellReads(now), this.ack(now), this.pausedUntil > now ? this.pausedUntil : undefined];
    return earliest(times);
  }

  /** What is held now; hand it to `saved` when it is stored. */
  held(): Map<string, number> {
    return new Map([...this.chat.rooms.values()].map((room) => [room.id, room.log.hi]));
  }

  /** Only what is stored is acknowledged: after that the server may stop telling this device of it. */
  saved(held: ReadonlyMap<string, number>): void {
    this.stored = held;
  }

  private ack(now: number): number | undefined {
    if (!this.chat.leading) return undefined;
    const later: number[] = [];
    for (const room of this.chat.rooms.values()) {
      const seq = Math.min(room.log.hi, this.stored.get(room.id) ?? 0);
      if (seq <= room.acked) continue;
      const due = (this.ackedAt.get(room.id) ?? -Infinity) + ACK_EVERY_MS;
      if (due > now) later.push(due);
      else if (this.chat.port.send({ t: "ack", room: room.id, seq })) {
        room.acked = seq;
        this.ackedAt.set(room.id, now);
      }
    }
    return earliest(later);
  }

  private tellReads(now: number): number | undefined {
    if (!this.chat.leading) return undefined;
    const later: number[] = [];
    for (const room of this.chat.rooms.values()) {
      if (room.read <= room.readTold) continue;
      const due = (this.readAt.get(room.id) ?? -Infinity) + READ_EVERY_MS;
      if (due > now) later.push(due);
      else if (this.chat.port.send({ t: "read", room: room.id, seq: room.read })) {
        room.readTold = room.read;
        this.readAt.set(room.id, now);
      }
    }
    return earliest(later);
  }

  private pull(): void {
    if (!this.isReady || this.pausedUntil > this.chat.port.now()) return;
    const order = [...this.wanted].flatMap((id) => this.chat.rooms.get(id) ?? []);
    order.sort((a, b) => this.urgency(b) - this.urgency(a));
    for (const room of order) {
      if (this.pulling.size >= MAX_PULLS) return;
      if (!this.pulling.has(room.id)) void this.pullRoom(room);
    }
  }

  private urgency(room: Room): number {
    return room.id === this.chat.open ? Infinity : Math.max(activity(room), room.head);
  }

  private async pullRoom(room: Room): Promise<void> {
    const pull = missing(room);
    this.wanted.delete(room.id);
    if (!pull) return;
    this.pulling.add(room.id);
    try {
      const answer = await this.chat.ask(pull);
      if ("page" in answer) this.takePage(room, pull, answer.page);
      this.wanted.add(room.id);
    } catch (error) {
      this.failed(error, room);
    } finally {
      this.pulling.delete(room.id);
    }
    this.pull();
  }

  private takePage(room: Room, pull: NonNullable<ReturnType<typeof missing>>, page: Parameters<typeof takePage>[2]): void {
    if (this.chat.rooms.get(room.id) !== room) return; // left meanwhile
    takePage(room, pull, page);
    this.chat.settleOwn(room, page.entries);
    this.chat.touch(room);
    this.chat.port.changed(undefined);
  }

  /** A failed pull that may succeed later stays wanted; any other waits for the next sign of something missing. */
  private failed(error: unknown, room: Room): void {
    if (!(error instanceof Refusal)) throw error;
    if (!error.failure.retry) return;
    this.wanted.add(room.id);
    const pauseMs = error.failure.retry_after === null ? PULL_RETRY_MS : error.failure.retry_after * 1000;
    this.pausedUntil = this.chat.port.now() + pauseMs; // also without a connection: asking again at once would never end
  }

  /** Load older entries of a room; false where there are none or they cannot be had now. */
  async loadOlder(id: string): Promise<boolean> {
    const room = this.chat.rooms.get(id);
    const pull = room && older(room);
    const pausedUntil = (this.olderFailedAt.get(id) ?? -Infinity) + PULL_RETRY_MS;
    if (!room || !pull || this.pullingOlder.has(id) || this.chat.port.now() < pausedUntil) return false;
    this.pullingOlder.add(id);
    this.chat.port.changed(id);
    try {
      const answer = await this.chat.ask(pull);
      if ("page" in answer) this.takePage(room, pull, answer.page);
      return true;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.olderFailedAt.set(id, this.chat.port.now());
      return false; // scrolling asks again
    } finally {
      this.pullingOlder.delete(id);
      this.chat.port.changed(id);
    }
  }

  isLoadingOlder(id: string): boolean {
    return this.pullingOlder.has(id);
  }

  /** Learn the name of somebody who is not among the listed members; one question at a time. */
  lookUp(user: string): void {
    if (!this.isReady || this.lookedUp.has(user) || this.chat.people.has(user)) return;
    this.lookedUp.add(user);
    this.lookUps = this.lookUps.then(() => this.who(user));
  }

  private async who(user: string): Promise<void> {
    try {
      const answer = await this.chat.ask({ t: "who", user });
      const display = "result" in answer ? answer.result.display : undefined;
      this.chat.people.set(user, typeof display === "string" && display ? display : user);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.failure.retry) return;
      // An author who is not there any more; of others the user name is all there is.
      this.chat.people.set(user, error.failure.code === "no_such_user" ? NOBODY : user);
    }
    this.chat.port.changed(undefined);
    if (this.chat.open) this.chat.port.changed(this.chat.open);
  }

  /** List the members anew, at most so many. */
  async listMembers(id: string, most = FEW_MEMBERS): Promise<void> {
    const room = this.chat.rooms.get(id);
    if (!room || this.listing.has(id)) return;
    this.listing.add(id);
    const before = room.members;
    try {
      await this.listPages(room, most);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      room.members = before;
    } finally {
      this.listing.delete(id);
      this.chat.port.changed(id);
    }
  }

  private async listPages(room: Room, most: number): Promise<void> {
    let after = "";
    let isFirst = true;
    for (let more = true; more; ) {
      const answer = await this.chat.ask({ t: "members", room: room.id, after, limit: 200 });
      if (!("result" in answer)) return;
      if (isFirst) room.members = [];
      isFirst = false;
      ({ last: after, more } = this.chat.takeMembers(room, answer.result));
      more &&= (room.members?.length ?? 0) < most;
    }
  }

  /** More rooms than a welcome holds: page through all of them; only then is `since` true. */
  async listRooms(since: number): Promise<void> {
    let after = "";
    try {
      for (let more = true; more; ) {
        this.chat.asksForRooms();
        const answer = await this.chat.ask({ t: "rooms", after, limit: 200 });
        if (!("result" in answer)) return;
        const infos = this.chat.takeRooms(answer.result);
        after = infos.at(-1)?.room ?? "";
        more = answer.result.more === true && after !== "";
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return; // the next welcome says `more` again, since `since` was not stored
    }
    this.chat.setSince(since);
    this.ready();
  }
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time): time is number => time !== undefined);
  return known.length ? Math.min(...known) : undefined;
}
