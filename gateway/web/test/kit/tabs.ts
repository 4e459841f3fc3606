/** Several tabs of one browser in memory: channel, locks, kept state, and a server's end of each socket. */
import { Engine } from "../../src/client/engine";
import type { Shelf } from "../../src/client/handed";
import type { Leadership, LeadershipEvents } from "../../src/client/leadership";
import type { Socket } from "../../src/client/opening";
import type { Credentials } from "../../src/client/session";
import type { TabChannel, TabMessage } from "../../src/client/tabs";
import type { Command } from "../../src/protocol/frames";
import { OFFLINE, Refusal } from "../../src/store/requests";
import type { Change, Keeper, KeptRoom, Snapshot } from "../../src/store/snapshot";

/** Keeps by value, like a database. */
export class Kept implements Keeper {
  private since = 0;
  private rooms = new Map<string, KeptRoom>();
  private lanes = new Map<string, Change["lanes"][number]>();
  async load(): Promise<Snapshot> {
    const lanes = structuredClone([...this.lanes.values()]);
    const counters = new Map(lanes.map(({ room, next }) => [room, next]));
    return { since: this.since, rooms: structuredClone([...this.rooms.values()]), posts: lanes.flatMap(({ posts }) => posts), counters };
  }
  async save(change: Change): Promise<void> {
    const { since, rooms, gone, lanes } = structuredClone(change);
    this.since = since ?? this.since;
    for (const room of rooms) this.rooms.set(room.id, room);
    for (const id of gone) this.rooms.delete(id);
    for (const lane of lanes) this.lanes.set(lane.room, lane);
  }
  async erase(): Promise<void> {
    this.rooms.clear();
    this.lanes.clear();
  }
}

/** What `localStorage` does. */
export class MemoryShelf implements Shelf {
  private values = new Map<string, string>();
  get length(): number {
    return this.values.size;
  }
  key(at: number): string | null {
    return [...this.values.keys()][at] ?? null;
  }
  getItem(key: string): string | null {
    return this.values.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.values.set(key, value);
  }
  removeItem(key: string): void {
    this.values.delete(key);
  }
}

export class FakeSocket implements Socket {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  frames: Command[] = [];
  isClosed = false;
  constructor(readonly url = "") {}
  send(data: string): void {
    this.frames.push(JSON.parse(data) as Command);
  }
  close(): void {
    this.isClosed = true;
  }
  open(): void {
    this.onopen?.({} as never);
  }
  say(frame: Record<string, unknown>): void {
    this.onmessage?.({ data: JSON.stringify(frame) } as never);
  }
  drop(code: number): void {
    this.isClosed = true;
    this.onclose?.({ code } as never);
  }
  welcome(): void {
    this.open();
    const rooms = [{ room: "room1", kind: "room", name: "Birds" }];
    this.say({ t: "welcome", v: 1, session: "s", user: "mei", device: "d1", display: "Mei", now: 1, since: 1, rooms, pages: [] });
  }
  posts(): [number, string, string][] {
    return this.frames.flatMap((frame) => (frame.t === "post" ? [[frame.n, frame.id, frame.body] as [number, string, string]] : []));
  }
}

/** One browser: at most one tab holds the lead, the next in line gets it. */
export class Browser {
  readonly kept = new Kept();
  readonly shelf = new MemoryShelf();
  readonly sockets: FakeSocket[] = [];
  readonly notices: string[] = [];
  addresses = ["ws://own/ws"];
  /** The tokens as they are kept for all tabs. */
  credentials: Credentials | undefined;
  /** The refresh tokens that were shown. */
  readonly refreshed: string[] = [];
  /** So many answers to them are lost. */
  refreshFails = 0;
  private channels = new Set<TabChannel>();
  private line: { events: LeadershipEvents; isHolding: boolean }[] = [];

  async tab(isVisible = true): Promise<Engine> {
    const engine = new Engine(
      { user: "mei", device: "d1", display: "Mei", token: "token", refresh: "refresh" },
      {
        keeper: this.kept, shelf: this.shelf, tabs: this.channel(), lead: (events) => this.lead(events), current: () => this.credentials,
        refresh: (old) => this.refresh(old),
        openSocket: (url) => this.socket(url), session: () => undefined, changed: () => undefined, phase: () => undefined,
        addresses: async () => this.addresses, usable: (named) => named, notice: (text) => void this.notices.push(text),
        isVisible: () => isVisible, random: () => 0.5,
      },
    );
    await engine.start();
    await quiet();
    return engine;
  }

  get socketNow(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }

  private async refresh(old: Credentials): Promise<Credentials> {
    this.refreshed.push(old.refresh);
    if (this.refreshFails-- > 0) throw new Refusal(OFFLINE);
    return { ...old, token: `token after ${old.refresh}`, refresh: `${old.refresh}'` };
  }

  private socket(url: string): FakeSocket {
    const socket = new FakeSocket(url);
    this.sockets.push(socket);
    return socket;
  }

  channel(): TabChannel {
    const others = this.channels;
    const own: TabChannel = {
      onmessage: null,
      close: () => void others.delete(own),
      postMessage: (message: TabMessage) => {
        const data = structuredClone(message);
        for (const other of others) if (other !== own) queueMicrotask(() => other.onmessage?.({ data } as MessageEvent<TabMessage>));
      },
    };
    others.add(own);
    return own;
  }

  private lead(events: LeadershipEvents): Leadership {
    const own = { events, isHolding: false };
    const next = (): void => {
      const first = this.line[0];
      if (!first || first.isHolding) return;
      first.isHolding = true;
      first.events.gained();
    };
    const leave = (): void => {
      this.line = this.line.filter((other) => other !== own);
      own.isHolding = false;
    };
    return {
      seek: () => {
        this.line.push(own);
        next();
      },
      seize: () => {
        const [holder] = this.line;
        leave();
        if (holder?.isHolding) holder.isHolding = false;
        this.line.unshift(own);
        next();
        if (holder && holder !== own) holder.events.lost();
      },
      release: () => {
        leave();
        next();
      },
    };
  }
}

/** Let everything run that needs no timer. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 60; turn += 1) await Promise.resolve();
}
