/**
 * Puts the parts together for one logged-in device in one tab: kept state, connection, the other tabs. It is the
 * only place that knows all of them; the page talks to it and to its `chat`.
 */
import { Refusal } from "../store/requests";
import { BACKOFF_WATCHED_MS, type Phase } from "../protocol/connection";
import type { Asking, Command, Event } from "../protocol/frames";
import { cleanText, randomId } from "../protocol/text";
import { Chat } from "../store/chat";
import type { OutPost } from "../store/outbox";
import type { Snapshot } from "../store/snapshot";
import { Handed } from "./handed";
import { Line } from "./line";
import type { Leadership } from "./leadership";
import type { Credentials } from "./session";
import type { Surroundings } from "./surroundings";
import type { TabMessage } from "./tabs";

/** Changes wait this long before they are stored, so that a busy room is one write. */
const SAVE_AFTER_MS = 250;
/** A leading tab that has not answered by then is asleep or stuck. */
const LEADER_LIMIT_MS = 2_000;
/** A person's request waits this long for a connection that is just coming up, before it is refused. */
const PATIENCE_MS = 8_000;
const AGENT = "warbler-web/0.1";

export class Engine {
  readonly chat: Chat;
  phase: Phase = "idle";
  closeCode = 0;
  private readonly line: Line;
  private readonly leadership: Leadership;
  private readonly handed: Handed;
  private saveTimer: ReturnType<typeof setTimeout> | undefined;
  private wakeTimer: ReturnType<typeof setTimeout> | undefined;
  private leaderTimer: ReturnType<typeof setTimeout> | undefined;
  private watchTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly awaitingReady = new Set<() => void>();
  private saving: Promise<void> = Promise.resolve();
  private isStopped = false;
  /** Counts the times that this tab lost the lead: what began before does not go on after. */
  private losses = 0;

  constructor(private credentials: Credentials, private readonly around: Surroundings) {
    const port = { send: (c: Command) => this.send(c), changed: (room?: string) => this.changed(room), now: () => Date.now() };
    const base = (1 + Math.floor(Math.random() * 2 ** 20)) * 2 ** 32; // tells the questions of several tabs apart
    this.handed = new Handed(credentials.device, around.shelf);
    this.chat = new Chat({ user: credentials.user, device: credentials.device, display: credentials.display }, port, base);
    this.line = new Line({
      addresses: () => around.addresses(),
      usable: (named) => around.usable(named),
      openSocket: (url) => around.openSocket(url),
      hello: (v, ticket) => ({ t: "hello", v, token: this.credentials.token, since: this.chat.since, agent: AGENT, ticket }),
      mayMove: () => this.chat.requests.isEmpty,
      moved: () => this.moved(),
      stayed: () => this.goOn(),
      refresh: () => this.refresh(),
      event: (event) => this.fromServer(event),
      phase: (phase, closeCode) => this.linePhase(phase, closeCode),
      random: () => around.random(),
      isWatched: () => around.isVisible(),
    });
    this.leadership = around.lead({ gained: () => void this.gained(), lost: () => this.lost() });
  }

  async start(): Promise<void> {
    this.chat.adopt(await this.around.keeper.load());
    if (this.isStopped) return;
    this.around.tabs.onmessage = ({ data }) => this.fromTab(data);
    this.callLeader();
    this.leadership.seek();
  }

  /** End for good: log out, or another account. */
  async stop(erase: boolean): Promise<void> {
    this.isStopped = true;
    this.line.input({ in: "stop" });
    for (const timer of [this.saveTimer, this.wakeTimer, this.leaderTimer, this.watchTimer]) clearTimeout(timer);
    this.chat.leading = false;
    this.leadership.release();
    this.around.tabs.close();
    await this.saving;
    if (!erase) return;
    this.handed.clear();
    await this.around.keeper.erase();
  }

  // --- what the person does ---------------------------------------------------------------------------------------

  post(room: string, text: string): void {
    const id = randomId();
    const body = cleanText(text);
    this.handed.add(id, room, body, Date.now());
    this.toLeader({ k: "post", room, id, body });
    this.changed(room);
  }

  /** A room's posts that are not known to be stored on the server, also those that no tab has taken up yet. */
  unanswered(room: string): OutPost[] {
    const { outbox } = this.chat;
    return [...outbox.of(room), ...this.handed.all().filter((post) => post.room === room && !outbox.has(room, post.id))];
  }

  retryPost(room: string, id: string): void {
    this.toLeader({ k: "retry", room, id, newId: randomId() });
  }

  discardPost(room: string, id: string): void {
    this.toLeader({ k: "discard", room, id });
  }

  /** The person sees a room up to its end. */
  seen(room: string, seq: number): void {
    if (!this.chat.markRead(room, seq)) return;
    this.around.tabs.postMessage({ k: "seen", room, seq });
    this.wake();
  }

  /** Carry out a request of the person; throws a `Refusal`. */
  async ask(asking: Asking): Promise<void> {
    await this.untilReady();
    await this.chat.ask(asking);
  }

