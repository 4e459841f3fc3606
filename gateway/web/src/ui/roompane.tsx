/** The right side: the open conversation, or a word where none is open. */
import { useEffect, useRef, useState } from "preact/hooks";
import { t, tn } from "../i18n";
import { isOver, type Room } from "../store/room";
import { Avatar } from "./avatar";
import { Composer } from "./composer";
import { ErrorLine, useAction } from "./dialog";
import { BackIcon, Bird, GearIcon, PeopleIcon } from "./icons";
import { MembersPanel } from "./members";
import { go, openRoom } from "./route";
import { SettingsDialog } from "./settings";
import { engine, phase, titleOf, useRoom } from "./state";
import { Timeline } from "./timeline";

export function RoomPane() {
  const id = openRoom.value;
  if (id === undefined) {
    return <main class="nothing" data-testid="no-room"><Bird size={72} /><p>{t("room.none")}</p></main>;
  }
  return <OpenRoom key={id} id={id} />;
}

function OpenRoom({ id }: { id: string }) {
  const room = useRoom(id);
  const here = engine.value;
  useEffect(() => {
    if (!here) return undefined;
    here.chat.open = id;
    return () => void (here.chat.open = undefined);
  }, [here, id]);
  if (room) return <Conversation room={room} />;
  if (phase.value !== "ready") return <main class="nothing"><p>{t("room.loading")}</p></main>;
  return <Unknown id={id} />;
}

/** A link to a room that this person is not in. */
function Unknown({ id }: { id: string }) {
  const { busy, error, run } = useAction();
  const join = (): void => void run(async () => void (await engine.value?.askRoom({ t: "join", room: id })));
  return (
    <main class="nothing" data-testid="unknown-room">
      <Bird size={72} />
      <h2>{t("room.unknown")}</h2>
      <p>{t("room.unknown.hint")}</p>
      <ErrorLine text={error} />
      <div class="nothing-actions">
        <button type="button" class="button" onClick={() => go(undefined)}>{t("room.back")}</button>
        <button type="button" class="button button-primary" data-testid="unknown-join" disabled={busy} onClick={join}>{t("room.unknown.join")}</button>
      </div>
    </main>
  );
}

function Conversation({ room }: { room: Room }) {
  const [isMembersOpen, setMembersOpen] = useState(false);
  const [isSettingsOpen, setSettingsOpen] = useState(false);
  const [posts, setPosts] = useState(0);
  const membersButton = useRef<HTMLButtonElement>(null);
  const isReady = phase.value === "ready";
  useEffect(() => {
    if (isReady && !room.members) void engine.value?.chat.upkeep.listMembers(room.id);
  }, [isReady, room]);
  const closeMembers = (): void => {
    setMembersOpen(false);
    membersButton.current?.focus();
  };
  return (
    <div class="conversation-pane" data-testid="room" data-room={room.id}>
      <main class="room">
        <header class="room-head">
          <button type="button" class="icon-button back" aria-label={t("room.back")} data-testid="back" onClick={() => go(undefined)}><BackIcon /></button>
          <Avatar name={room.kind === "direct" ? room.peer : room.id} title={titleOf(room)} size="s" square={room.kind === "room"} />
          <RoomTitle room={room} />
          {room.kind === "room" && (
            <>
              <button type="button" class="icon-button" ref={membersButton} aria-label={t("room.members")} title={t("room.members")}
                aria-expanded={isMembersOpen} data-testid="members-button" onClick={() => setMembersOpen(!isMembersOpen)}>
                <PeopleIcon />
              </button>
              <button type="button" class="icon-button" aria-label={t("room.settings")} title={t("room.settings")} data-testid="settings-button"
                onClick={() => setSettingsOpen(true)}>
                <GearIcon />
              </button>
            </>
          )}
        </header>
        <Timeline room={room} posts={posts} />
        <Composer room={room} onPost={() => setPosts(posts + 1)} />
      </main>
      {isMembersOpen && <MembersPanel room={room} onClose={closeMembers} />}
      {isSettingsOpen && <SettingsDialog room={room} onClose={() => setSettingsOpen(false)} />}
    </div>
  );
}

function RoomTitle({ room }: { room: Room }) {
  void useRoom(room.id);
  const count = room.members ? tn("room.members.count", room.memberCount) : "";
  const second = isOver(room) ? "" : room.kind === "direct" ? `@${room.peer}` : [count, room.topic].filter(Boolean).join(" · ");
  return (
    <div class="room-title">
      <h2 data-testid="room-title">{titleOf(room)}</h2>
      {second && <p data-testid="room-topic" title={room.topic}>{second}</p>}
    </div>
  );
}
