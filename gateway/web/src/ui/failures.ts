/** Refusals in the person's words. */
import { isKey, t, tn } from "../i18n";
import { Refusal } from "../store/requests";

interface Told {
  code: string;
  text: string;
  fields: Record<string, unknown>;
  retry_after?: number | null;
}

export function failureText(failure: Told): string {
  const { code, fields } = failure;
  if (code === "rate_limited" && failure.retry_after) return tn("error.rate_limited.after", Math.ceil(failure.retry_after));
  if (code === "refused" && typeof fields.reason === "string" && fields.reason) return t("error.refused.reason", { reason: fields.reason });
  if (code === "no_such_user" && typeof fields.user === "string") return t("error.no_such_user.named", { user: fields.user });
  const key = `error.${code}`;
  return isKey(key) ? t(key) : failure.text || t("error.internal");
}

/** The text for anything that was thrown; what is no refusal is a bug and goes on to the console too. */
export function errorText(error: unknown): string {
  if (error instanceof Refusal) return failureText(error.failure);
  console.error(error);
  return t("error.internal");
}