  /** The same for a request that is answered by a room; its id. */
  async askRoom(asking: Asking): Promise<string> {
    await this.untilReady();
    return this.chat.askRoom(asking);
  }

  /** Also not while the connection moves: the answer to what cannot be repeated could be lost between the two. */
  private async untilReady(): Promise<void> {
    if (this.phase === "ready" && !this.line.isMoving) return;
    await new Promise<void>((resolve) => {
      this.awaitingReady.add(resolve);
      setTimeout(resolve, PATIENCE_MS);
    });
  }

  /** Use the connection here, after another window took it or after it was given up. */
  startAgain(): void {
    this.toLeader({ k: "start" });
  }

  /** The network is back or the page became visible. */
  nudge(): void {
    if (this.chat.leading) this.line.input({ in: "nudge" });
    else {
      this.around.tabs.postMessage({ k: "nudge" });
      this.callLeader();
    }
  }

  /** Store what is not stored yet; for when the page is about to go. */
  flush(): void {
    void this.save();
  }

  // --- who leads --------------------------------------------------------------------------------------------------

  private async gained(): Promise<void> {
    clearTimeout(this.leaderTimer);
    const { losses } = this;
    await this.saving;
    this.credentials = this.around.current() ?? this.credentials; // the last leader may have refreshed them
    const snapshot = await this.around.keeper.load(); // and stored more than it told
    this.chat.adopt(snapshot);
    if (this.isStopped || losses !== this.losses) return;
    clearTimeout(this.leaderTimer);
    this.chat.leading = true;
    this.takeUpHanded(snapshot);
    this.line.input({ in: "start" });
    void this.pump();
  }

  /** Own posts that no leader has taken up; one that it sent before it went is among the entries. */
  private takeUpHanded(snapshot: Snapshot): void {
    const sent = new Set(snapshot.rooms.flatMap(({ tail }) => tail.map(({ id }) => id)));
    for (const { id, room, body } of this.handed.all()) {
      if (sent.has(id) || this.chat.outbox.has(room, id)) this.handed.drop(id);
      else this.chat.post(room, id, body);
    }
  }

  private lost(): void {
    this.losses += 1;
    this.chat.leading = false;
    this.line.input({ in: "stop" });
    this.chat.disconnected();
    this.callLeader();
  }

  /** Ask the leader to answer, and take over where it does not. */
  private callLeader(): void {
    if (this.chat.leading || this.isStopped) return;
    clearTimeout(this.leaderTimer);
    this.leaderTimer = setTimeout(() => this.leadership.seize(), LEADER_LIMIT_MS);
    this.around.tabs.postMessage({ k: "hi" });
  }

  private toLeader(message: TabMessage): void {
    if (this.chat.leading) return this.handle(message);
    this.around.tabs.postMessage(message);
    this.callLeader();
  }

  private fromTab(message: TabMessage): void {
    if (message.k === "seen") {
      this.chat.markRead(message.room, message.seq);
      return this.wake();
    }
    if (this.chat.leading) this.handle(message);
    else this.mirror(message);
  }

  /** As the leader: what a tab wants. */
  private handle(message: TabMessage): void {
    switch (message.k) {
      case "hi": return this.introduce();
      case "command": return this.forward(message.command);
      case "post": this.chat.post(message.room, message.id, message.body); break;
      case "retry": this.chat.retryPost(message.room, message.id, message.newId); break;
      case "discard": this.chat.discardPost(message.room, message.id); break;
      case "start": return this.line.input({ in: "start" });
      case "nudge": return this.line.input({ in: "nudge" });
      default: return; // another leader's words, just before it hears that it is none
    }
    void this.pump();
  }

  private introduce(): void {
    const { chat, around } = this;
    around.tabs.postMessage({ k: "phase", phase: this.line.phase, closeCode: this.line.closeCode });
    for (const room of chat.outbox.rooms()) this.tellLane(room);
    const heads = Object.fromEntries([...chat.rooms.values()].map((room) => [room.id, room.head]));
    around.tabs.postMessage({ k: "event", event: { t: "lagging", heads } });
  }

  private forward(command: Command): void {
    if (this.line.send(command) || !("q" in command)) return;
    const event: Event = { t: "error", q: command.q, code: "offline", text: "", retry: true, retry_after: null, fields: {} };
    this.around.tabs.postMessage({ k: "event", event });
  }

  /** As a follower: what the leader says. */
  private mirror(message: TabMessage): void {
    if (message.k === "event") {
      this.chat.receive(message.event);
      if (message.event.t === "notice") this.around.notice(message.event.text);
      this.wake();
    }
    if (message.k === "lane") {
      this.chat.outbox.mirror(message.room, message.posts, message.next);
      for (const post of message.posts) this.handed.drop(post.id);
      this.changed(message.room);
    }
    if (message.k === "phase") this.mirrorPhase(message.phase, message.closeCode);
  }

  private mirrorPhase(phase: Phase, closeCode: number): void {
    clearTimeout(this.leaderTimer);
    for (const { id, room, body } of this.handed.all()) this.around.tabs.postMessage({ k: "post", room, id, body });
    if (phase === "ready" && this.phase !== "ready") this.chat.upkeep.ready();
    if (phase !== "ready" && this.phase === "ready") this.chat.disconnected();
    this.show(phase, closeCode);
    this.watch(phase);
  }

