import { expect, test } from "vitest";
import { isOver, NOBODY, unread, type Room } from "../../src/store/room";
import { Bench, entries, entry, settled } from "../kit/chat";

const info = (more: Record<string, unknown> = {}): Record<string, unknown> => ({ room: "room1", kind: "room", name: "Birds", ...more });

/** A bench that holds texts 1 to 10 of one room. */
function withRoom(): Bench {
  const bench = new Bench();
  bench.welcome([info({ head: 10, read: 10 })], { pages: [{ t: "page", q: 0, room: "room1", entries: entries("room1", 1, 10), head: 10 }] });
  return bench;
}
const log = (bench: Bench): number[] => bench.chat.rooms.get("room1")?.log.entries.map(({ seq }) => seq) ?? [];

test("a welcome that says all is there asks for nothing", () => {
  const bench = withRoom();
  expect(bench.take("pull")).toEqual([]);
  expect(log(bench)).toHaveLength(10);
});

test("a hole in what is pushed is pulled, and what came behind it follows in order", async () => {
  const bench = withRoom();
  bench.hear(entry("room1", 13));
  const [pull] = bench.take("pull");
  expect(pull).toMatchObject({ room: "room1", after: 10 });
  await bench.page(pull?.q ?? 0, "room1", 11, 13, 13);
  expect(log(bench).slice(-4)).toEqual([10, 11, 12, 13]);
  expect(bench.take("pull")).toEqual([]);
});

test.each([
  ["head", { t: "head", room: "room1", head: 12 }],
  ["lagging", { t: "lagging", heads: { room1: 12 } }],
])("a %s frame makes it pull what is missing", (_, frame) => {
  const bench = withRoom();
  bench.hear(frame);
  expect(bench.take("pull")).toMatchObject([{ after: 10 }]);
});

test("a marked room in a welcome is pulled from what is held", () => {
  const bench = withRoom();
  bench.chat.disconnected();
  bench.welcome([info({ head: 15, marked: true })]);
  expect(bench.take("pull")).toMatchObject([{ room: "room1", after: 10 }]);
});

test("a pull that cannot be sent is tried again after a while, not at once", async () => {
  const bench = withRoom();
  bench.isOnline = false;
  let tries = 0;
  bench.chat.port.send = () => {
    tries += 1;
    if (tries > 50) throw new Error("it never stops");
    return false;
  };
  bench.hear({ t: "head", room: "room1", head: 12 });
  await settled();
  expect(tries).toBe(1);
  const wakeAt = bench.chat.upkeep.tick(bench.now);
  expect(wakeAt).toBeGreaterThan(bench.now);
  bench.now = wakeAt ?? 0;
  bench.chat.upkeep.tick(bench.now);
  expect(tries).toBe(2);
});

test("a long absence brings the newest page, and older ones only when asked", async () => {
  const bench = withRoom();
  bench.hear({ t: "head", room: "room1", head: 10_000 });
  const [pull] = bench.take("pull");
  expect(pull).toMatchObject({ before: 10_001 });
  await bench.page(pull?.q ?? 0, "room1", 9_941, 10_000, 10_000);
  expect([log(bench)[0], log(bench).at(-1)]).toEqual([9_941, 10_000]);
  void bench.chat.upkeep.loadOlder("room1");
  expect(bench.take("pull")).toMatchObject([{ before: 9_941 }]);
});

test("a page that brings nothing is not asked for again and again", async () => {
  const bench = withRoom();
  bench.hear({ t: "head", room: "room1", head: 12 });
  const [pull] = bench.take("pull");
  bench.hear({ t: "page", q: pull?.q, room: "room1", entries: [], head: 12 });
  await settled();
  expect(bench.take("pull")).toEqual([]);
});

test("a pull that fails for a while is repeated after its time", async () => {
  const bench = withRoom();
  bench.hear({ t: "head", room: "room1", head: 12 });
  const [pull] = bench.take("pull");
  bench.hear({ t: "error", q: pull?.q, code: "overloaded", text: "", retry: true, retry_after: 2 });
  await settled();
  expect(bench.chat.upkeep.tick(bench.now)).toBe(bench.now + 2000);
  expect(bench.take("pull")).toEqual([]);
  bench.now += 2000;
  bench.chat.upkeep.tick(bench.now);
  expect(bench.take("pull")).toHaveLength(1);
});

test("many marked rooms are pulled a few at a time, the open one first", () => {
  const bench = new Bench();
  bench.chat.open = "room9";
  bench.welcome(Array.from({ length: 10 }, (_, index) => info({ room: `room${index}`, head: 5 + index, marked: true })));
  const pulls = bench.take("pull");
  expect(pulls).toHaveLength(4);
  expect(pulls[0]?.room).toBe("room9");
});

