/** Keeps the reader's place while messages come and go above and below. */
import type { RefObject, TargetedEvent } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Room } from "../store/room";
import { engine } from "./state";
import { atEnd, isFollowing, slide, type Window } from "./window";

/** So close to the end counts as at the end. */
const END_PX = 48;
/** Nearer than this to an edge, the window slides. */
const EDGE_PX = 900;

interface Anchor {
  seq: string;
  top: number;
}

interface Scroll {
  scroller: RefObject<HTMLDivElement>;
  isAtEnd: boolean;
  onScroll: (event: TargetedEvent<HTMLDivElement>) => void;
  toEnd: () => void;
}

const distance = (box: HTMLElement): number => box.scrollHeight - box.scrollTop - box.clientHeight;

/** The first row that is in sight, and where it stands. */
function anchorOf(box: HTMLElement): Anchor | undefined {
  const top = box.getBoundingClientRect().top;
  for (const row of box.querySelectorAll<HTMLElement>("[data-seq]")) {
    const place = row.getBoundingClientRect();
    if (place.bottom > top) return { seq: row.dataset.seq ?? "", top: place.top - top };
  }
  return undefined;
}

function restore(box: HTMLElement, anchor: Anchor | undefined): void {
  const row = anchor && box.querySelector<HTMLElement>(`[data-seq="${anchor.seq}"]`);
  if (!row) return;
  box.scrollTop += row.getBoundingClientRect().top - box.getBoundingClientRect().top - anchor.top;
}

export function useScroll(room: Room, view: Window, setView: (view: Window) => void, startsAtUnread: boolean): Scroll {
  const scroller = useRef<HTMLDivElement>(null);
  const anchor = useRef<Anchor>();
  const pinned = useRef(!startsAtUnread);
  const hasStarted = useRef(false);
  const [isAtEnd, setAtEnd] = useState(!startsAtUnread);
  const { lo, hi } = room.log;

  const note = (box: HTMLElement): void => {
    pinned.current = isFollowing(view) && distance(box) < END_PX;
    anchor.current = anchorOf(box);
    setAtEnd(pinned.current);
  };
  const move = (box: HTMLElement): void => {
    const place = { isNearTop: box.scrollTop < EDGE_PX, isNearEnd: distance(box) < EDGE_PX, isPinned: pinned.current };
    const next = slide(view, room.log, place);
    if (next !== view) setView(next);
    else if (place.isNearTop && lo > 0) void engine.value?.chat.upkeep.loadOlder(room.id);
  };

  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box) return;
    if (!hasStarted.current && hi > 0) {
      hasStarted.current = true;
      const line = box.querySelector<HTMLElement>(".unread-line");
      if (line) box.scrollTop = line.offsetTop - box.clientHeight / 4;
      else box.scrollTop = box.scrollHeight;
    } else if (pinned.current && isFollowing(view)) box.scrollTop = box.scrollHeight;
    else restore(box, anchor.current);
    note(box);
    move(box);
  });

  useEffect(() => {
    const box = scroller.current;
    if (!box || !("ResizeObserver" in globalThis)) return undefined;
    const observer = new ResizeObserver(() => {
      if (pinned.current) box.scrollTop = box.scrollHeight; // a phone's keyboard opened, the composer grew
    });
    observer.observe(box);
    return () => observer.disconnect();
  }, []);

  const onScroll = (event: TargetedEvent<HTMLDivElement>): void => {
    note(event.currentTarget);
    move(event.currentTarget);
  };
  const toEnd = (): void => {
    pinned.current = true;
    setAtEnd(true);
    setView(atEnd(hi));
    const box = scroller.current;
    if (box) box.scrollTop = box.scrollHeight;
  };
  return { scroller, isAtEnd, onScroll, toEnd };
}
