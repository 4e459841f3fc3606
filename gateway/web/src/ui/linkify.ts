/** Finds web addresses in a text. Only http and https become links; everything else stays text. */

export type Piece = { text: string; href?: string };

const ADDRESS = /\bhttps?:\/\/[^\s<>"'`\u3000-\u303f\uff00-\uffef]+/giu;

/** Punctuation that ends a sentence belongs to it; a closing bracket too, unless it was opened inside. */
function trimEnd(address: string): string {
  let end = address.replace(/[.,;:!?…]+$/u, "");
  while (/[)\]}]$/.test(end) && !balanced(end)) end = end.slice(0, -1).replace(/[.,;:!?…]+$/u, "");
  return end;
}

function balanced(text: string): boolean {
  const open = text.match(/[([{]/g)?.length ?? 0;
  const closed = text.match(/[)\]}]/g)?.length ?? 0;
  return open >= closed;
}

function hrefOf(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  return url.protocol === "http:" || url.protocol === "https:" ? url.href : undefined;
}

export function linkify(text: string): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimEnd(match[0]);
    const href = hrefOf(address);
    if (!href) continue;
    if (match.index > from) pieces.push({ text: text.slice(from, match.index) });
    pieces.push({ text: address, href });
    from = match.index + address.length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from) });
  return pieces;
}
