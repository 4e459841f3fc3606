/** A chat on a hand-moved clock, with all that it wanted to send. */
import { decode } from "../../src/protocol/decode";
import type { Command } from "../../src/protocol/frames";
import { Chat } from "../../src/store/chat";

export class Bench {
  now = 1_700_000_000_000;
  sent: Command[] = [];
  isOnline = true;
  readonly chat: Chat;

  constructor(leading = true) {
    const port = { send: (command: Command) => this.isOnline && this.sent.push(command) > 0, changed: () => undefined, now: () => this.now };
    this.chat = new Chat({ user: "mei", device: "d1", display: "Mei" }, port);
    this.chat.leading = leading;
  }

  /** A frame from the server, as it stands on the wire. */
  hear(frame: Record<string, unknown>): void {
    const event = decode(JSON.stringify(frame));
    if (!event) throw new Error(`not a frame: ${JSON.stringify(frame)}`);
    this.chat.receive(event);
  }

  welcome(rooms: Record<string, unknown>[] = [], more: Record<string, unknown> = {}): void {
    this.hear({ t: "welcome", v: 1, session: "s", user: "mei", device: "d1", display: "Mei", now: this.now, since: 7, rooms, pages: [], ...more });
  }

  /** Commands of one kind since the last call, taken away. */
  take<T extends Command["t"]>(tag: T): Extract<Command, { t: T }>[] {
    const taken = this.sent.filter((command): command is Extract<Command, { t: T }> => command.t === tag);
    this.sent = this.sent.filter((command) => command.t !== tag);
    return taken;
  }

  /** Answer a pull with texts `from`..`to`. */
  async page(q: number, room: string, from: number, to: number, head: number): Promise<void> {
    this.hear({ t: "page", q, room, entries: entries(room, from, to), head });
    await settled();
  }
}

/** Let promises that are already answered run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

export function entry(room: string, seq: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { t: "msg", room, seq, at: 1_699_000_000_000 + seq * 1000, user: "tom", body: `text ${seq}`, ...more };
}

export function entries(room: string, from: number, to: number): Record<string, unknown>[] {
  return Array.from({ length: to - from + 1 }, (_, index) => entry(room, from + index));
}
