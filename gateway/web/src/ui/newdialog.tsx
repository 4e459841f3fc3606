/** Start something: a chat with one person, a room, or join a public room. */
import { useRef, useState } from "preact/hooks";
import { t, type Key } from "../i18n";
import { randomId } from "../protocol/text";
import { Dialog, ErrorLine, useAction } from "./dialog";
import { Check, Field } from "./field";
import { go, roomOfText } from "./route";
import { engine, me } from "./state";

type Tab = "direct" | "room" | "join";
const TABS: Tab[] = ["direct", "room", "join"];
const LABELS: Record<Tab, Key> = { direct: "new.direct", room: "new.room", join: "new.join" };

export function NewDialog({ onClose }: { onClose: () => void }) {
  const [tab, setTab] = useState<Tab>("direct");
  const tabs = useRef<HTMLDivElement>(null);
  const done = (id: string): void => {
    onClose();
    go(id);
  };
  const move = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length] as Tab;
    setTab(next);
    tabs.current?.querySelector<HTMLElement>(`#tab-${next}`)?.focus();
  };
  return (
    <Dialog title={t("new.title")} testid="new-dialog" onClose={onClose}>
      <div class="tabs" role="tablist" ref={tabs} onKeyDown={move}>
        {TABS.map((name) => (
          <button key={name} type="button" role="tab" id={`tab-${name}`} data-testid={`tab-${name}`} aria-selected={tab === name}
            aria-controls={`panel-${name}`} tabIndex={tab === name ? 0 : -1} onClick={() => setTab(name)}>
            {t(LABELS[name])}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`panel-${tab}`} aria-labelledby={`tab-${tab}`}>
        {tab === "direct" && <NewDirect onDone={done} />}
        {tab === "room" && <NewRoom onDone={done} />}
        {tab === "join" && <JoinRoom onDone={done} />}
      </div>
    </Dialog>
  );
}

/** User names out of what was typed. */
export function namesOf(text: string): string[] {
  const names = text.toLowerCase().split(/[\s,;，、；]+/u).map((name) => name.replace(/^@/, "")).filter(Boolean);
  return [...new Set(names)];
}

function NewDirect({ onDone }: { onDone: (id: string) => void }) {
  const [user, setUser] = useState("");
  const { busy, error, setError, run } = useAction();
  const submit = (event: Event): void => {
    event.preventDefault();
    const name = namesOf(user)[0] ?? "";
    if (name === me()) return setError(t("new.direct.self"));
    void run(async () => {
      const id = await engine.value?.askRoom({ t: "direct", user: name });
      if (id) onDone(id);
    });
  };
  return (
    <form onSubmit={submit}>
      <Field label={t("new.direct.user")} testid="direct-user" value={user} onValue={setUser} required autofocus maxLength={40}
        autocapitalize="none" autocomplete="off" spellcheck={false} />
      <ErrorLine text={error} />
      <div class="dialog-actions">
        <button class="button button-primary" data-testid="direct-submit" disabled={busy}>{t(busy ? "app.working" : "new.direct.submit")}</button>
      </div>
    </form>
  );
}

function NewRoom({ onDone }: { onDone: (id: string) => void }) {
  const [name, setName] = useState("");
  const [topic, setTopic] = useState("");
  const [isPublic, setPublic] = useState(false);
  const [members, setMembers] = useState("");
  const key = useRef(randomId()); // the same for a repeat after a lost answer: no second room
  const { busy, error, run } = useAction();
  const submit = (event: Event): void => {
    event.preventDefault();
    const others = namesOf(members).filter((user) => user !== me());
    void run(async () => {
      const wanted = { key: key.current, name: name.trim(), topic: topic.trim(), public: isPublic, members: others };
      const id = await engine.value?.askRoom({ t: "create", ...wanted });
      if (id) onDone(id);
    });
  };
  return (
    <form onSubmit={submit} data-testid="new-room-form">
      <Field label={t("new.room.name")} testid="new-room-name" value={name} onValue={setName} required autofocus maxLength={100} autocomplete="off" />
      <Field label={t("new.room.topic")} testid="new-room-topic" value={topic} onValue={setTopic} maxLength={500} autocomplete="off" />
      <Field label={t("new.room.members")} testid="new-room-members" value={members} onValue={setMembers} autocapitalize="none"
        autocomplete="off" spellcheck={false} hint={t("new.room.members.hint")} />
      <Check label={t("new.room.public")} testid="new-room-public" value={isPublic} onValue={setPublic} />
      <ErrorLine text={error} />
      <div class="dialog-actions">
        <button class="button button-primary" data-testid="new-room-submit" disabled={busy}>{t(busy ? "app.working" : "new.room.submit")}</button>
      </div>
    </form>
  );
}

function JoinRoom({ onDone }: { onDone: (id: string) => void }) {
  const [text, setText] = useState("");
  const { busy, error, setError, run } = useAction();
  const submit = (event: Event): void => {
    event.preventDefault();
    const room = roomOfText(text);
    if (!room) return setError(t("new.join.bad"));
    void run(async () => {
      if (!engine.value?.chat.rooms.has(room)) await engine.value?.askRoom({ t: "join", room });
      onDone(room);
    });
  };
  return (
    <form onSubmit={submit}>
      <Field label={t("new.join.id")} testid="join-room-id" value={text} onValue={setText} required autofocus autocapitalize="none"
        autocomplete="off" spellcheck={false} />
      <ErrorLine text={error} />
      <div class="dialog-actions">
        <button class="button button-primary" data-testid="join-room-submit" disabled={busy}>{t(busy ? "app.working" : "new.join.submit")}</button>
      </div>
    </form>
  );
}