test("a room without a mark is not looked into before somebody looks at it", () => {
  const bench = new Bench();
  bench.welcome([info(), info({ room: "room2" })]);
  expect(bench.take("pull")).toEqual([]);
  const room = bench.chat.rooms.get("room2");
  if (room) bench.chat.upkeep.check(room);
  expect(bench.take("pull")).toMatchObject([{ room: "room2", before: Number.MAX_SAFE_INTEGER }]);
});

test("the name of an unknown author is asked for once", async () => {
  const bench = withRoom();
  bench.chat.upkeep.lookUp("zoe");
  bench.chat.upkeep.lookUp("zoe");
  bench.chat.upkeep.lookUp("mei");
  await settled();
  const [who, ...others] = bench.take("who");
  expect(others).toEqual([]);
  bench.hear({ t: "ok", q: who?.q, result: { user: "zoe", display: "Zoë" } });
  await settled();
  expect(bench.chat.people.get("zoe")).toBe("Zoë");
});

test("an author whose account was deleted has no name, and a direct chat with nobody is over", async () => {
  const bench = withRoom();
  bench.chat.upkeep.lookUp("zoe");
  await settled();
  const [who] = bench.take("who");
  bench.hear({ t: "error", q: who?.q, code: "no_such_user", text: "", retry: false });
  await settled();
  expect(bench.chat.people.get("zoe")).toBe(NOBODY);
  bench.hear({ t: "room", since: 2, room: { room: "chat1", kind: "direct", peer: "tom", peer_display: "Tom" } });
  expect(isOver(bench.chat.rooms.get("chat1") as Room)).toBe(false);
  bench.hear({ t: "room", since: 3, room: { room: "chat1", kind: "direct" } });
  expect(isOver(bench.chat.rooms.get("chat1") as Room)).toBe(true);
  bench.hear({ t: "msg", room: "chat1", seq: 1, at: 1, user: "tom", kind: "leave", body: '{"user":"tom","gone":true}' });
  expect(bench.chat.people.get("tom")).toBe(NOBODY);
});

test("`sent` makes the post an entry of the log, once", () => {
  const bench = withRoom();
  const post = bench.chat.post("room1", "p1", "hello");
  bench.chat.outbox.takeSendable(bench.now);
  bench.hear({ t: "sent", room: "room1", n: post?.n, seq: 11, at: 99 });
  bench.hear({ t: "sent", room: "room1", n: post?.n, seq: 11, at: 99 });
  expect(bench.chat.rooms.get("room1")?.log.at(11)).toMatchObject({ user: "mei", body: "hello", id: "p1" });
  expect(bench.chat.outbox.of("room1")).toEqual([]);
  expect(log(bench)).toHaveLength(11);
});

test.each([{ id: "p1" }, { id: "" }])("an own post that comes back in a page, with or without its id, was sent: its answer was lost %o", async ({ id }) => {
  const bench = withRoom();
  bench.chat.post("room1", "p1", "hello");
  bench.chat.outbox.takeSendable(bench.now);
  bench.chat.disconnected();
  bench.welcome([info({ head: 11, marked: true })]);
  const [pull] = bench.take("pull");
  bench.hear({ t: "page", q: pull?.q, room: "room1", head: 11, entries: [entry("room1", 11, { user: "mei", device: "d1", n: 1, id, body: "hello" })] });
  await settled();
  expect(bench.chat.outbox.of("room1")).toEqual([]);
  expect(bench.chat.outbox.takeSendable(bench.now)).toEqual([]);
  expect(log(bench)).toHaveLength(11);
});

test("another post of ours under the same number is not taken for it", () => {
  const bench = withRoom();
  bench.chat.post("room1", "p1", "hello");
  bench.hear(entry("room1", 11, { user: "mei", device: "d1", n: 1, body: "an older one, before the counter was lost" }));
  expect(bench.chat.outbox.of("room1")).toHaveLength(1);
});

test("being put into a new room, or added to one, counts as unread; what others do among themselves does not", () => {
  const bench = withRoom();
  const room = bench.chat.rooms.get("room1");
  bench.hear(entry("room1", 11, { kind: "create", body: '{"name":"Birds","members":["tom","mei"]}' }));
  bench.hear(entry("room1", 12, { kind: "join", body: '{"user":"mei","display":"Mei"}' }));
  bench.hear(entry("room1", 13, { kind: "join", body: '{"user":"zoe","display":"Zoë"}' }));
  expect(room && unread(room, "mei")).toBe(2);
  expect(bench.chat.people.get("zoe")).toBe("Zoë");
});

test("unread counts what others wrote behind the read mark, here and on other devices", () => {
  const bench = withRoom();
  const room = bench.chat.rooms.get("room1");
  bench.hear(entry("room1", 11));
  bench.hear(entry("room1", 12, { user: "mei", device: "d2" }));
  bench.hear(entry("room1", 13, { kind: "edit", body: '{"name":"x"}' }));
  expect(room && unread(room, "mei")).toBe(1);
  bench.hear({ t: "read", room: "room1", user: "mei", seq: 13 });
  expect(room && unread(room, "mei")).toBe(0);
});

