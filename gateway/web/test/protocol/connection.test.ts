import { expect, test } from "vitest";
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS, Connection, GHOST_MS, OPEN_LIMIT_MS, PONG_LIMIT_MS, QUIET_MS, STABLE_MS } from "../../src/protocol/connection";

const half = (): number => 0.5;

function ready(now = 0): Connection {
  const connection = new Connection(half);
  connection.on({ in: "start" }, now);
  connection.on({ in: "opened" }, now);
  connection.on({ in: "frame" }, now);
  connection.on({ in: "welcome" }, now);
  return connection;
}

test("a start opens a socket, greets on it, and is ready with the welcome", () => {
  const connection = new Connection(half);
  expect(connection.on({ in: "start" }, 0)).toEqual(["open"]);
  expect(connection.on({ in: "opened" }, 1)).toEqual(["hello"]);
  connection.on({ in: "welcome" }, 2);
  expect(connection.phase).toBe("ready");
});

test.each([1006, 1001, 1011, 4000, 4099])("after close code %i it waits a jittered moment and connects again", (code) => {
  const connection = ready();
  expect(connection.on({ in: "closed", code }, 100)).toEqual([]);
  expect(connection.phase).toBe("waiting");
  const wait = (connection.wakeAt ?? 0) - 100;
  expect(wait).toBeGreaterThanOrEqual(BACKOFF_FIRST_MS * 0.25);
  expect(wait).toBeLessThanOrEqual(BACKOFF_FIRST_MS);
  expect(connection.on({ in: "tick" }, 100 + wait)).toEqual(["open"]);
});

test("the pause grows with each failure up to its limit, and starts small again after a stable connection", () => {
  const connection = ready();
  const waits: number[] = [];
  let now = 0;
  for (let round = 0; round < 10; round += 1) {
    connection.on({ in: "closed", code: 1006 }, now);
    waits.push((connection.wakeAt ?? 0) - now);
    now = connection.wakeAt ?? 0;
    connection.on({ in: "tick" }, now);
  }
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
  expect(Math.max(...waits)).toBeLessThanOrEqual(BACKOFF_MAX_MS);
  connection.on({ in: "opened" }, now);
  connection.on({ in: "welcome" }, now);
  connection.on({ in: "closed", code: 1006 }, now + STABLE_MS);
  expect((connection.wakeAt ?? 0) - now - STABLE_MS).toBeLessThanOrEqual(BACKOFF_FIRST_MS);
});

test("a nudge while it waits connects at once", () => {
  const connection = ready();
  connection.on({ in: "closed", code: 1006 }, 0);
  expect(connection.on({ in: "nudge" }, 1)).toEqual(["open"]);
});

test("close code 4004 is not answered by a reconnect, not even after a nudge, only by a start", () => {
  const connection = ready();
  expect(connection.on({ in: "closed", code: 4004 }, 5)).toEqual([]);
  expect(connection.phase).toBe("replaced");
  expect(connection.wakeAt).toBeUndefined();
  expect(connection.on({ in: "nudge" }, 6)).toEqual([]);
  expect(connection.on({ in: "start" }, 7)).toEqual(["open"]);
});

test("who is replaced soon after a connection ended was replaced by that one, and connects again", () => {
  const connection = ready();
  connection.on({ in: "closed", code: 4000 }, 0);
  connection.on({ in: "nudge" }, 1);
  connection.on({ in: "opened" }, 2);
  connection.on({ in: "welcome" }, 3);
  connection.on({ in: "closed", code: 4004 }, GHOST_MS - 1);
  expect(connection.phase).toBe("waiting");
  connection.on({ in: "nudge" }, GHOST_MS);
  connection.on({ in: "opened" }, GHOST_MS);
  connection.on({ in: "closed", code: 4004 }, GHOST_MS);
  expect(connection.phase).toBe("replaced");
});

test("a connection that was given up may replace the next one too", () => {
  const connection = new Connection(() => 0);
  connection.on({ in: "start" }, 0);
  connection.on({ in: "opened" }, 0);
  const givenUp = connection.wakeAt ?? 0;
  expect(connection.on({ in: "tick" }, givenUp)).toEqual(["drop"]);
  connection.on({ in: "nudge" }, givenUp + 1);
  connection.on({ in: "opened" }, givenUp + 2);
  connection.on({ in: "closed", code: 4004 }, givenUp + 3);
  expect(connection.phase).toBe("waiting");
});

test("a code that asks for a login refreshes the token once and ends when the new one is refused too", () => {
  const connection = ready();
  expect(connection.on({ in: "closed", code: 4101 }, 0)).toEqual(["refresh"]);
  expect(connection.on({ in: "refreshed", ok: true, final: false }, 1)).toEqual(["open"]);
  connection.on({ in: "opened" }, 2);
  expect(connection.on({ in: "closed", code: 4101 }, 3)).toEqual([]);
  expect(connection.phase).toBe("loggedOut");
});

test("a refresh that could not be asked is asked again later; one that was refused logs out", () => {
  const connection = ready();
  connection.on({ in: "closed", code: 4100 }, 0);
  connection.on({ in: "refreshed", ok: false, final: false }, 1);
  expect(connection.phase).toBe("waiting");
  const other = ready();
  other.on({ in: "closed", code: 4100 }, 0);
  other.on({ in: "refreshed", ok: false, final: true }, 1);
  expect(other.phase).toBe("loggedOut");
});

test("a code that blames the client is not repeated", () => {
  const connection = ready();
  connection.on({ in: "closed", code: 4200 }, 0);
  expect(connection.phase).toBe("halted");
  expect(connection.on({ in: "nudge" }, 1)).toEqual([]);
});

test("a silent line is asked, and given up when there is no answer", () => {
  const connection = ready(0);
  expect(connection.on({ in: "tick" }, QUIET_MS)).toEqual(["ping"]);
  expect(connection.on({ in: "tick" }, QUIET_MS + PONG_LIMIT_MS)).toEqual(["drop"]);
  expect(connection.phase).toBe("waiting");
});

test("any frame answers for the line", () => {
  const connection = ready(0);
  connection.on({ in: "tick" }, QUIET_MS);
  connection.on({ in: "frame" }, QUIET_MS + 1);
  expect(connection.on({ in: "tick" }, QUIET_MS + PONG_LIMIT_MS)).toEqual([]);
  expect(connection.phase).toBe("ready");
});

test("a socket that never opens is given up", () => {
  const connection = new Connection(half);
  connection.on({ in: "start" }, 0);
  expect(connection.on({ in: "tick" }, OPEN_LIMIT_MS)).toEqual(["drop"]);
  expect(connection.phase).toBe("waiting");
});

test("the close of a socket that was let go changes nothing", () => {
  const connection = ready();
  expect(connection.on({ in: "stop" }, 1)).toEqual(["drop"]);
  expect(connection.on({ in: "closed", code: 1006 }, 2)).toEqual([]);
  expect(connection.phase).toBe("idle");
});
