/** What an engine needs of the world; the page hands in the browser's, tests their own. */
import type { Phase } from "../protocol/connection";
import type { Keeper } from "../store/snapshot";
import type { Shelf } from "./handed";
import type { Leadership, LeadershipEvents } from "./leadership";
import type { Socket } from "./opening";
import type { Credentials } from "./session";
import type { TabChannel } from "./tabs";

export interface Surroundings {
  keeper: Keeper;
  shelf: Shelf | undefined;
  tabs: TabChannel;
  /** Where the next connection may be opened, in the order of trying. */
  addresses(): Promise<readonly string[]>;
  /** Of the addresses in a `move` those that may be used, in the order of trying. */
  usable(named: readonly string[]): readonly string[];
  openSocket(url: string): Socket;
  lead(events: LeadershipEvents): Leadership;
  /** New tokens for old ones; throws a `Refusal`. */
  refresh(old: Credentials): Promise<Credentials>;
  /** The tokens as they are kept now, for all tabs. */
  current(): Credentials | undefined;
  /** The tokens changed, or (undefined) are of no use any more. */
  session(credentials: Credentials | undefined): void;
  /** Something to show changed: a room, or (undefined) the list. */
  changed(room: string | undefined): void;
  phase(phase: Phase, closeCode: number): void;
  /** A word of the operators, for people. */
  notice(text: string): void;
  /** Whether a person has this page before them. */
  isVisible(): boolean;
  /** From 0 to below 1. */
  random(): number;
}
