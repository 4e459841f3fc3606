/** What tabs of one device tell each other. The leading tab owns the connection; the others mirror it. */
import type { Command, Event } from "../protocol/frames";
import type { Phase } from "../protocol/connection";
import type { OutPost } from "../store/outbox";

export type TabMessage =
  /** A tab is new or awake: who leads, and how far are you? */
  | { k: "hi" }
  /** From the leader: how the connection stands. */
  | { k: "phase"; phase: Phase; closeCode: number }
  /** From the leader: a frame of the server. */
  | { k: "event"; event: Event }
  /** From the leader: all unanswered posts of a room. */
  | { k: "lane"; room: string; posts: OutPost[]; next: number }
  /** To the leader. */
  | { k: "command"; command: Command }
  | { k: "post"; room: string; id: string; body: string }
  | { k: "retry"; room: string; id: string; newId: string }
  | { k: "discard"; room: string; id: string }
  /** The person wants the connection back in this browser. */
  | { k: "start" }
  | { k: "nudge" }
  /** From any tab: the person has seen a room up to there. */
  | { k: "seen"; room: string; seq: number };

/** The part of `BroadcastChannel` that is used; tests hand in a pair of their own. */
export interface TabChannel {
  postMessage(message: TabMessage): void;
  onmessage: ((message: MessageEvent<TabMessage>) => void) | null;
  close(): void;
}

export function openTabs(device: string): TabChannel {
  return new BroadcastChannel(`warbler.tabs.${device}`);
}
