/** How soon pages are back when the server is, and that they do not come all at once. */
import { expect, test } from "vitest";
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS, BACKOFF_WATCHED_MS, Connection } from "../../src/protocol/connection";

/** Deterministic numbers from 0 to below 1 (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A connection that was open for long and is lost at 0. */
function lost(random: () => number, isWatched = true): Connection {
  const connection = new Connection(random, () => isWatched);
  connection.on({ in: "start" }, -100_000);
  connection.on({ in: "opened" }, -100_000);
  connection.on({ in: "welcome" }, -100_000);
  connection.on({ in: "closed", code: 1006 }, 0);
  return connection;
}

/** Let all attempts up to `until` fail at once; when the next one is. */
function failUntil(connection: Connection, until: number): number {
  for (let now = connection.wakeAt ?? Infinity; now < until; now = connection.wakeAt ?? Infinity) {
    connection.on({ in: "tick" }, now);
    connection.on({ in: "closed", code: 1006 }, now);
  }
  return connection.wakeAt ?? Infinity;
}

test.each([500, 2_000, 7_000, 30_000, 600_000])("a page that somebody looks at is back within three seconds of the server, gone for %i ms", (gone) => {
  const random = seeded(gone);
  const waits = Array.from({ length: 2_000 }, () => failUntil(lost(random), gone) - gone);
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...waits)).toBeLessThanOrEqual(BACKOFF_WATCHED_MS);
});

test("two thousand pages that lost one server come back spread out", () => {
  const random = seeded(1);
  const gone = 20_000;
  const perTenth = new Map<number, number>();
  for (let page = 0; page < 2_000; page += 1) {
    const tenth = Math.floor((failUntil(lost(random), gone) - gone) / 100);
    perTenth.set(tenth, (perTenth.get(tenth) ?? 0) + 1);
  }
  expect(Math.max(...perTenth.values())).toBeLessThan(200); // evenly they were 80 in each tenth of a second
});

test("a page that nobody looks at asks ever more rarely", () => {
  const connection = lost(() => 1, false);
  expect(failUntil(connection, 300_000) - 300_000).toBeGreaterThan(BACKOFF_WATCHED_MS);
  const before = connection.wakeAt ?? 0;
  connection.on({ in: "tick" }, before);
  connection.on({ in: "closed", code: 1006 }, before);
  expect((connection.wakeAt ?? 0) - before).toBe(BACKOFF_MAX_MS);
});

test("when somebody looks again it tries at once, and starts from the first pause", () => {
  const connection = lost(() => 1, false);
  failUntil(connection, 300_000);
  expect(connection.on({ in: "nudge" }, 300_000)).toEqual(["open"]);
  connection.on({ in: "closed", code: 1006 }, 300_000);
  expect((connection.wakeAt ?? 0) - 300_000).toBe(BACKOFF_FIRST_MS);
});

test("the time that the server named is waited for, also by who looks, and those who were named the same come spread", () => {
  const wakes = [0, 0.5, 1].map((drawn) => {
    const connection = lost(() => drawn);
    connection.on({ in: "tick" }, connection.wakeAt ?? 0);
    connection.on({ in: "opened" }, 1_000);
    connection.on({ in: "refused", retryAfterMs: 5_000, again: false }, 1_000);
    connection.on({ in: "closed", code: 4002 }, 1_000);
    expect(connection.on({ in: "nudge" }, 2_000)).toEqual([]);
    return connection.wakeAt ?? 0;
  });
  expect(Math.min(...wakes)).toBeGreaterThan(6_000);
  expect(Math.max(...wakes)).toBeLessThanOrEqual(6_000 + BACKOFF_FIRST_MS);
  expect(new Set(wakes).size).toBe(3);
});

test("a refresh that is to come later comes later", () => {
  const connection = lost(() => 0.5);
  connection.on({ in: "tick" }, connection.wakeAt ?? 0);
  connection.on({ in: "closed", code: 4100 }, 1_000);
  connection.on({ in: "refreshed", ok: false, final: false, retryAfterMs: 9_000 }, 1_000);
  expect(connection.phase).toBe("waiting");
  expect(connection.wakeAt ?? 0).toBeGreaterThan(10_000);
});

test("one that is to speak another version comes again at once, and blames itself only when that is refused, too", () => {
  const connection = lost(() => 0.5);
  connection.on({ in: "tick" }, connection.wakeAt ?? 0);
  connection.on({ in: "opened" }, 1_000);
  connection.on({ in: "refused", retryAfterMs: 0, again: true }, 1_000);
  expect(connection.on({ in: "closed", code: 4203 }, 1_000)).toEqual(["open"]);
  connection.on({ in: "opened" }, 1_000);
  expect(connection.on({ in: "closed", code: 4203 }, 1_000)).toEqual([]);
  expect(connection.phase).toBe("halted");
});
