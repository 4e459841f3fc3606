/** Who is logged in on this browser: one account, one device, kept for all tabs. */

export interface Credentials {
  user: string;
  device: string;
  display: string;
  token: string;
  refresh: string;
}

const KEY = "warbler.session";

export function loadSession(): Credentials | undefined {
  try {
    const value = JSON.parse(localStorage.getItem(KEY) ?? "null") as Credentials | null;
    return value && value.token && value.device ? value : undefined;
  } catch {
    return undefined; // storage is off or holds something else: log in again
  }
}

/** Keep it for the next page load; where storage is off, it lasts as long as the page. */
export function saveSession(credentials: Credentials | undefined): void {
  try {
    if (credentials) localStorage.setItem(KEY, JSON.stringify(credentials));
    else localStorage.removeItem(KEY);
  } catch (error) {
    console.warn("the login is not kept", error);
  }
}

/** Another tab logged in, out, or refreshed the tokens. */
export function onSessionChange(callback: (credentials: Credentials | undefined) => void): void {
  addEventListener("storage", (event) => {
    if (event.key === KEY || event.key === null) callback(loadSession());
  });
}
