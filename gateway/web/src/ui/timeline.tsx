/** The messages of the open conversation: a sliding window over the log that keeps its place. */
import { useEffect, useState } from "preact/hooks";
import { language, t } from "../i18n";
import { dayText } from "../i18n/time";
import { unread, type Room } from "../store/room";
import { happeningText } from "./happenings";
import { DownIcon } from "./icons";
import { Message } from "./message";
import { rowsOf, type Row } from "./rows";
import { engine, me, nameOf, phase, useRoom } from "./state";
import { useScroll } from "./scroll";
import { around, atEnd, isFollowing, type Window } from "./window";

/** Where to start: at the first unread message if it is loaded, else at the end. */
function startOf(room: Room): { view: Window; unreadAfter: number | undefined } {
  const { lo, hi } = room.log;
  if (unread(room, me()) === 0 || hi === 0) return { view: atEnd(hi), unreadAfter: undefined };
  const first = Math.max(room.read + 1, lo);
  return { view: around(first, hi), unreadAfter: room.read };
}

/** A person sees messages when the page is in front of them. */
const isAttentive = (): boolean => document.visibilityState === "visible" && document.hasFocus();

export function Timeline({ room, posts }: { room: Room; posts: number }) {
  void useRoom(room.id);
  const [start] = useState(() => startOf(room));
  const [view, setView] = useState(start.view);
  const [unreadAfter, setUnreadAfter] = useState(start.unreadAfter);
  const { scroller, isAtEnd, onScroll, toEnd } = useScroll(room, view, setView, unreadAfter !== undefined);
  const { hi } = room.log;
  const isLoaded = hi > 0 || room.vainAt >= 0;

  useEffect(() => {
    if (posts === 0) return;
    setUnreadAfter(undefined);
    toEnd();
  }, [posts]);

  useEffect(() => {
    const look = (): void => {
      if (isAttentive() && isAtEnd && isFollowing(view)) engine.value?.seen(room.id, hi);
      else if (!isAttentive() && hi > room.read) setUnreadAfter((now) => (now === undefined && unread(room, me()) > 0 ? room.read : now));
    };
    look();
    addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    return () => {
      removeEventListener("focus", look);
      document.removeEventListener("visibilitychange", look);
    };
  }, [room, hi, isAtEnd, view]);

  const pending = engine.value?.unanswered(room.id) ?? [];
  const rows = rowsOf(room, pending, view, unreadAfter, me());
  const isBeginning = room.log.lo > 0 && view.from <= room.log.lo && (room.log.lo <= room.first || !room.olderExists);
  const below = unread(room, me());
  return (
    <div class="timeline-box">
      <div class="timeline" ref={scroller} onScroll={onScroll} tabIndex={0} role="log" aria-live={isAtEnd ? "polite" : "off"} aria-label={t("room.messages")}
        data-testid="timeline">
        <div class="timeline-inner">
          {engine.value?.chat.upkeep.isLoadingOlder(room.id) && <p class="small-line" role="status">{t("room.loadingOlder")}</p>}
          {isBeginning && <p class="small-line">{t("room.start")}</p>}
          {!isLoaded && phase.value !== "idle" && <p class="small-line">{t("room.loading")}</p>}
          {rows.map((row) => <RowView key={row.key} row={row} room={room} />)}
        </div>
      </div>
      {(!isAtEnd || !isFollowing(view)) && (
        <button type="button" class="to-end" aria-label={t("room.toBottom")} title={t("room.toBottom")} data-testid="to-end" onClick={toEnd}>
          <DownIcon />
          {below > 0 && <span class="badge">{below > 99 ? "99+" : below}</span>}
        </button>
      )}
    </div>
  );
}

function RowView({ row, room }: { row: Row; room: Room }) {
  const isDirect = room.kind === "direct";
  switch (row.row) {
    case "day":
      return <div class="day" role="separator"><span>{dayText(row.at, Date.now())}</span></div>;
    case "unread":
      return <div class="unread-line" role="separator" data-testid="unread-line"><span>{t("room.newMessages")}</span></div>;
    case "happening":
      return <p class="happening" data-testid="happening" data-kind={row.entry.kind} data-seq={row.entry.seq}>{happeningText(row.entry, isDirect)}</p>;
    case "post":
      return (
        <Message seq={0} user={me()} name="" body={row.post.body} at={row.post.at} state={row.post.state === "failed" ? "failed" : "pending"}
          isMine isFirst={row.isFirst} isLast isDirect={isDirect} readers="" post={row.post} error={row.post.error?.code ?? ""}
          language={language.value} isOnline={phase.value === "ready"} />
      );
    case "text":
      return <TextRow row={row} room={room} isDirect={isDirect} />;
  }
}

function TextRow({ row, room, isDirect }: { row: Extract<Row, { row: "text" }>; room: Room; isDirect: boolean }) {
  const { entry } = row;
  if (room.members && !engine.peek()?.chat.people.has(entry.user)) engine.peek()?.chat.upkeep.lookUp(entry.user);
  const isMine = entry.user === me();
  const isRead = isDirect && (room.reads.get(room.peer) ?? 0) >= entry.seq;
  const state = isMine ? (isRead ? "read" : "sent") : "received";
  return (
    <Message seq={entry.seq} user={entry.user} name={nameOf(entry.user)} body={entry.body} at={entry.at} state={state} isMine={isMine}
      isFirst={row.isFirst} isLast={row.isLast} isDirect={isDirect} readers={row.readers.join(" ")} error="" language={language.value} isOnline />
  );
}
