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
  hello(ticket?: string): Command;
  /** Whether nothing is under way that a change of the connection would lose. */
  mayMove(): boolean;
  /** Another connection is welcomed and has taken the place of the last one; its welcome follows. */
  moved(): void;
  /** Get a new token. `final`: the refusal will not change. */
  refresh(): Promise<{ ok: boolean; final: boolean }>;
  event(event: Event): void;
  phase(phase: Phase, closeCode: number): void;
  /** From 0 to below 1; by it connections that were told the same do not all act at once. */
  random(): number;
}

/** The part of the given time within which the moment to move is drawn. */
const MOMENT = 0.8;
/** A move waits so long for answers that are under way, and looks so often. */
const QUIET_LIMIT_MS = 5_000;
const QUIET_LOOK_MS = 100;
/** The next connection is given up where it is not welcomed by then. */
const NEXT_LIMIT_MS = 15_000;

export class Line {
  /** A connection that is to take the place of the present one; it counts from its welcome on. */
  private next: Socket | undefined;
  private moveTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly connection: Connection;
  private socket: Socket | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private toldPhase: Phase = "idle";

  constructor(private readonly owner: LineOwner) {
    this.connection = new Connection(() => owner.random());
  }

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
    socket.onopen = () => this.input({ in: "opened" });
    this.use(socket);
  }

  private use(socket: Socket): void {
    this.socket = socket;
    socket.onmessage = ({ data }: { data: unknown }) => this.frame(data);
    socket.onclose = ({ code }: { code: number }) => {
      this.socket = undefined;
      // the server ends it when it knows the next one: what counts is whether that one is welcomed
      if (!this.next) this.input({ in: "closed", code });
    };
  }

  // --- moving: the next connection is welcomed before the last one is left ------------------------------------------

  private moveSoon(ticket: string, withinMs: number): void {
    if (this.moveTimer !== undefined || this.next) return;
    this.moveTimer = setTimeout(() => this.moveWhenQuiet(ticket, Date.now() + QUIET_LIMIT_MS), this.owner.random() * MOMENT * withinMs);
  }

  private moveWhenQuiet(ticket: string, latest: number): void {
    this.moveTimer = undefined;
    if (this.phase !== "ready") return;
    if (this.owner.mayMove()) return this.openNext(ticket);
    if (Date.now() < latest) this.moveTimer = setTimeout(() => this.moveWhenQuiet(ticket, latest), QUIET_LOOK_MS);
  }

  private openNext(ticket: string): void {
    const socket = this.owner.openSocket();
    this.next = socket;
    socket.onopen = () => socket.send(JSON.stringify(this.owner.hello(ticket)));
    socket.onmessage = ({ data }: { data: unknown }) => this.firstOfNext(socket, data);
    socket.onclose = () => this.nextFailed();
    this.moveTimer = setTimeout(() => this.nextFailed(), NEXT_LIMIT_MS);
  }

  private firstOfNext(socket: Socket, data: unknown): void {
    const event = typeof data === "string" ? decode(data) : undefined;
    if (event?.t === "error") return this.nextFailed();
    if (event?.t !== "welcome") return;
    this.forgetNext();
    letGo(this.socket);
    socket.onopen = null;
    this.use(socket);
    this.owner.moved();
    this.frame(data);
  }

  /** It stays where it is, or connects as after any broken connection. */
  private nextFailed(): void {
    letGo(this.next);
    this.forgetNext();
    if (!this.socket) this.input({ in: "closed", code: 1006 });
  }

  private forgetNext(): void {
    clearTimeout(this.moveTimer);
    this.next = this.moveTimer = undefined;
  }

  /** Let go of the socket; what it still says is not heard. */
  private drop(): void {
    const { socket, next } = this;
    this.socket = undefined;
    this.forgetNext();
    letGo(socket);
    letGo(next);
  }

  private frame(data: unknown): void {
    const event = typeof data === "string" ? decode(data) : undefined;
    this.input({ in: "frame" });
    if (!event) return;
    if (event.t === "welcome") this.input({ in: "welcome" });
    if (event.t === "move") return this.moveSoon(event.ticket, 1000 * event.within);
    this.owner.event(event);
  }
}

function letGo(socket: Socket | undefined): void {
  if (!socket) return;
  socket.onopen = socket.onmessage = socket.onclose = null;
  socket.close();
}
