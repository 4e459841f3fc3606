/** The left column: who I am, search, the conversations. */
import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { t, tn } from "../i18n";
import { activity, type Room } from "../store/room";
import { Avatar } from "./avatar";
import { Confirm } from "./dialog";
import { ConversationItem } from "./conversation";
import { DeleteDialog } from "./deletion";
import { Bird, PlusIcon, SearchIcon } from "./icons";
import { LanguageChoice } from "./language";
import { NewDialog } from "./newdialog";
import { openRoom } from "./route";
import { engine, leave, listTick, phase, titleOf } from "./state";

/** When something last happened, posts on their way included. */
function moment(room: Room): number {
  const pending = engine.peek()?.unanswered(room.id).at(-1)?.at ?? 0;
  return Math.max(activity(room), pending);
}

function sorted(filter: string): Room[] {
  void listTick.value;
  const rooms = [...(engine.value?.chat.rooms.values() ?? [])];
  const wanted = filter.trim().toLowerCase();
  const matching = wanted ? rooms.filter((room) => `${titleOf(room)} ${room.peer}`.toLowerCase().includes(wanted)) : rooms;
  return matching.map((room) => ({ room, at: moment(room) })).sort((a, b) => b.at - a.at || (a.room.id < b.room.id ? -1 : 1)).map(({ room }) => room);
}

export function Sidebar() {
  const [filter, setFilter] = useState("");
  const [isNewOpen, setNewOpen] = useState(false);
  const rooms = sorted(filter);
  const lastOpen = useRef<string>();
  const list = useRef<HTMLUListElement>(null);
  useSignalEffect(() => {
    // Coming back from a conversation, the keyboard stands where it left the list.
    const now = openRoom.value;
    if (now === undefined && lastOpen.current) list.current?.querySelector<HTMLElement>(`[data-room="${lastOpen.current}"]`)?.focus();
    lastOpen.current = now;
  });
  return (
    <nav class="sidebar" aria-label={t("list.title")}>
      <header class="sidebar-head">
        <span class="brand"><Bird size={30} /><h1>{t("app.name")}</h1></span>
        <button type="button" class="icon-button" aria-label={t("new.button")} title={t("new.button")} data-testid="new-conversation"
          onClick={() => setNewOpen(true)}>
          <PlusIcon />
        </button>
      </header>
      <label class="search">
        <SearchIcon />
        <input type="search" placeholder={t("list.search")} aria-label={t("list.search")} data-testid="search" value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)} />
      </label>
      <ul ref={list} class="conversations" data-testid="room-list">
        {rooms.map((room) => <ConversationItem key={room.id} id={room.id} isOpen={openRoom.value === room.id} />)}
      </ul>
      {rooms.length === 0 && <Empty filter={filter} onNew={() => setNewOpen(true)} />}
      <Account />
      {isNewOpen && <NewDialog onClose={() => setNewOpen(false)} />}
    </nav>
  );
}

function Empty({ filter, onNew }: { filter: string; onNew: () => void }) {
  if (filter) return <p class="empty">{t("list.noMatch", { text: filter })}</p>;
  if (phase.value !== "ready") return <p class="empty">{t("list.loading")}</p>;
  return (
    <div class="empty" data-testid="list-empty">
      <p>{t("list.empty")}<br />{t("list.empty.hint")}</p>
      <button type="button" class="button button-primary" onClick={onNew}>{t("new.button")}</button>
    </div>
  );
}

/** My own name with the menu behind it. */
function Account() {
  const [isOpen, setOpen] = useState(false);
  const [asks, setAsks] = useState(0);
  const [isDeleting, setDeleting] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen) return undefined;
    const away = (event: Event): void => {
      const isKey = event instanceof KeyboardEvent;
      if (isKey ? event.key === "Escape" : !box.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", away);
    document.addEventListener("keydown", away);
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("keydown", away);
    };
  }, [isOpen]);
  const chat = engine.value?.chat;
  if (!chat) return null;
  const logOut = (): void => {
    const unsent = chat.outbox.rooms().reduce((sum, room) => sum + chat.outbox.of(room).length, 0);
    if (unsent) setAsks(unsent);
    else void leave();
  };
  return (
    <div class="account" ref={box}>
      {isOpen && (
        <div class="menu" data-testid="account-menu">
          <LanguageChoice />
          <button type="button" class="menu-item" data-testid="logout" onClick={logOut}>{t("menu.logout")}</button>
          <button type="button" class="menu-item" data-testid="delete-account" onClick={() => setDeleting(true)}>{t("menu.delete")}</button>
        </div>
      )}
      <button type="button" class="account-button" aria-expanded={isOpen} aria-label={t("menu.open")} data-testid="account-button"
        onClick={() => setOpen(!isOpen)}>
        <Avatar name={chat.me.user} title={chat.me.display} size="s" />
        <span class="account-names">
          <strong data-testid="my-display">{chat.me.display}</strong>
          <small data-testid="my-name">@{chat.me.user}</small>
        </span>
      </button>
      {isDeleting && <DeleteDialog onClose={() => setDeleting(false)} />}
      {asks > 0 && (
        <Confirm title={t("menu.logout")} text={tn("menu.logout.ask", asks)} yes={t("menu.logout")} onYes={leave} onClose={() => setAsks(0)} />
      )}
    </div>
  );
}
