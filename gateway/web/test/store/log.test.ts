import { expect, test } from "vitest";
import { decodeEntry } from "../../src/protocol/decode";
import type { Entry } from "../../src/protocol/frames";
import { Log } from "../../src/store/log";
import { entry } from "../kit/chat";

const at = (seq: number): Entry => decodeEntry(entry("room", seq), "room");
const span = (from: number, to: number): Entry[] => Array.from({ length: to - from + 1 }, (_, index) => at(from + index));
const seqs = (log: Log): number[] => log.entries.map(({ seq }) => seq);

test("an entry behind a hole waits until the hole is filled", () => {
  const log = new Log();
  log.append(span(1, 3));
  expect(log.add(at(6))).toBe(false);
  expect(log.add(at(5))).toBe(false);
  expect([log.hi, log.seen]).toEqual([3, 6]);
  expect(log.add(at(4))).toBe(true);
  expect(seqs(log)).toEqual([1, 2, 3, 4, 5, 6]);
});

test("what comes twice is kept once", () => {
  const log = new Log();
  log.append(span(1, 4));
  log.append(span(2, 5));
  log.add(at(5));
  expect(seqs(log)).toEqual([1, 2, 3, 4, 5]);
});

test("older pages join where they touch, overlap or not, and are ignored where they do not", () => {
  const log = new Log();
  log.restart(span(10, 12));
  log.prepend(span(1, 8));
  expect(log.lo).toBe(10);
  log.prepend(span(7, 11));
  expect(seqs(log)).toEqual([7, 8, 9, 10, 11, 12]);
});

test("a restart far ahead takes up what was waiting behind it", () => {
  const log = new Log();
  log.restart(span(1, 2));
  log.add(at(103));
  log.restart(span(100, 102));
  expect(seqs(log)).toEqual([100, 101, 102, 103]);
});
