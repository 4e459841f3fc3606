/**
 * The life of the connection as a pure state machine: inputs and the time go in, effects come out. It opens no
 * socket and reads no clock; its owner does what the effects say and hands back what happens.
 */
import { adviceFor } from "./closing";

export type Phase =
  | "idle"
  /** A socket is being opened. */
  | "opening"
  /** `hello` is sent, no `welcome` yet. */
  | "greeting"
  | "ready"
  /** Waiting to try again. */
  | "waiting"
  | "refreshing"
  /** Another window uses this login; only the person brings it back. */
  | "replaced"
  | "loggedOut"
  | "halted";

export type Input =
  | { in: "start" }
  | { in: "opened" }
  | { in: "welcome" }
  /** Any frame: the line is alive. */
  | { in: "frame" }
  | { in: "closed"; code: number }
  /** Time passed; due deadlines act. */
  | { in: "tick" }
  /** The browser says the network is back, or the page became visible: try now. */
  | { in: "nudge" }
  /** An `error` about the connection itself: come later, or (`again`) at once, speaking another version. */
  | { in: "refused"; retryAfterMs: number; again: boolean }
  | { in: "refreshed"; ok: boolean; final: boolean; retryAfterMs?: number }
  | { in: "stop" };

export type Effect = "open" | "hello" | "ping" | "drop" | "refresh";

/** First pause after a lost connection; short, since most are a server that moved this client. */
export const BACKOFF_FIRST_MS = 400;
/** The longest pause while nobody looks. */
export const BACKOFF_MAX_MS = 20_000;
/**
 * The longest pause while somebody looks: they are back so soon after the server is. Drawn at random from it, and what
 * is asked first is only `GET /connect`, so thousands of pages come back spread over it.
 */
export const BACKOFF_WATCHED_MS = 2_500;
/** A connection that stood this long counts as good: the next loss starts from the first pause. */
export const STABLE_MS = 10_000;
/** An attempt over all addresses that takes longer than this is given up; its owner limits each of them. */
export const OPEN_LIMIT_MS = 60_000;
/** A `welcome` that takes longer than this is given up; in a crowd one waits for its turn. */
export const GREET_LIMIT_MS = 40_000;
/** Silence after which we ask whether the other end is there. */
export const QUIET_MS = 25_000;
/** How long the answer to that may take. */
export const PONG_LIMIT_MS = 8_000;
/**
 * So long may the server take a connection that ended for living, or a `hello` be on its way: who is replaced within this
 * time was replaced by its own past.
 */
export const GHOST_MS = 60_000;
/** A nudge pings a connection that was silent for this long: a laptop that wakes up holds a dead socket. */
export const NUDGE_QUIET_MS = 3_000;

export class Connection {
  phase: Phase = "idle";
  /** The code of the last close, for the text that a person sees. */
  closeCode = 0;
  /** When `tick` is wanted next; undefined: not at all. */
  wakeAt: number | undefined;
  private failures = 0;
  private readyAt = 0;
  private heardAt = 0;
  /** When a connection last ended otherwise than by being replaced. */
  private brokeAt = -Infinity;
  private pinged = false;
  /** A token that was refreshed and refused again is no token. */
  private refreshedInVain = false;
  /** The server said not to come before this. */
  private notBefore = 0;
  /** The next close is followed by another attempt at once, whatever its code. */
  private isToComeAgain = false;

  /** `isWatched`: whether a person has the page before them. */
  constructor(private readonly random: () => number, private readonly isWatched: () => boolean = () => true) {}

  on(input: Input, now: number): Effect[] {
    switch (input.in) {
      case "start":
        return this.active ? [] : this.open(now);
      case "stop":
        return this.stop();
      case "opened":
        return this.phase === "opening" ? this.enter("greeting", now + GREET_LIMIT_MS, ["hello"]) : [];
      case "welcome":
        return this.welcome(now);
      case "frame":
        return this.heard(now);
      case "closed":
        return this.closed(input.code, now);
      case "tick":
        return this.wakeAt !== undefined && now >= this.wakeAt ? this.due(now) : [];
      case "nudge":
        return this.nudge(now);
      case "refused":
        return this.refused(input.retryAfterMs, input.again, now);
      case "refreshed":
        this.notBefore = Math.max(this.notBefore, now + (input.retryAfterMs ?? 0));
        return this.refreshed(input.ok, input.final, now);
    }
  }

  /** Whether a socket exists or will exist without anybody's doing. */
  get active(): boolean {
    return !["idle", "replaced", "loggedOut", "halted"].includes(this.phase);
  }

