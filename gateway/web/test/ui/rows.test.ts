import { expect, test } from "vitest";
import { decodeEntry } from "../../src/protocol/decode";
import { newRoom, type Room } from "../../src/store/room";
import { rowsOf } from "../../src/ui/rows";
import { atEnd } from "../../src/ui/window";
import { entry } from "../kit/chat";

const NOON = new Date(2026, 4, 9, 12).getTime();
const MINUTE = 60_000;

function room(...entries: Record<string, unknown>[]): Room {
  const made = newRoom("room1");
  made.log.append(entries.map((one, index) => decodeEntry(entry("room1", index + 1, one), "room1")));
  return made;
}
const kinds = (made: Room, unreadAfter?: number): string[] => rowsOf(made, [], atEnd(made.log.hi), unreadAfter, "mei").map(({ row }) => row);

test("a day is announced once, before its first entry", () => {
  const made = room({ at: NOON }, { at: NOON + MINUTE }, { at: NOON + 24 * 60 * MINUTE });
  expect(kinds(made)).toEqual(["day", "text", "text", "day", "text"]);
});

test("texts of one person stand together for five minutes, until somebody else says or does something", () => {
  const made = room({ at: NOON }, { at: NOON + MINUTE }, { at: NOON + 7 * MINUTE }, { at: NOON + 8 * MINUTE, user: "ana" }, { at: NOON + 8 * MINUTE, kind: "join", user: "ana" });
  const firsts = rowsOf(made, [], atEnd(5), undefined, "mei").flatMap((row) => (row.row === "text" ? [row.isFirst] : []));
  expect(firsts).toEqual([true, false, true, true]);
});

test("the line for new messages stands behind what was read", () => {
  const made = room({ at: NOON }, { at: NOON }, { at: NOON });
  expect(kinds(made, 2)).toEqual(["day", "text", "text", "unread", "text"]);
});

test("unanswered posts stand at the end, and not in a window that lies higher up", () => {
  const made = room({ at: NOON });
  const post = { id: "p1", room: "room1", n: 1, body: "x", at: NOON, state: "waiting" as const };
  expect(rowsOf(made, [post], { from: 1, to: Infinity }, undefined, "mei").at(-1)).toMatchObject({ row: "post", key: "pp1" });
  expect(rowsOf(made, [post], { from: 1, to: 1 }, undefined, "mei").some(({ row }) => row === "post")).toBe(false);
});

test("a stored message keeps the key of its post, so that it stays the same element", () => {
  const made = room({ at: NOON, user: "mei", device: "d1", n: 1, id: "p1" });
  expect(rowsOf(made, [], atEnd(1), undefined, "mei").at(-1)?.key).toBe("pp1");
});

test("readers stand at the last entry that they have read, only members, never the author or I", () => {
  const made = room({ at: NOON }, { at: NOON, user: "ana" }, { at: NOON });
  made.members = ["mei", "tom", "ana"].map((user) => ({ user, display: user, role: "member", read: 0 }));
  made.reads = new Map([["ana", 2], ["tom", 2], ["mei", 3], ["gone", 3]]);
  const readers = rowsOf(made, [], atEnd(3), undefined, "mei").flatMap((row) => (row.row === "text" ? [row.readers] : []));
  expect(readers).toEqual([[], ["tom"], []]);
});
