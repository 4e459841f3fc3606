/** The language of the page: the browser's, until the person chooses. Switching redraws what is on screen. */
import { signal } from "@preact/signals";
import { en, type Key } from "./en";
import { zh } from "./zh";

export type Language = "en" | "zh";
export type { Key };

/** The key before `.one` and `.other`. */
type CountedKey = Key extends infer K ? (K extends `${infer Stem}.other` ? Stem : never) : never;
type Values = Record<string, string | number>;

const TEXTS: Record<Language, Record<Key, string>> = { en, zh };
const KEPT = "warbler.language";

/** The first language of the browser that we speak. */
export function pickLanguage(wanted: readonly string[]): Language {
  const first = wanted.map((tag) => tag.toLowerCase()).find((tag) => /^(en|zh)\b/.test(tag));
  return first?.startsWith("zh") ? "zh" : "en";
}

function kept(): string[] {
  try {
    return [localStorage.getItem(KEPT) ?? ""];
  } catch {
    return []; // storage is off: the browser's language it is
  }
}

const browser = typeof navigator === "undefined" ? [] : navigator.languages;
export const language = signal<Language>(pickLanguage([...kept(), ...browser]));

export function setLanguage(wanted: Language): void {
  language.value = wanted;
  try {
    localStorage.setItem(KEPT, wanted);
  } catch (error) {
    console.warn("the language is not kept", error);
  }
}

function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

export function t(key: Key, values: Values = {}): string {
  return fill(TEXTS[language.value][key], values);
}

/** The text for a number of things. */
export function tn(stem: CountedKey, count: number, values: Values = {}): string {
  const form = new Intl.PluralRules(language.value).select(count) === "one" ? "one" : "other";
  return t(`${stem}.${form}`, { count: count.toLocaleString(language.value), ...values });
}

export function isKey(key: string): key is Key {
  return Object.hasOwn(en, key);
}
