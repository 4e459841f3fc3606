/** The HTTP API: accounts, login in steps, refresh, logout. Refusals are thrown as `Refusal`. */
import { decodeFailure } from "../protocol/decode";
import { OFFLINE, Refusal } from "../store/requests";
import type { Credentials } from "./session";

export type LoginStep = { credentials: Credentials } | { next: string; ticket: string };

/** The server's base, also when the page lies below a path. */
const url = (path: string): URL => new URL(`/api/v1/${path}`, location.origin);

/** Connection of the wire protocol, on the same origin. */
export function socketUrl(): URL {
  const socket = new URL("/ws", location.origin);
  socket.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return socket;
}

/** How long the answer to `GET /connect` is waited for. */
const CONNECT_LIMIT_MS = 10_000;

/**
 * The edges that the server names, best first; empty where it names none, undefined where nobody answers. Asked at the
 * page's own origin before each connection, so it is also what finds out cheaply whether the server is back. Throws a
 * `Refusal` where it says when to come again.
 */
export async function edges(): Promise<string[] | undefined> {
  let response: Response;
  let value: { edges?: unknown };
  try {
    const signal = AbortSignal.timeout(CONNECT_LIMIT_MS);
    response = await fetch(new URL("/connect", location.origin), { cache: "no-store", signal });
    value = response.ok ? ((await response.json()) as { edges?: unknown }) : {};
  } catch {
    return undefined; // no network, no answer in time, or one that is none
  }
  const retryAfter = Number(response.headers.get("Retry-After"));
  if ((response.status === 503 || response.status === 429) && retryAfter > 0) {
    throw new Refusal({ code: "overloaded", text: "", retry: true, retry_after: retryAfter, fields: {} });
  }
  if (response.status >= 500) return undefined;
  return Array.isArray(value.edges) ? value.edges.filter((edge) => typeof edge === "string") : [];
}

async function call(path: string, body: unknown, token?: string): Promise<Record<string, unknown>> {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  let response: Response;
  try {
    response = await fetch(url(path), { method: "POST", headers, body: JSON.stringify(body) });
  } catch {
    throw new Refusal(OFFLINE); // fetch says no more than that it did not work
  }
  const value = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  if (response.ok) return value;
  const failure = decodeFailure(value);
  if (typeof value.code !== "string" && response.status >= 502) throw new Refusal({ ...failure, code: "unavailable", retry: true });
  throw new Refusal(failure);
}

function credentialsOf(value: Record<string, unknown>): Credentials {
  const { user, device, display, token, refresh } = value;
  return { user: String(user), device: String(device), display: String(display || user), token: String(token), refresh: String(refresh) };
}

function stepOf(value: Record<string, unknown>): LoginStep {
  if (typeof value.token === "string") return { credentials: credentialsOf(value) };
  return { next: String(value.next), ticket: String(value.ticket) };
}

export async function register(name: string, display: string, password: string): Promise<Credentials> {
  const body = { name, password, device_name: deviceName(), ...(display ? { display } : {}) };
  return credentialsOf(await call("accounts", body));
}

export async function login(name: string, password: string): Promise<LoginStep> {
  return stepOf(await call("login", { name, password, device_name: deviceName() }));
}

export async function answerStep(ticket: string, factor: string, value: string): Promise<LoginStep> {
  return stepOf(await call(`login/${encodeURIComponent(ticket)}`, { factor, value }));
}

export async function refresh(old: Credentials): Promise<Credentials> {
  const value = await call("refresh", { refresh: old.refresh });
  return { ...old, token: String(value.token), refresh: String(value.refresh ?? old.refresh) };
}

export async function logout(credentials: Credentials): Promise<void> {
  await call("logout", {}, credentials.token);
}

/** End the account for good. */
export async function deleteAccount(credentials: Credentials, password: string): Promise<void> {
  await call("me/delete", { password }, credentials.token);
}

/** A name that a person recognises in a list of devices. */
function deviceName(): string {
  const agent = navigator.userAgent;
  const browser = /Firefox|Edg|OPR|Chrome|Safari/.exec(agent)?.[0] ?? "Browser";
  const system = /Android|iPhone|iPad|Windows|Mac OS X|CrOS|Linux/.exec(agent)?.[0] ?? "";
  const names: Record<string, string> = { Edg: "Edge", OPR: "Opera", "Mac OS X": "macOS", CrOS: "ChromeOS" };
  return [names[browser] ?? browser, names[system] ?? system].filter(Boolean).join(" · ");
}