  private enter(phase: Phase, wakeAt: number | undefined, effects: Effect[]): Effect[] {
    this.phase = phase;
    this.wakeAt = wakeAt;
    return effects;
  }

  private open(now: number): Effect[] {
    this.pinged = this.isToComeAgain = false;
    return this.enter("opening", now + OPEN_LIMIT_MS, ["open"]);
  }

  private stop(): Effect[] {
    const effects: Effect[] = this.hasSocket ? ["drop"] : [];
    this.failures = 0;
    this.isToComeAgain = false;
    return this.enter("idle", undefined, effects);
  }

  private get hasSocket(): boolean {
    return this.phase === "opening" || this.phase === "greeting" || this.phase === "ready";
  }

  private welcome(now: number): Effect[] {
    if (this.phase !== "greeting") return [];
    this.readyAt = now;
    this.refreshedInVain = false;
    return this.enter("ready", now + QUIET_MS, []);
  }

  private heard(now: number): Effect[] {
    this.heardAt = now;
    if (this.phase === "ready") {
      this.pinged = false;
      this.wakeAt = now + QUIET_MS;
    }
    return [];
  }

  private closed(code: number, now: number): Effect[] {
    if (!this.hasSocket) return [];
    this.closeCode = code;
    const wasStable = this.phase === "ready" && now - this.readyAt >= STABLE_MS;
    this.failures = wasStable ? 0 : this.failures;
    if (this.isToComeAgain) return this.open(now);
    const advice = adviceFor(code);
    const isGhost = now - this.brokeAt < GHOST_MS;
    if (advice !== "replaced") this.brokeAt = now;
    switch (advice) {
      case "replaced":
        return isGhost ? this.wait(now) : this.enter("replaced", undefined, []);
      case "halt":
        return this.enter("halted", undefined, []);
      case "login":
        return this.refreshedInVain
          ? this.enter("loggedOut", undefined, [])
          : this.enter("refreshing", undefined, ["refresh"]);
      case "reconnect":
        return this.wait(now);
    }
  }

  /** Full jitter over an exponential pause: many clients that lost one server come back spread out. */
  private wait(now: number): Effect[] {
    const longest = this.isWatched() ? BACKOFF_WATCHED_MS : BACKOFF_MAX_MS;
    const ceiling = Math.min(longest, BACKOFF_FIRST_MS * 2 ** this.failures);
    this.failures = Math.min(this.failures + 1, 16);
    return this.enter("waiting", Math.max(now, this.notBefore) + this.drawn(ceiling), []);
  }

  private drawn(ceiling: number): number {
    return ceiling * (0.25 + 0.75 * this.random());
  }

  private refused(retryAfterMs: number, again: boolean, now: number): Effect[] {
    if (!this.hasSocket) return [];
    this.notBefore = Math.max(this.notBefore, now + retryAfterMs);
    this.isToComeAgain ||= again;
    return [];
  }

  private due(now: number): Effect[] {
    if (this.phase === "waiting") return this.open(now);
    if (this.phase === "opening" || this.phase === "greeting") return this.givenUp(now);
    if (this.phase !== "ready") return this.enter(this.phase, undefined, []);
    return this.pinged ? this.givenUp(now) : this.ping(now);
  }

  private givenUp(now: number): Effect[] {
    this.brokeAt = now;
    return ["drop", ...this.wait(now)];
  }

  private ping(now: number): Effect[] {
    this.pinged = true;
    this.wakeAt = now + PONG_LIMIT_MS;
    return ["ping"];
  }

  private nudge(now: number): Effect[] {
    if (this.phase === "waiting") return this.tryNow(now);
    const quiet = this.phase === "ready" && !this.pinged && now - this.heardAt >= NUDGE_QUIET_MS;
    return quiet ? this.ping(now) : [];
  }

  /** Somebody looks, or the network is another: what failed before says nothing. What the server asked for still holds. */
  private tryNow(now: number): Effect[] {
    this.failures = 0;
    if (now >= this.notBefore) return this.open(now);
    this.wakeAt = Math.min(this.wakeAt ?? Infinity, this.notBefore + this.drawn(BACKOFF_FIRST_MS));
    return [];
  }

  private refreshed(ok: boolean, final: boolean, now: number): Effect[] {
    if (this.phase !== "refreshing") return [];
    if (ok) {
      this.refreshedInVain = true;
      return this.open(now);
    }
    return final ? this.enter("loggedOut", undefined, []) : this.wait(now);
  }
}