  /** The leader may be hidden, and its browser lets its timers sleep: who sees this tab waits no longer for that. */
  private watch(phase: Phase): void {
    clearTimeout(this.watchTimer);
    if (phase !== "waiting" || !this.around.isVisible()) return;
    const pauseMs = BACKOFF_WATCHED_MS * (0.25 + 0.75 * this.around.random());
    this.watchTimer = setTimeout(() => this.phase === "waiting" && this.nudge(), pauseMs);
  }

  // --- the connection ---------------------------------------------------------------------------------------------

  private send(command: Command): boolean {
    if (this.chat.leading) return this.line.send(command);
    if (this.phase !== "ready") return false;
    this.around.tabs.postMessage({ k: "command", command });
    return true;
  }

  private fromServer(event: Event): void {
    this.around.tabs.postMessage({ k: "event", event });
    this.chat.receive(event);
    if (event.t === "notice") this.around.notice(event.text);
    void this.pump();
  }

  private linePhase(phase: Phase, closeCode: number): void {
    if (!this.chat.leading) return this.show("waiting", closeCode);
    if (phase !== "ready" && this.phase === "ready") this.chat.disconnected();
    this.around.tabs.postMessage({ k: "phase", phase, closeCode });
    this.show(phase, closeCode);
    if (phase === "loggedOut") this.around.session(undefined);
  }

  /** What was under way is repeated after the welcome; nobody is shown that the connection changed. */
  private moved(): void {
    this.chat.disconnected();
    for (const phase of ["waiting", "ready"] as const) this.around.tabs.postMessage({ k: "phase", phase, closeCode: this.line.closeCode });
    this.goOn();
  }

  private show(phase: Phase, closeCode: number): void {
    this.phase = phase;
    this.closeCode = closeCode;
    this.around.phase(phase, closeCode);
    if (phase === "ready") this.goOn();
  }

  private goOn(): void {
    for (const resolve of this.awaitingReady) queueMicrotask(resolve); // after the welcome, which is on its way, was taken in
    this.awaitingReady.clear();
  }

  private async refresh(): Promise<{ ok: boolean; final: boolean; retryAfterMs?: number }> {
    const current = this.around.current();
    if (current?.device === this.credentials.device && current.token !== this.credentials.token) {
      this.credentials = current; // another tab has done it: the old refresh token must not be shown again
      return { ok: true, final: false };
    }
    try {
      this.credentials = await this.around.refresh(this.credentials);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { ok: false, final: !error.failure.retry, retryAfterMs: 1000 * (error.failure.retry_after ?? 0) };
    }
    this.around.session(this.credentials);
    return { ok: true, final: false };
  }

  // --- storing, sending, waking -----------------------------------------------------------------------------------

  private changed(room: string | undefined): void {
    this.around.changed(room);
    if (this.chat?.leading && this.saveTimer === undefined) this.saveTimer = setTimeout(() => void this.save(), SAVE_AFTER_MS);
  }

  private save(): Promise<void> {
    clearTimeout(this.saveTimer);
    this.saveTimer = undefined;
    if (this.chat.leading) this.saving = this.saving.then(() => this.saveNow());
    return this.saving;
  }

  private async saveNow(): Promise<void> {
    if (!this.chat.leading) return;
    const change = this.chat.takeChange();
    const held = this.chat.upkeep.held();
    if (change) {
      try {
        await this.around.keeper.save(change);
      } catch (error) {
        console.warn("not kept on this device", error); // the storage is full: it still works, until the page is closed
      }
      for (const lane of change.lanes) this.laneSaved(lane.room, lane.posts.map((post) => post.id));
    }
    this.chat.upkeep.saved(held);
    this.wake();
  }

  private laneSaved(room: string, ids: readonly string[]): void {
    for (const id of ids) this.handed.drop(id);
    this.tellLane(room);
  }

  private tellLane(room: string): void {
    const { outbox } = this.chat;
    this.around.tabs.postMessage({ k: "lane", room, posts: outbox.of(room), next: outbox.counter(room) });
  }

  /** Send what may be sent. A number is stored before it is used, so that no reload uses it twice. */
  private async pump(): Promise<void> {
    const { chat } = this;
    if (!chat.leading) return;
    for (const room of chat.outbox.settle()) chat.touchLane(room);
    while (chat.lanesDirty && chat.leading) await this.save();
    if (chat.leading && this.line.phase === "ready") {
      for (const { room, n, id, body } of chat.outbox.takeSendable(Date.now())) this.line.send({ t: "post", room, n, id, body });
    }
    this.wake();
  }

  private wake(): void {
    clearTimeout(this.wakeTimer);
    if (this.isStopped) return;
    const now = Date.now();
    const paused = this.chat.outbox.wakeAt(now);
    const times = [this.chat.upkeep.tick(now), paused].filter((time) => time !== undefined);
    if (times.length) this.wakeTimer = setTimeout(() => void this.pump(), Math.max(10, Math.min(...times) - now));
  }
}
