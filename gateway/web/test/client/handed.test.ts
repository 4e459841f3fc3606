import { expect, test } from "vitest";
import { Handed } from "../../src/client/handed";
import { MemoryShelf } from "../kit/tabs";

const bodies = (handed: Handed): string[] => handed.all().map(({ body }) => body);

test("what was handed over is found by the next page in the order in which it was written", () => {
  const shelf = new MemoryShelf();
  const first = new Handed("d1", shelf);
  for (const [id, at] of [["c", 1], ["b", 1], ["a", 2], ["z", 2]] as const) first.add(id, "room1", `text ${id}`, at);
  first.drop("b");
  expect(bodies(new Handed("d1", shelf))).toEqual(["text c", "text a", "text z"]);
  expect(new Handed("d1", shelf).all()[0]).toEqual({ id: "c", room: "room1", body: "text c", n: Infinity, at: 1, state: "waiting" });
});

test("one tab takes off what another has put there", () => {
  const shelf = new MemoryShelf();
  const other = new Handed("d1", shelf);
  new Handed("d1", shelf).add("a", "room1", "text", 1);
  other.drop("a");
  expect(shelf.length).toBe(0);
});

test("each device has its own, and clearing one leaves the others", () => {
  const shelf = new MemoryShelf();
  const one = new Handed("d1", shelf);
  one.add("a", "room1", "one", 1);
  new Handed("d2", shelf).add("b", "room1", "two", 1);
  one.clear();
  expect(one.all()).toEqual([]);
  expect(bodies(new Handed("d2", shelf))).toEqual(["two"]);
});

test("damaged keys are passed over, and a shelf that is off or full keeps nothing but this page's own", () => {
  const shelf = new MemoryShelf();
  shelf.setItem("warbler.handed.d1.a", "{");
  shelf.setItem("warbler.handed.d1.b", '{"room": 7}');
  expect(new Handed("d1", shelf).all()).toEqual([]);
  shelf.setItem = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  for (const handed of [new Handed("d1", shelf), new Handed("d1", undefined)]) {
    handed.add("c", "room1", "text", 1);
    expect(bodies(handed)).toEqual(["text"]);
  }
});
