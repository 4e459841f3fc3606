/** Ending one's account: what that means, and the password once more. */
import { useState } from "preact/hooks";
import { t } from "../i18n";
import { Dialog, ErrorLine, useAction } from "./dialog";
import { PasswordField } from "./field";
import { deleteMyself, me } from "./state";

export function DeleteDialog({ onClose }: { onClose: () => void }) {
  const [password, setPassword] = useState("");
  const { busy, error, run } = useAction();
  const submit = (event: Event): void => {
    event.preventDefault();
    void run(() => deleteMyself(password));
  };
  return (
    <Dialog title={t("delete.title")} testid="delete-dialog" onClose={onClose}>
      <form onSubmit={submit}>
        <p class="dialog-text">{t("delete.text", { name: me() })}</p>
        <PasswordField label={t("login.password")} testid="delete-password" value={password} onValue={setPassword} required
          autocomplete="current-password" />
        <ErrorLine text={error} />
        <div class="dialog-actions">
          <button type="button" class="button" data-testid="delete-cancel" onClick={onClose}>{t("app.cancel")}</button>
          <button class="button button-danger" data-testid="delete-submit" disabled={busy}>{t(busy ? "app.working" : "delete.submit")}</button>
        </div>
      </form>
    </Dialog>
  );
}
