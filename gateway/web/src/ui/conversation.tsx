/** One line of the list. */
import { useRef } from "preact/hooks";
import { language, t, tn } from "../i18n";
import { shortText } from "../i18n/time";
import { unread, type Room } from "../store/room";
import { Avatar } from "./avatar";
import { happeningText } from "./happenings";
import { AlertIcon, ClockIcon } from "./icons";
import { hashOf } from "./route";
import { engine, listTick, me, nameOf, phase, titleOf, useRoom } from "./state";
import { useInSight } from "./visible";

/** The last thing said, in one line. */
function lastLine(room: Room): { text: string; at: number; state: "" | "pending" | "failed" } {
  const post = engine.peek()?.unanswered(room.id).at(-1);
  const entry = room.log.entries.at(-1);
  if (post && post.at > (entry?.at ?? 0) - 60_000) {
    return { text: post.body, at: post.at, state: post.state === "failed" ? "failed" : "pending" };
  }
  if (!entry) return { text: t("list.noMessages"), at: 0, state: "" };
  if (entry.kind !== "text") return { text: happeningText(entry, room.kind === "direct"), at: entry.at, state: "" };
  const author = entry.user === me() ? t("app.you") : nameOf(entry.user);
  const isPlain = room.kind === "direct" && entry.user !== me();
  return { text: isPlain ? entry.body : `${author}: ${entry.body}`, at: entry.at, state: "" };
}

export function ConversationItem({ id, isOpen }: { id: string; isOpen: boolean }) {
  const room = useRoom(id);
  void listTick.value;
  void language.value;
  const item = useRef<HTMLLIElement>(null);
  const isUnknown = room !== undefined && room.log.hi === 0 && room.vainAt < 0 && phase.value === "ready";
  useInSight(item, isUnknown, () => room && engine.peek()?.chat.upkeep.check(room));
  if (!room) return null;
  const count = unread(room, me());
  const { text, at, state } = lastLine(room);
  const title = titleOf(room);
  return (
    <li ref={item}>
      <a class="conversation" href={hashOf(id)} aria-current={isOpen ? "page" : undefined} data-testid="room-item" data-room={id}
        data-kind={room.kind} data-unread={count}>
        <Avatar name={room.kind === "direct" ? room.peer : id} title={title} square={room.kind === "room"} />
        <span class="conversation-main">
          <span class="conversation-top">
            <span class="conversation-title" data-testid="room-item-title">{title}</span>
            {at > 0 && <time class="conversation-time" dateTime={new Date(at).toISOString()}>{shortText(at, Date.now())}</time>}
          </span>
          <span class="conversation-bottom">
            <span class="conversation-line" data-testid="room-item-line" data-state={state}>
              {state === "pending" && <span class="line-icon" title={t("list.pending")}><ClockIcon /></span>}
              {state === "failed" && <span class="line-icon line-failed" title={t("list.failed")}><AlertIcon /></span>}
              {text.slice(0, 200)}
            </span>
            {count > 0 && (
              <span class="badge" data-testid="unread-badge" aria-label={tn("list.unread", count)}>{count > 99 ? "99+" : count}</span>
            )}
          </span>
        </span>
      </a>
    </li>
  );
}
