/** Drives the connection's state machine with a real socket and real time. */
import { Connection, type Effect, type Input, type Phase } from "../protocol/connection";
import { decode } from "../protocol/decode";
import type { Command, Event } from "../protocol/frames";

/** The part of `WebSocket` that is used. */
export interface Socket {
  send(data: string): void;
  close(): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
}

export interface LineOwner {
  openSocket(): Socket;
  hello(): Command;
  /** Get a new token. `final`: the refusal will not change. */
  refresh(): Promise<{ ok: boolean; final: boolean }>;
  event(event: Event): void;
  phase(phase: Phase, closeCode: number): void;
}

export class Line {
  private readonly connection = new Connection(Math.random);
  private socket: Socket | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private toldPhase: Phase = "idle";

  constructor(private readonly owner: LineOwner) {}

  get phase(): Phase {
    return this.connection.phase;
  }

  get closeCode(): number {
    return this.connection.closeCode;
  }

  send(command: Command): boolean {
    if (this.phase !== "ready" || !this.socket) return false;
    this.socket.send(JSON.stringify(command));
    return true;
  }

  input(input: Input): void {
    const effects = this.connection.on(input, Date.now());
    for (const effect of effects) this.apply(effect);
    this.schedule();
    if (this.phase === this.toldPhase) return;
    this.toldPhase = this.phase;
    this.owner.phase(this.phase, this.closeCode);
  }

  private schedule(): void {
    clearTimeout(this.timer);
    const at = this.connection.wakeAt;
    if (at !== undefined) this.timer = setTimeout(() => this.input({ in: "tick" }), Math.max(0, at - Date.now()));
  }

  private apply(effect: Effect): void {
    switch (effect) {
      case "open": return this.open();
      case "hello": return void this.socket?.send(JSON.stringify(this.owner.hello()));
      case "ping": return void this.socket?.send(JSON.stringify({ t: "ping", q: 0 }));
      case "drop": return this.drop();
      case "refresh": return void this.owner.refresh().then((result) => this.input({ in: "refreshed", ...result }));
    }
  }

  private open(): void {
    this.drop();
    const socket = this.owner.openSocket();
    this.socket = socket;
    socket.onopen = () => this.input({ in: "opened" });
    socket.onmessage = ({ data }: { data: unknown }) => this.frame(data);
    socket.onclose = ({ code }: { code: number }) => {
      this.socket = undefined;
      this.input({ in: "closed", code });
    };
  }

  /** Let go of the socket; what it still says is not heard. */
  private drop(): void {
    const socket = this.socket;
    this.socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  private frame(data: unknown): void {
    const event = typeof data === "string" ? decode(data) : undefined;
    this.input({ in: "frame" });
    if (!event) return;
    if (event.t === "welcome") this.input({ in: "welcome" });
    this.owner.event(event);
  }
}