test("entries that are not loaded count as unread too", () => {
  const bench = new Bench();
  bench.welcome([info({ head: 500, read: 100, marked: true })]);
  const room = bench.chat.rooms.get("room1");
  expect(room && unread(room, "mei")).toBe(400);
});

test("a read mark is told once and not more often than its time", () => {
  const bench = withRoom();
  bench.hear(entry("room1", 11));
  bench.chat.markRead("room1", 11);
  bench.chat.upkeep.tick(bench.now);
  expect(bench.take("read")).toEqual([{ t: "read", room: "room1", seq: 11 }]);
  bench.hear(entry("room1", 12));
  bench.chat.markRead("room1", 12);
  const later = bench.chat.upkeep.tick(bench.now) ?? 0;
  expect(bench.take("read")).toEqual([]);
  bench.now = later;
  bench.chat.upkeep.tick(bench.now);
  expect(bench.take("read")).toEqual([{ t: "read", room: "room1", seq: 12 }]);
});

test("only what is stored on the device is acknowledged, at most every two seconds", () => {
  const bench = withRoom();
  bench.chat.upkeep.tick(bench.now);
  expect(bench.take("ack")).toEqual([]);
  bench.chat.upkeep.saved(bench.chat.upkeep.held());
  bench.chat.upkeep.tick(bench.now);
  expect(bench.take("ack")).toEqual([{ t: "ack", room: "room1", seq: 10 }]);
  bench.hear(entry("room1", 11));
  bench.chat.upkeep.saved(bench.chat.upkeep.held());
  expect(bench.chat.upkeep.tick(bench.now)).toBe(bench.now + 2000);
  expect(bench.take("ack")).toEqual([]);
  bench.now += 2000;
  bench.chat.upkeep.tick(bench.now);
  expect(bench.take("ack")).toEqual([{ t: "ack", room: "room1", seq: 11 }]);
});

test("`since` is kept in the same change as the rooms that came with it, and not before all rooms are listed", async () => {
  const bench = new Bench();
  bench.welcome([info()], { more: true });
  expect(bench.chat.takeChange()).toMatchObject({ since: undefined });
  const [list] = bench.take("rooms");
  bench.hear({ t: "ok", q: list?.q, result: { rooms: [info({ room: "room2" })], more: false } });
  await settled();
  const change = bench.chat.takeChange();
  expect(change?.since).toBe(7);
  expect(change?.rooms.map(({ id }) => id)).toContain("room2");
});

test("a room that one was removed from goes, from the device too", () => {
  const bench = withRoom();
  bench.chat.takeChange();
  bench.hear({ t: "room", room: info({ role: "none" }), since: 8 });
  expect(bench.chat.rooms.size).toBe(0);
  expect(bench.chat.takeChange()).toMatchObject({ gone: ["room1"], since: 8 });
});

test("after joining again, what was said in between does not stand in the log", () => {
  const bench = withRoom();
  bench.hear({ t: "room", room: info({ first: 40, head: 40 }), since: 9 });
  expect(log(bench)).toEqual([]);
  expect(bench.take("pull")).toMatchObject([{ before: 41 }]);
});

test("a request without a connection fails at once and says so", async () => {
  const bench = withRoom();
  bench.isOnline = false;
  await expect(bench.chat.ask({ t: "join", room: "room2" })).rejects.toMatchObject({ failure: { code: "offline" } });
});

test("a request whose connection is lost fails", async () => {
  const bench = withRoom();
  const answer = bench.chat.ask({ t: "join", room: "room2" });
  bench.chat.disconnected();
  await expect(answer).rejects.toMatchObject({ failure: { code: "offline" } });
});

test("members fill the directory of names and the read marks", async () => {
  const bench = withRoom();
  const listed = bench.chat.upkeep.listMembers("room1");
  const [ask] = bench.take("members");
  bench.hear({ t: "ok", q: ask?.q, result: { count: 2, more: false, members: [{ user: "tom", display: "Tom O.", role: "owner", read: 9 }, { user: "mei", display: "Mei", role: "member" }] } });
  await listed;
  expect(bench.chat.people.get("tom")).toBe("Tom O.");
  expect(bench.chat.rooms.get("room1")?.reads.get("tom")).toBe(9);
  expect(bench.chat.rooms.get("room1")?.members).toHaveLength(2);
});

test("an entry of an unknown kind with a body that is no JSON harms nothing", () => {
  const bench = withRoom();
  bench.hear(entry("room1", 11, { kind: "later", body: "{" }));
  expect(log(bench)).toHaveLength(11);
});
