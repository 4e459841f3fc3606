/** The bridge from the engine, which knows no page, to the page: signals that say when to look again. */
import { batch, signal, type Signal } from "@preact/signals";
import type { Phase } from "../protocol/connection";
import { t } from "../i18n";
import { NOBODY, titleOf as plainTitle, type Room } from "../store/room";
import { deleteAccount, edges, logout, refresh, socketUrl } from "../client/api";
import { openKeeper, sweepKeepers } from "../client/database";
import { Edges } from "../client/edges";
import { Engine } from "../client/engine";
import { openShelf } from "../client/handed";
import { openLeadership } from "../client/leadership";
import { loadSession, onSessionChange, saveSession, type Credentials } from "../client/session";
import { openTabs } from "../client/tabs";
import { addToDraft, clearDrafts, openDrafts } from "./drafts";

export const engine = signal<Engine | undefined>(undefined);
export const phase = signal<Phase>("idle");
/** Whether the login ended by itself, to say so above the form. */
export const wasLoggedOut = signal(false);
/** The last word of the operators, until it is put away. */
export const notice = signal("");
/** A fault in this page that nobody expected: said, so that a person can reload. */
export const isBroken = signal(false);
/** Counts changes of the list of conversations. */
export const listTick = signal(0);
const roomTicks = new Map<string, Signal<number>>();
/** What changed since the last frame; undefined stands for the list. */
const changed = new Set<string | undefined>();
/** A hidden page draws no frames; its title still has to change. */
const HIDDEN_FRAME_MS = 200;

function tickOf(id: string): Signal<number> {
  let tick = roomTicks.get(id);
  if (!tick) roomTicks.set(id, (tick = signal(0)));
  return tick;
}

function announce(): void {
  batch(() => {
    for (const id of changed) {
      const tick = id === undefined ? listTick : tickOf(id);
      tick.value += 1;
    }
  });
  changed.clear();
}

/** Many frames of the server become one redraw. */
function note(id: string | undefined): void {
  if (changed.size === 0) {
    if (document.visibilityState === "visible") requestAnimationFrame(announce);
    else setTimeout(announce, HIDDEN_FRAME_MS);
  }
  changed.add(id);
}

/** The room, and a redraw of the asking component whenever it changes. */
export function useRoom(id: string): Room | undefined {
  void tickOf(id).value;
  return engine.value?.chat.rooms.get(id);
}

export function nameOf(user: string): string {
  const name = engine.peek()?.chat.people.get(user);
  return name === NOBODY ? t("user.deleted") : (name ?? user);
}

/** The title of a conversation, for people. */
export const titleOf = (room: Room): string => plainTitle(room) || t("user.deleted");

export const me = (): string => engine.peek()?.chat.me.user ?? "";

async function begin(credentials: Credentials): Promise<void> {
  const { device } = credentials;
  const keeper = await openKeeper(device);
  const places = new Edges(socketUrl().href, edges);
  const made = new Engine(credentials, {
    keeper,
    shelf: openShelf(),
    tabs: openTabs(device),
    addresses: () => places.candidates(),
    usable: (named) => places.usable(named),
    openSocket: (url) => new WebSocket(url),
    lead: (events) => openLeadership(device, events),
    refresh,
    current: loadSession,
    session: (changedTo) => (changedTo ? saveSession(changedTo) : void end(true)),
    changed: note,
    phase: (now) => (phase.value = now),
    notice: (text) => (notice.value = text),
    isVisible: () => document.visibilityState === "visible",
    random: Math.random,
  });
  wasLoggedOut.value = false;
  openDrafts(credentials.user);
  engine.value = made;
  await made.start();
}

/** The login ended by itself: what was written and not sent waits as a draft for the next one. */
function saveUnsent(old: Engine): void {
  const { outbox } = old.chat;
  for (const post of outbox.rooms().flatMap((room) => outbox.of(room))) addToDraft(post.room, post.body);
}

/** Leave the account. What is kept on this device goes with it. */
async function end(byServer: boolean): Promise<void> {
  const old = engine.peek();
  if (byServer && old) saveUnsent(old);
  if (!byServer) clearDrafts();
  engine.value = undefined;
  roomTicks.clear();
  wasLoggedOut.value = byServer;
  if (byServer || loadSession()?.device === old?.chat.me.device) saveSession(undefined);
  await old?.stop(true);
}

export async function enter(credentials: Credentials): Promise<void> {
  saveSession(credentials);
  await begin(credentials);
}

/** Log out; the device's token ends on the server too, where it can be reached. */
export async function leave(): Promise<void> {
  const credentials = loadSession();
  const told = credentials && logout(credentials).catch((error: unknown) => console.warn("the server did not hear of the logout", error));
  await end(false);
  location.hash = "";
  await told;
}

/** Delete the account, for good; the page is then as after a logout. Throws a `Refusal`, and nothing has happened. */
export async function deleteMyself(password: string): Promise<void> {
  const credentials = loadSession();
  if (!credentials) return;
  await deleteAccount(credentials, password);
  await end(false);
  location.hash = "";
}

/** Bring up the account that was logged in when the page was last open, and follow what other tabs do. */
export async function startPage(): Promise<void> {
  onSessionChange((credentials) => {
    const device = engine.peek()?.chat.me.device;
    if (credentials?.device === device) return;
    location.reload(); // another account, or none: start clean
  });
  addEventListener("error", ({ error }) => (isBroken.value ||= error !== undefined && error !== null)); // a notice of the browser has no error
  addEventListener("unhandledrejection", () => (isBroken.value = true));
  addEventListener("online", () => engine.peek()?.nudge());
  addEventListener("pagehide", () => engine.peek()?.flush());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") engine.peek()?.nudge();
    else engine.peek()?.flush();
  });
  void sweepKeepers(() => loadSession()?.device);
  const credentials = loadSession();
  if (credentials) await begin(credentials);
}
