/** What a WebSocket close code asks of the client. The ranges are the contract; single codes only refine them. */

/** A newer connection of this device took over. */
export const REPLACED = 4004;
/** Codes of the WebSocket protocol itself that blame what this client sent: it would send the same again. */
const MALFORMED: ReadonlySet<number> = new Set([1002, 1003, 1007, 1009]);

export type Advice =
  /** Connect again after a jittered backoff. */
  | "reconnect"
  /** Somebody else uses this device's token now: connecting again by itself would start a fight. */
  | "replaced"
  /** The token is of no use any more. */
  | "login"
  /** The same again would fail again. */
  | "halt";

export function adviceFor(code: number): Advice {
  if (code === REPLACED) return "replaced";
  if (code >= 4100 && code <= 4199) return "login";
  if ((code >= 4200 && code <= 4299) || MALFORMED.has(code)) return "halt";
  return "reconnect";
}
