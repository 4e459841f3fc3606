/** Days and times as the person's language writes them. */
import { language, t } from "./index";

const formats = new Map<string, Intl.DateTimeFormat>();

function format(at: number, options: Intl.DateTimeFormatOptions): string {
  const key = language.value + JSON.stringify(options);
  let made = formats.get(key);
  if (!made) formats.set(key, (made = new Intl.DateTimeFormat(language.value === "zh" ? "zh-CN" : "en", options)));
  return made.format(at);
}

/** Calendar days of this place since 1970, to compare. */
export function dayNumber(at: number): number {
  const date = new Date(at);
  return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000;
}

export function timeText(at: number): string {
  return format(at, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

export function fullText(at: number): string {
  return format(at, { dateStyle: "full", timeStyle: "short" });
}

/** The heading of a day. */
export function dayText(at: number, now: number): string {
  const ago = dayNumber(now) - dayNumber(at);
  if (ago === 0) return t("time.today");
  if (ago === 1) return t("time.yesterday");
  const isThisYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return format(at, { weekday: "long", day: "numeric", month: "long", ...(isThisYear ? {} : { year: "numeric" }) });
}

/** A short moment for the list: a time today, else a day. */
export function shortText(at: number, now: number): string {
  const ago = dayNumber(now) - dayNumber(at);
  if (ago <= 0) return timeText(at);
  if (ago === 1) return t("time.yesterday");
  if (ago < 7) return format(at, { weekday: "short" });
  return format(at, { day: "numeric", month: "short" });
}
