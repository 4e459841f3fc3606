import { beforeEach, expect, test } from "vitest";
import type { Failure } from "../../src/protocol/frames";
import { Outbox, RETRY_FIRST_MS, WINDOW } from "../../src/store/outbox";

let box: Outbox;
const failure = (code: string, more: Partial<Failure> = {}): Failure => ({ code, text: code, retry: false, retry_after: null, fields: {}, ...more });
const write = (count: number): void => {
  for (let index = 1; index <= count; index += 1) box.add("room", `id${box.counter("room")}`, `text ${index}`, index);
};
const wire = (now = 0): [number, string][] => box.takeSendable(now).map(({ n, id }) => [n, id]);
const expected = (n: number): Failure => failure("expected", { retry: true, fields: { n } });

beforeEach(() => (box = new Outbox()));

test("posts are numbered from 1, per room, and sent once", () => {
  write(2);
  box.add("other", "x1", "hi", 1);
  expect(wire()).toEqual([[1, "id1"], [2, "id2"], [1, "x1"]]);
  expect(wire()).toEqual([]);
});

test("after a lost connection everything unanswered is repeated with the same numbers and ids", () => {
  write(3);
  wire();
  box.sent("room", 1);
  box.disconnected();
  expect(wire()).toEqual([[2, "id2"], [3, "id3"]]);
});

test("an answer that comes twice counts once", () => {
  write(1);
  wire();
  expect(box.sent("room", 1)?.id).toBe("id1");
  expect(box.sent("room", 1)).toBeUndefined();
});

test("no more than half of the server's limit is in flight", () => {
  write(WINDOW + 10);
  expect(wire()).toHaveLength(WINDOW);
  box.sent("room", 1);
  expect(wire()).toEqual([[WINDOW + 1, `id${WINDOW + 1}`]]);
});

test("a refusal that allows a repeat is repeated after its time with the same number and id", () => {
  write(1);
  wire();
  expect(box.refused("room", 1, failure("rate_limited", { retry: true, retry_after: 3 }), 1000)).toBeUndefined();
  expect(wire(3999)).toEqual([]);
  expect(box.wakeAt(1000)).toBe(4000);
  expect(wire(4000)).toEqual([[1, "id1"]]);
});

test("without a given time the pause doubles from refusal to refusal", () => {
  write(1);
  wire();
  box.refused("room", 1, failure("overloaded", { retry: true }), 0);
  expect(wire(RETRY_FIRST_MS)).toHaveLength(1);
  box.refused("room", 1, failure("overloaded", { retry: true }), RETRY_FIRST_MS);
  expect(wire(2 * RETRY_FIRST_MS)).toEqual([]);
  expect(wire(3 * RETRY_FIRST_MS)).toHaveLength(1);
});

test("`expected` for a post that we still hold repeats from there in order, and not before that one is answered", () => {
  write(3);
  wire();
  box.refused("room", 2, expected(1), 0);
  expect(wire()).toEqual([]); // 1 is still in flight: sending 2 now would only be refused again
  box.refused("room", 3, expected(1), 0);
  box.refused("room", 1, failure("unavailable", { retry: true, retry_after: 1 }), 0);
  expect(wire(1000)).toEqual([[1, "id1"], [2, "id2"], [3, "id3"]]);
});

test("a post that is refused for good gives its number to the next, once nothing is in flight", () => {
  write(3);
  wire();
  expect(box.refused("room", 1, failure("refused"), 0)?.id).toBe("id1");
  expect(box.settle()).toEqual([]);
  expect(wire()).toEqual([]); // copies of 2 and 3 are under way
  box.refused("room", 2, expected(1), 0);
  box.refused("room", 3, expected(1), 0);
  expect(box.settle()).toEqual(["room"]);
  expect(wire()).toEqual([[1, "id2"], [2, "id3"]]);
  expect(box.counter("room")).toBe(3);
});

test("the number of a refused last post is used by the next one written", () => {
  write(1);
  wire();
  box.refused("room", 1, failure("forbidden"), 0);
  box.settle();
  expect(box.add("room", "new", "again", 9).n).toBe(1);
});

test("a connection lost before the others are answered repeats the old numbers first", () => {
  write(2);
  wire();
  box.refused("room", 1, failure("refused"), 0);
  box.disconnected();
  expect(wire()).toEqual([[2, "id2"]]); // it may be under way; the server says what it wants
  box.refused("room", 2, expected(1), 0);
  box.settle();
  expect(wire()).toEqual([[1, "id2"]]);
});

test("`number_used` moves the queue behind the last number that the server has", () => {
  write(2);
  wire();
  box.refused("room", 1, failure("number_used", { fields: { last: 40 } }), 0);
  box.refused("room", 2, failure("number_used", { fields: { last: 40 } }), 0);
  box.settle();
  expect(wire()).toEqual([[41, "id1"], [42, "id2"]]);
});

test("a number that is stored meanwhile is not given away again", () => {
  write(2);
  wire();
  box.refused("room", 1, failure("number_used", { fields: { last: 1 } }), 0);
  box.sent("room", 2);
  box.settle();
  expect(wire()).toEqual([[3, "id1"]]);
});

test("a failed post says why, and is tried again as a new post or dropped", () => {
  write(2);
  wire();
  box.refused("room", 2, failure("refused", { fields: { reason: "spam" } }), 0);
  box.sent("room", 1);
  box.settle();
  expect(box.of("room")[0]).toMatchObject({ state: "failed", error: { code: "refused", fields: { reason: "spam" } } });
  box.retry("room", "id2", "fresh", 50);
  expect(wire()).toEqual([[2, "fresh"]]);
  box.refused("room", 2, failure("refused"), 0);
  box.discard("room", "fresh");
  expect(box.of("room")).toEqual([]);
});

test("what was kept comes back with its numbers, ids and failures", () => {
  write(3);
  wire();
  box.refused("room", 3, failure("refused"), 0);
  const kept = structuredClone(box.of("room"));
  const again = new Outbox();
  again.restore(kept, new Map([["room", box.counter("room")]]));
  expect(again.takeSendable(0).map(({ n, id }) => [n, id])).toEqual([[1, "id1"], [2, "id2"]]);
  expect(again.of("room").filter(({ state }) => state === "failed").map(({ id }) => id)).toEqual(["id3"]);
});

test("`expected` that makes no sense pauses instead of spinning", () => {
  write(1);
  wire();
  box.refused("room", 1, expected(1), 0);
  expect(wire(0)).toEqual([]);
  expect(wire(RETRY_FIRST_MS)).toHaveLength(1);
});
