/**
 * The stretch of a room's log that is in the page. It is bounded, so that ten thousand messages scroll like fifty; it
 * slides as the person scrolls and follows the newest message while they are at the end.
 */

/** Entries drawn at most. */
export const MOST = 260;
/** Entries added when the person comes near an edge. */
export const STEP = 80;

/** Seqs that are drawn, both ends included; `to` is Infinity while it follows the newest message. */
export interface Window {
  from: number;
  to: number;
}

export const isFollowing = (window: Window): boolean => window.to === Infinity;

/** The newest entries. */
export function atEnd(hi: number): Window {
  return { from: Math.max(1, hi - STEP), to: Infinity };
}

/** Around a seq, for example the first unread one. */
export function around(seq: number, hi: number): Window {
  const from = Math.max(1, seq - STEP / 2);
  return hi - from < MOST ? { from, to: Infinity } : { from, to: from + MOST - 1 };
}

/** Move towards older entries. */
export function slideUp(window: Window, hi: number): Window {
  const from = Math.max(1, window.from - STEP);
  const to = Math.min(window.to, hi);
  return to - from < MOST ? { from, to: window.to } : { from, to: from + MOST - 1 };
}

/** Move towards newer entries. */
export function slideDown(window: Window, hi: number): Window {
  const to = window.to + STEP;
  const from = Math.max(window.from, Math.min(to, hi) - MOST + 1);
  return { from, to: to >= hi ? Infinity : to };
}

/** While it follows: let go of what has scrolled far out above. */
export function follow(window: Window, hi: number): Window {
  return hi - window.from > MOST + STEP ? { from: hi - MOST, to: Infinity } : window;
}

/** Where the reader stands in the part that is drawn. */
export interface Place {
  isNearTop: boolean;
  isNearEnd: boolean;
  /** At the very end, and staying there. */
  isPinned: boolean;
}

/** The stretch to draw for a reader who stands there; the same object where nothing changes, so that drawing comes to rest. */
export function slide(window: Window, { lo, hi }: { lo: number; hi: number }, { isNearTop, isNearEnd, isPinned }: Place): Window {
  if (lo === 0) return window; // nothing is loaded yet
  const here = window.from < lo ? { from: lo, to: window.to } : window;
  if (isNearTop && here.from > lo) return slideUp(here, hi);
  if (isNearTop) return window;
  if (isNearEnd && !isFollowing(window)) return slideDown(here, hi);
  const followed = isPinned ? follow(here, hi) : here;
  return followed === here ? window : followed;
}
