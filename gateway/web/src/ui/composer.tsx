/** Where a person writes. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { language, t } from "../i18n";
import { MAX_BODY_BYTES } from "../protocol/frames";
import { byteLength } from "../protocol/text";
import { isOver, type Room } from "../store/room";
import { draftOf, setDraft } from "./drafts";
import { SendIcon } from "./icons";
import { sendsOn } from "./keys";
import { engine, titleOf, useRoom } from "./state";

/** The count appears when this many bytes are left. */
const COUNT_BELOW = 2_000;
const MAX_HEIGHT_PX = 220;

export function Composer({ room, onPost }: { room: Room; onPost: () => void }) {
  void useRoom(room.id);
  const [text, setText] = useState(draftOf(room.id));
  const box = useRef<HTMLTextAreaElement>(null);
  const left = MAX_BODY_BYTES - byteLength(text);
  const canSend = text.trim() !== "" && left >= 0;
  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) box.current?.focus();
  }, []);
  useLayoutEffect(() => grow(box.current), [text]);
  const write = (value: string): void => {
    setDraft(room.id, value);
    setText(value);
  };
  const send = (): void => {
    if (!canSend) return;
    engine.value?.post(room.id, text.trim());
    write("");
    onPost();
    box.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!sendsOn(event)) return;
    event.preventDefault();
    send();
  };
  if (isOver(room)) return <p class="hint composer-over" data-testid="composer-over">{t("composer.over")}</p>;
  return (
    <form class="composer" data-testid="composer-form" onSubmit={(event) => (event.preventDefault(), send())}>
      <div class="composer-box">
        <textarea ref={box} rows={1} value={text} data-testid="composer" placeholder={t("composer.placeholder")} title={t("composer.hint")}
          aria-label={t("composer.label", { name: titleOf(room) })} aria-invalid={left < 0} aria-describedby="composer-count"
          enterkeyhint="send" onInput={(event) => write(event.currentTarget.value)} onKeyDown={onKeyDown} />
        <button class="send" aria-label={t("composer.send")} title={t("composer.send")} data-testid="send" disabled={!canSend}><SendIcon /></button>
      </div>
      <p class={`composer-count${left < 0 ? " over" : ""}`} id="composer-count" role="status" data-testid="composer-count" hidden={left >= COUNT_BELOW}>
        {left < COUNT_BELOW && t(left < 0 ? "composer.tooLong" : "composer.left", { count: Math.abs(left).toLocaleString(language.value) })}
      </p>
    </form>
  );
}

/** As high as its text, within bounds. */
function grow(box: HTMLTextAreaElement | null): void {
  if (!box) return;
  box.style.height = "auto";
  box.style.height = `${Math.min(box.scrollHeight, MAX_HEIGHT_PX)}px`;
}
