/** A modal dialog: the browser's own, which keeps the focus inside and closes on Escape. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { errorText } from "./failures";
import { CloseIcon } from "./icons";

interface DialogProps {
  title: string;
  testid: string;
  onClose: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, testid, onClose, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  const closeOnBackdrop = (event: MouseEvent): void => {
    if (event.target === ref.current) onClose();
  };
  return (
    <dialog ref={ref} class="dialog" aria-label={title} data-testid={testid} onClose={onClose} onMouseDown={closeOnBackdrop}>
      <div class="dialog-inner">
        <header class="dialog-head">
          <h2>{title}</h2>
          <button type="button" class="icon-button" aria-label={t("app.close")} data-testid="dialog-close" onClick={onClose}>
            <CloseIcon />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** Runs one action at a time and holds the text of what went wrong. */
export function useAction(): { busy: boolean; error: string; setError: (text: string) => void; run: (work: () => Promise<void>) => Promise<void> } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const run = async (work: () => Promise<void>): Promise<void> => {
    if (busy) return;
    setBusy(true);
    setError("");
    try {
      await work();
    } catch (thrown) {
      setError(errorText(thrown));
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, setError, run };
}

export function ErrorLine({ text, id }: { text: string; id?: string }) {
  return <p class="error-line" role="alert" id={id} data-testid="error" hidden={!text}>{text}</p>;
}

interface ConfirmProps {
  title: string;
  text: string;
  yes: string;
  onYes: () => Promise<void>;
  onClose: () => void;
}

export function Confirm({ title, text, yes, onYes, onClose }: ConfirmProps) {
  const { busy, error, run } = useAction();
  const confirm = (): void => void run(async () => {
    await onYes();
    onClose();
  });
  return (
    <Dialog title={title} testid="confirm-dialog" onClose={onClose}>
      <p class="dialog-text">{text}</p>
      <ErrorLine text={error} />
      <div class="dialog-actions">
        <button type="button" class="button" data-testid="confirm-no" onClick={onClose}>{t("app.cancel")}</button>
        <button type="button" class="button button-danger" data-testid="confirm-yes" disabled={busy} onClick={confirm}>{yes}</button>
      </div>
    </Dialog>
  );
}
