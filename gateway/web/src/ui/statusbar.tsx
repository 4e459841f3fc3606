/** The state of the connection, in words. A short break is nobody's business: it shows only what lasts. */
import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n";
import type { Phase } from "../protocol/connection";
import { CloseIcon } from "./icons";
import { engine, isBroken, notice, phase } from "./state";

const PATIENCE_MS = 2_000;

/** Whether the condition has held for a while. */
function useLasting(condition: boolean, afterMs: number): boolean {
  const [lasts, setLasts] = useState(false);
  useEffect(() => {
    setLasts(false);
    if (!condition) return undefined;
    const timer = setTimeout(() => setLasts(true), afterMs);
    return () => clearTimeout(timer);
  }, [condition, afterMs]);
  return condition && lasts;
}

function textOf(now: Phase): string {
  if (isBroken.value) return t("status.broken");
  if (now === "replaced") return t("status.replaced");
  if (now === "halted") return t("status.halted");
  if (!navigator.onLine) return t("status.offline");
  return t("status.reconnecting");
}

/** A word of the operators stays until it is put away. */
export function NoticeBar() {
  if (!notice.value) return null;
  return (
    <div class="status" role="status" data-testid="notice">
      <span>{notice.value}</span>
      <button type="button" class="icon-button" aria-label={t("app.close")} data-testid="notice-close" onClick={() => (notice.value = "")}>
        <CloseIcon />
      </button>
    </div>
  );
}

export function StatusBar() {
  const now = phase.value;
  const isFinal = now === "replaced" || now === "halted" || isBroken.value;
  const isShown = useLasting(now !== "ready" && !isFinal, PATIENCE_MS) || isFinal;
  return (
    <div class="status" role="status" data-testid="status" data-phase={now} hidden={!isShown}>
      {isShown && <span>{textOf(now)}</span>}
      {now === "replaced" && (
        <button type="button" class="button button-small" data-testid="status-use-here" onClick={() => engine.value?.startAgain()}>
          {t("status.replaced.use")}
        </button>
      )}
      {(now === "halted" || isBroken.value) && (
        <button type="button" class="button button-small" onClick={() => location.reload()}>{t("status.halted.reload")}</button>
      )}
    </div>
  );
}
