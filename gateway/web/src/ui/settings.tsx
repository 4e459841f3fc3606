/** Name, topic and openness of a room; its link; leaving it. */
import { useState } from "preact/hooks";
import { t } from "../i18n";
import type { Asking } from "../protocol/frames";
import { mayManage, type Room } from "../store/room";
import { Confirm, Dialog, ErrorLine, useAction } from "./dialog";
import { Check, Field } from "./field";
import { go, linkOf } from "./route";
import { engine, titleOf } from "./state";

export function SettingsDialog({ room, onClose }: { room: Room; onClose: () => void }) {
  const [asksToLeave, setAsksToLeave] = useState(false);
  const leave = async (): Promise<void> => {
    await engine.value?.ask({ t: "leave", room: room.id });
    go(undefined);
  };
  return (
    <Dialog title={t("room.settings")} testid="settings-dialog" onClose={onClose}>
      {mayManage(room) ? <EditForm room={room} onDone={onClose} /> : <Facts room={room} />}
      <Link room={room} />
      <div class="dialog-actions spread">
        <button type="button" class="button button-quiet-danger" data-testid="leave-room" onClick={() => setAsksToLeave(true)}>{t("settings.leave")}</button>
        {mayManage(room) && <button form="edit-room" class="button button-primary" data-testid="settings-save">{t("app.save")}</button>}
      </div>
      {asksToLeave && (
        <Confirm title={t("settings.leave")} text={t("settings.leave.ask", { name: titleOf(room) })} yes={t("settings.leave.confirm")}
          onYes={leave} onClose={() => setAsksToLeave(false)} />
      )}
    </Dialog>
  );
}

function EditForm({ room, onDone }: { room: Room; onDone: () => void }) {
  const [name, setName] = useState(room.name);
  const [topic, setTopic] = useState(room.topic);
  const [isPublic, setPublic] = useState(room.public);
  const { error, run } = useAction();
  const submit = (event: Event): void => {
    event.preventDefault();
    const asking: Extract<Asking, { t: "edit" }> = { t: "edit", room: room.id };
    if (name.trim() !== room.name) asking.name = name.trim();
    if (topic.trim() !== room.topic) asking.topic = topic.trim();
    if (isPublic !== room.public) asking.public = isPublic;
    void run(async () => {
      if (Object.keys(asking).length > 2) await engine.value?.ask(asking);
      onDone();
    });
  };
  return (
    <form id="edit-room" onSubmit={submit}>
      <Field label={t("settings.name")} testid="settings-name" value={name} onValue={setName} required maxLength={100} autocomplete="off" />
      <Field label={t("settings.topic")} testid="settings-topic" value={topic} onValue={setTopic} maxLength={500} autocomplete="off" />
      <Check label={t("new.room.public")} testid="settings-public" value={isPublic} onValue={setPublic} />
      <ErrorLine text={error} />
    </form>
  );
}

function Facts({ room }: { room: Room }) {
  return (
    <dl class="facts">
      <dt>{t("settings.name")}</dt>
      <dd>{room.name}</dd>
      {room.topic && <dt>{t("settings.topic")}</dt>}
      {room.topic && <dd>{room.topic}</dd>}
      <dt>{t("new.room")}</dt>
      <dd>{t(room.public ? "room.public" : "room.private")}</dd>
    </dl>
  );
}

function Link({ room }: { room: Room }) {
  const [isCopied, setCopied] = useState(false);
  const link = linkOf(room.id);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(link);
    setCopied(true);
  };
  return (
    <div class="field">
      <label for="room-link">{t("room.link")}</label>
      <div class="copy">
        <input id="room-link" readOnly value={link} data-testid="room-link" onFocus={(event) => event.currentTarget.select()} />
        {"clipboard" in navigator && (
          <button type="button" class="button" onClick={() => void copy()}>{t(isCopied ? "room.link.copied" : "room.link.copy")}</button>
        )}
      </div>
    </div>
  );
}
