/** What was written and not sent, by room; kept over reloads and over a login that ended by itself. */

let owner = "";
let drafts = new Map<string, string>();

const keyOf = (user: string): string => `warbler.drafts.${user}`;

/** Take up the drafts of an account. */
export function openDrafts(user: string): void {
  owner = user;
  try {
    drafts = new Map(JSON.parse(localStorage.getItem(keyOf(user)) ?? "[]") as [string, string][]);
  } catch {
    drafts = new Map(); // storage is off or damaged: there is no draft then
  }
}

export function draftOf(room: string): string {
  return drafts.get(room) ?? "";
}

export function setDraft(room: string, text: string): void {
  if (text) drafts.set(room, text);
  else drafts.delete(room);
  store();
}

/** Posts that can no longer be sent by themselves become drafts again. */
export function addToDraft(room: string, text: string): void {
  setDraft(room, [draftOf(room), text].filter(Boolean).join("\n"));
}

export function clearDrafts(): void {
  drafts.clear();
  store();
}

function store(): void {
  try {
    if (drafts.size) localStorage.setItem(keyOf(owner), JSON.stringify([...drafts]));
    else localStorage.removeItem(keyOf(owner));
  } catch (error) {
    console.warn("drafts are not kept", error);
  }
}
