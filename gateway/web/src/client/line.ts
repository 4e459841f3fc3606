/** Drives the connection's state machine with real sockets and real time. */
import { Connection, type Effect, type Input, type Phase } from "../protocol/connection";
import { decode } from "../protocol/decode";
import { PROTOCOL_VERSION, SPOKEN_VERSIONS, type Command, type Event, type Failure } from "../protocol/frames";
import { Refusal } from "../store/requests";
import { letGo, Opening, type Socket } from "./opening";

export interface LineOwner {
  /** Where the next connection may be opened, in the order of trying. Throws a `Refusal` where the server says to come later. */
  addresses(): Promise<readonly string[]>;
  /** Of the addresses in a `move` those that may be used, in the order of trying. */
  usable(named: readonly string[]): readonly string[];
  openSocket(url: string): Socket;
  hello(version: number, ticket?: string): Command;
  /** Whether nothing is under way that a change of the connection would lose. */
  mayMove(): boolean;
  /** Another connection is welcomed and has taken the place of the last one; its welcome follows. */
  moved(): void;
  /** A move failed: the last connection stays. */
  stayed(): void;
  /** Get a new token. `final`: the refusal will not change. */
  refresh(): Promise<{ ok: boolean; final: boolean; retryAfterMs?: number }>;
  event(event: Event): void;
  phase(phase: Phase, closeCode: number): void;
  /** From 0 to below 1; by it connections that were told the same do not all act at once. */
  random(): number;
  /** Whether a person has the page before them. */
  isWatched(): boolean;
}

/** The part of the given time within which the moment to move is drawn. */
const MOMENT = 0.8;
/** A move waits so long for answers that are under way, and looks so often. */
const QUIET_LIMIT_MS = 5_000;
const QUIET_LOOK_MS = 100;
/** The next connection is given up where it is not welcomed by then. */
const NEXT_LIMIT_MS = 40_000;

type Move = Extract<Event, { t: "move" }>;

export class Line {
  /** Opens a connection that is to be the present one. */
  private opening: Opening | undefined;
  /** Opens one that is to take its place, until it is open. */
  private nextOpening: Opening | undefined;
  /** That one, open; it counts from its welcome on. */
  private next: Socket | undefined;
  private moveTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly connection: Connection;
  private socket: Socket | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private toldPhase: Phase = "idle";
  private version = PROTOCOL_VERSION;

  constructor(private readonly owner: LineOwner) {
    this.connection = new Connection(() => owner.random(), () => owner.isWatched());
  }

  get phase(): Phase {
    return this.connection.phase;
  }

  get closeCode(): number {
    return this.connection.closeCode;
  }

