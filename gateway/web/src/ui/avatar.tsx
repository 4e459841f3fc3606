/** A round picture from initials; the colour belongs to the name and never changes. */

const TINTS = 10;

/** A small stable hash (FNV-1a) of a name. */
export function tintOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const char of name) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 0) % TINTS;
}

/** Up to two letters: of the first and the last word; one character for scripts that are not spelled. */
export function initialsOf(title: string): string {
  const words = title.match(/[\p{L}\p{N}]+/gu) ?? [];
  const first = [...(words[0] ?? title.trim())][0] ?? "?";
  const last = words.length > 1 ? ([...(words.at(-1) ?? "")][0] ?? "") : "";
  return /\p{Script=Latin}|\p{Script=Cyrillic}|\p{Script=Greek}/u.test(first) ? (first + last).toUpperCase() : first;
}

export function Avatar({ name, title, size = "m", square = false }: { name: string; title: string; size?: "xs" | "s" | "m"; square?: boolean }) {
  return (
    <span class={`avatar avatar-${size} tint-${tintOf(name)}${square ? " avatar-square" : ""}`} aria-hidden="true">
      {size === "xs" ? initialsOf(title).slice(0, 1) : initialsOf(title)}
    </span>
  );
}
