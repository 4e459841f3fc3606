/** Which conversation is on screen, from the address: `#/room/ID`. */
import { signal } from "@preact/signals";

const ROOM = /^#\/room\/([a-z0-9]{4,40})$/;

export function roomOfHash(hash: string): string | undefined {
  return ROOM.exec(hash)?.[1];
}

/** A room's id out of what a person pasted: a link of this page, or the id alone. */
export function roomOfText(text: string): string | undefined {
  const trimmed = text.trim();
  const hash = trimmed.includes("#") ? trimmed.slice(trimmed.indexOf("#")) : `#/room/${trimmed}`;
  return roomOfHash(hash);
}

export const openRoom = signal<string | undefined>(roomOfHash(location.hash));

addEventListener("hashchange", () => (openRoom.value = roomOfHash(location.hash)));

export const hashOf = (id: string): string => `#/room/${id}`;

export function go(id: string | undefined): void {
  location.hash = id === undefined ? "#/" : hashOf(id);
}

export function linkOf(id: string): string {
  return new URL(hashOf(id), location.href).href;
}
