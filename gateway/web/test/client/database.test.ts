import { IDBFactory } from "fake-indexeddb";
import { expect, test } from "vitest";
import { DatabaseKeeper } from "../../src/client/database";
import { Outbox } from "../../src/store/outbox";
import { newRoom } from "../../src/store/room";
import { keep } from "../../src/store/snapshot";

test("an empty database is an empty snapshot", async () => {
  const keeper = await DatabaseKeeper.open("d1", new IDBFactory());
  expect(await keeper.load()).toEqual({ since: 0, rooms: [], posts: [], counters: new Map() });
});

test("a change is there after opening again, numbers and unanswered posts included", async () => {
  const factory = new IDBFactory();
  const box = new Outbox();
  box.add("room1", "id1", "hello", 1);
  const lane = { room: "room1", posts: box.of("room1"), next: box.counter("room1") };
  const first = await DatabaseKeeper.open("d1", factory);
  await first.save({ since: 4, rooms: [keep(newRoom("room1")), keep(newRoom("room2"))], gone: [], lanes: [lane] });
  await first.save({ since: undefined, rooms: [], gone: ["room2"], lanes: [] });
  const kept = await (await DatabaseKeeper.open("d1", factory)).load();
  expect(kept).toMatchObject({ since: 4, posts: [{ n: 1, id: "id1", body: "hello" }], counters: new Map([["room1", 2]]) });
  expect(kept.rooms.map(({ id }) => id)).toEqual(["room1"]);
});

test("devices do not see each other's state", async () => {
  const factory = new IDBFactory();
  await (await DatabaseKeeper.open("d1", factory)).save({ since: 4, rooms: [], gone: [], lanes: [] });
  expect((await (await DatabaseKeeper.open("d2", factory)).load()).since).toBe(0);
});

test("erasing ends when the database is gone", async () => {
  const factory = new IDBFactory();
  await (await DatabaseKeeper.open("d1", factory)).erase();
  expect(await factory.databases()).toEqual([]);
});

test("what a log out left behind is swept, but not the present device's nor what is not ours", async () => {
  const factory = new IDBFactory();
  for (const device of ["d1", "d2"]) await DatabaseKeeper.open(device, factory);
  const other = factory.open("another program's");
  await new Promise((resolve) => (other.onsuccess = resolve));
  await DatabaseKeeper.sweep(() => "d2", factory);
  expect((await factory.databases()).map(({ name }) => name).sort()).toEqual(["another program's", "warbler.d2"]);
  await DatabaseKeeper.sweep(() => undefined, factory);
  expect((await factory.databases()).map(({ name }) => name)).toEqual(["another program's"]);
});