  /** Whether another connection is about to take the place of this one: what cannot be repeated waits. */
  get isMoving(): boolean {
    return this.next !== undefined || this.nextOpening !== undefined;
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
      case "open": return void this.open();
      case "hello": return void this.socket?.send(JSON.stringify(this.owner.hello(this.version)));
      case "ping": return void this.socket?.send(JSON.stringify({ t: "ping", q: 0 }));
      case "drop": return this.drop();
      case "refresh": return void this.owner.refresh().then((result) => this.input({ in: "refreshed", ...result }));
    }
  }

  private async open(): Promise<void> {
    this.drop();
    const opening = new Opening((url) => this.owner.openSocket(url), (socket) => {
      this.opening = undefined;
      if (!socket) return this.input({ in: "closed", code: 1006 });
      this.use(socket);
      this.input({ in: "opened" });
    });
    this.opening = opening;
    try {
      opening.start(await this.owner.addresses());
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (this.opening === opening) this.turnedAway(error.failure);
    }
  }

  private turnedAway(failure: Failure): void {
    this.opening = undefined;
    this.input({ in: "refused", retryAfterMs: 1000 * (failure.retry_after ?? 0), again: false });
    this.input({ in: "closed", code: 1006 });
  }

  private use(socket: Socket): void {
    this.socket = socket;
    socket.onmessage = ({ data }: { data: unknown }) => this.frame(data);
    socket.onclose = ({ code }: { code: number }) => {
      this.socket = undefined;
      // the server ends it when it knows the next one: what counts is whether that one is welcomed
      if (!this.isMoving) this.input({ in: "closed", code });
    };
  }

  // --- moving: the next connection is welcomed before the last one is left ------------------------------------------

  private moveSoon(move: Move): void {
    if (this.moveTimer !== undefined || this.isMoving) return;
    const moment = this.owner.random() * MOMENT * 1000 * move.within;
    this.moveTimer = setTimeout(() => this.moveWhenQuiet(move, Date.now() + QUIET_LIMIT_MS), moment);
  }

  private moveWhenQuiet(move: Move, latest: number): void {
    this.moveTimer = undefined;
    if (this.phase !== "ready") return;
    if (this.owner.mayMove()) return this.openNext(move);
    if (Date.now() < latest) this.moveTimer = setTimeout(() => this.moveWhenQuiet(move, latest), QUIET_LOOK_MS);
  }

  private openNext(move: Move): void {
    this.nextOpening = new Opening((url) => this.owner.openSocket(url), (socket) => {
      this.nextOpening = undefined;
      if (!socket) return this.nextFailed();
      this.next = socket;
      socket.onmessage = ({ data }: { data: unknown }) => this.firstOfNext(socket, data);
      socket.onclose = () => this.nextFailed();
      this.moveTimer = setTimeout(() => this.nextFailed(), NEXT_LIMIT_MS);
      socket.send(JSON.stringify(this.owner.hello(PROTOCOL_VERSION, move.ticket)));
    });
    this.nextOpening.start(this.owner.usable(move.urls));
  }

  private firstOfNext(socket: Socket, data: unknown): void {
    const event = typeof data === "string" ? decode(data) : undefined;
    if (event?.t === "error") return this.nextFailed();
    if (event?.t !== "welcome") return;
    this.forgetNext();
    letGo(this.socket);
    this.use(socket);
    this.owner.moved();
    this.frame(data);
  }

  /** It stays where it is, or connects as after any broken connection. */
  private nextFailed(): void {
    letGo(this.next);
    this.forgetNext();
    if (!this.socket) this.input({ in: "closed", code: 1006 });
    else this.owner.stayed();
  }

  private forgetNext(): void {
    clearTimeout(this.moveTimer);
    this.nextOpening?.cancel();
    this.next = this.nextOpening = this.moveTimer = undefined;
  }

  /** Let go of all sockets; what they still say is not heard. */
  private drop(): void {
    const { socket, next } = this;
    this.socket = undefined;
    this.opening?.cancel();
    this.opening = undefined;
    this.forgetNext();
    letGo(socket);
    letGo(next);
  }

  private frame(data: unknown): void {
    const event = typeof data === "string" ? decode(data) : undefined;
    this.input({ in: "frame" });
    if (!event) return;
    if (event.t === "welcome") {
      this.version = PROTOCOL_VERSION; // the next edge may be newer than this one
      this.input({ in: "welcome" });
    }
    if (event.t === "move") return this.moveSoon(event);
    if (event.t === "error" && event.q === 0) this.refused(event);
    this.owner.event(event);
  }

  /** An error that answers no request is about a frame or the connection; where it names a time, that is kept. */
  private refused(failure: Failure): void {
    const older = this.phase === "greeting" && failure.code === "unsupported_version" ? this.olderIn(failure.fields.versions) : undefined;
    this.version = older ?? this.version;
    this.input({ in: "refused", retryAfterMs: 1000 * (failure.retry_after ?? 0), again: older !== undefined });
  }

  /** The newest version that both sides speak, older than the one that was refused. */
  private olderIn(versions: unknown): number | undefined {
    return Array.isArray(versions) ? SPOKEN_VERSIONS.find((version) => version < this.version && versions.includes(version)) : undefined;
  }
}
