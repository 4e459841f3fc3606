import { expect, test } from "vitest";
import { around, atEnd, follow, isFollowing, MOST, slide, slideDown, slideUp, type Window } from "../../src/ui/window";

const size = ({ from, to }: Window, hi: number): number => Math.min(to, hi) - from + 1;

test("scrolling up through ten thousand messages never draws more than the bound, and reaches the first", () => {
  let view = atEnd(10_000);
  for (let step = 0; view.from > 1; step += 1) {
    view = slideUp(view, 10_000);
    expect(size(view, 10_000)).toBeLessThanOrEqual(MOST);
    expect(step).toBeLessThan(200);
  }
  expect(isFollowing(view)).toBe(false);
});

test("scrolling down again reaches the newest and follows it", () => {
  let view: Window = { from: 1, to: MOST };
  for (let step = 0; !isFollowing(view); step += 1) {
    view = slideDown(view, 10_000);
    expect(size(view, 10_000)).toBeLessThanOrEqual(MOST);
    expect(step).toBeLessThan(200);
  }
  expect(size(view, 10_000)).toBeLessThanOrEqual(MOST);
});

test("while it follows, what is far above is let go, but not at every message", () => {
  const view = atEnd(100);
  expect(follow(view, 150)).toBe(view);
  expect(size(follow(view, 1_000), 1_000)).toBeLessThanOrEqual(MOST + 1);
});

test("a start in the middle shows the wanted message", () => {
  const view = around(500, 10_000);
  expect(view.from).toBeLessThan(500);
  expect(view.to).toBeGreaterThan(500);
  expect(isFollowing(around(9_990, 10_000))).toBe(true);
});

const STANDS = [false, true].flatMap((isNearTop) => [false, true].flatMap((isNearEnd) => [false, true].map((isPinned) => ({ isNearTop, isNearEnd, isPinned }))));
const LOGS = [{ lo: 0, hi: 0 }, { lo: 1, hi: 1 }, { lo: 1, hi: 300 }, { lo: 40, hi: 60 }, { lo: 5_000, hi: 10_000 }];

test("wherever the reader stands, drawing comes to rest", () => {
  for (const log of LOGS) {
    for (const place of STANDS) {
      for (const start of [atEnd(log.hi), around(log.hi, log.hi), { from: 1, to: 1 }]) {
        let view = start;
        let steps = 0;
        for (let next = slide(view, log, place); next !== view; next = slide(view, log, place)) {
          view = next;
          steps += 1;
          expect(steps).toBeLessThan(200);
        }
      }
    }
  }
});

test("nothing moves while nothing is loaded", () => {
  for (const place of STANDS) {
    const view = atEnd(0);
    expect(slide(view, { lo: 0, hi: 0 }, place)).toBe(view);
  }
});
