import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Line } from "../../src/client/line";
import type { Event } from "../../src/protocol/frames";
import type { Phase } from "../../src/protocol/connection";
import { Refusal } from "../../src/store/requests";
import { FakeSocket, quiet } from "../kit/tabs";

let sockets: FakeSocket[];
let events: Event[];
let phases: Phase[];
let moves: number;
let stays: number;
let addresses: string[];
let isWatched: boolean;
let comeIn: number;
let isQuiet: boolean;
let line: Line;
let drawn: number;

beforeEach(async () => {
  vi.useFakeTimers();
  [sockets, events, phases, moves, stays, isQuiet, drawn] = [[], [], [], 0, 0, true, 0.5];
  [addresses, isWatched, comeIn] = [["ws://own/ws"], true, 0];
  line = new Line({
    addresses: async () => {
      if (comeIn) throw new Refusal({ code: "overloaded", text: "", retry: true, retry_after: comeIn, fields: {} });
      return addresses;
    },
    usable: (named) => named,
    openSocket: (url) => {
      const socket = new FakeSocket(url);
      sockets.push(socket);
      return socket;
    },
    hello: (v, ticket) => ({ t: "hello", v, token: "token", since: 0, agent: "test", ticket }),
    mayMove: () => isQuiet,
    moved: () => void (moves += 1),
    stayed: () => void (stays += 1),
    isWatched: () => isWatched,
    refresh: async () => ({ ok: true, final: false }),
    event: (event) => void events.push(event),
    phase: (phase) => void phases.push(phase),
    random: () => drawn,
  });
  line.input({ in: "start" });
  await quiet();
  sockets[0]?.welcome();
});

afterEach(() => vi.useRealTimers());

const socket = (at: number): FakeSocket => {
  const found = sockets[at];
  if (!found) throw new Error(`no socket ${at}`);
  return found;
};

function ask(): void {
  socket(0).say({ t: "move", urls: ["ws://b/ws"], ticket: "ticket-1", within: 4 });
}

test("a connection that is asked to move is welcomed elsewhere before it leaves, and nobody is shown anything", () => {
  ask();
  expect(sockets).toHaveLength(1);
  vi.advanceTimersByTime(4_000);
  socket(1).open();
  expect(socket(1).frames).toMatchObject([{ t: "hello", ticket: "ticket-1" }]);
  expect(line.send({ t: "ping", q: 1 })).toBe(true);
  expect(socket(0).frames.at(-1)).toEqual({ t: "ping", q: 1 });
  socket(1).welcome();
  expect(socket(0).isClosed).toBe(true);
  expect(moves).toBe(1);
  expect(events.map(({ t }) => t)).toEqual(["welcome", "welcome"]);
  line.send({ t: "ping", q: 2 });
  expect(socket(1).frames.at(-1)).toEqual({ t: "ping", q: 2 });
  expect(phases).toEqual(["opening", "greeting", "ready"]);
});

test("the server may end the old connection as soon as it knows the new one", () => {
  ask();
  vi.advanceTimersByTime(4_000);
  socket(1).open();
  socket(0).drop(4004);
  expect(line.phase).toBe("ready");
  socket(1).welcome();
  expect([line.phase, moves]).toEqual(["ready", 1]);
});

test("a new connection that is refused, broken or silent leaves the old one as it is", () => {
  for (const fail of [
    () => socket(sockets.length - 1).say({ t: "error", q: 0, code: "overloaded", text: "", retry: true }),
    () => socket(sockets.length - 1).drop(1006),
    () => {
      vi.advanceTimersByTime(20_000);
      socket(0).say({ t: "pong", q: 0 }); // the old one is alive
      vi.advanceTimersByTime(20_000);
    },
  ]) {
    ask();
    vi.advanceTimersByTime(4_000);
    socket(sockets.length - 1).open();
    fail();
    expect([line.phase, moves, socket(0).isClosed]).toEqual(["ready", 0, false]);
  }
});

test("where both are gone it connects as after any broken connection", () => {
  ask();
  vi.advanceTimersByTime(4_000);
  socket(1).open();
  socket(0).drop(4004);
  socket(1).drop(1006);
  expect(line.phase).toBe("waiting");
});

test("the moment of a move is drawn within the time given, so that many who are told at once do not move at once", () => {
  for (const [draw, moment] of [[0.25, 800], [0.5, 1_600], [0.75, 2_400]] as const) {
    drawn = draw;
    const before = sockets.length;
    ask();
    vi.advanceTimersByTime(moment - 1);
    expect(sockets).toHaveLength(before);
    vi.advanceTimersByTime(2);
    expect(sockets).toHaveLength(before + 1);
    socket(before).drop(1006);
  }
});

test("answers under way are waited for", () => {
  [drawn, isQuiet] = [0, false];
  ask();
  vi.advanceTimersByTime(4_500);
  expect(sockets).toHaveLength(1);
  isQuiet = true;
  vi.advanceTimersByTime(200);
  expect(sockets).toHaveLength(2);
});

test("answers under way are not waited for for ever: the connection stays where it is", () => {
  [drawn, isQuiet] = [0, false];
  ask();
  vi.advanceTimersByTime(5_500);
  isQuiet = true;
  vi.advanceTimersByTime(4_000);
  expect([sockets.length, line.phase]).toEqual([1, "ready"]);
});

test("a connection that ends before its moment does not move", () => {
  ask();
  socket(0).drop(4000);
  vi.advanceTimersByTime(300_000);
  expect(moves).toBe(0);
  expect(sockets.flatMap(({ frames }) => frames).filter((frame) => frame.t === "hello" && frame.ticket)).toEqual([]);
});

test("a move goes to the first of the named addresses that answers", () => {
  drawn = 0;
  socket(0).say({ t: "move", urls: ["ws://b/ws", "ws://c/ws"], ticket: "ticket-1", within: 4 });
  vi.advanceTimersByTime(0);
  socket(1).drop(1006);
  socket(2).welcome();
  expect(sockets.map(({ url }) => url)).toEqual(["ws://own/ws", "ws://b/ws", "ws://c/ws"]);
  expect([moves, socket(0).isClosed, line.phase]).toEqual([1, true, "ready"]);
});

test("while it moves it says so, and when a move fails its owner hears that it stayed", () => {
  drawn = 0;
  ask();
  vi.advanceTimersByTime(0);
  expect(line.isMoving).toBe(true);
  socket(1).drop(1006);
  expect([line.isMoving, stays]).toEqual([false, 1]);
});

test("after a loss the addresses are asked for again and tried in order", async () => {
  addresses = ["ws://b/ws", "ws://own/ws"];
  socket(0).drop(1006);
  await vi.advanceTimersByTimeAsync(400);
  socket(1).drop(1006);
  socket(2).welcome();
  expect(sockets.slice(1).map(({ url }) => url)).toEqual(["ws://b/ws", "ws://own/ws"]);
  expect(line.phase).toBe("ready");
});

test("a busy server's time is kept", async () => {
  drawn = 0;
  socket(0).drop(1006);
  await vi.advanceTimersByTimeAsync(400);
  socket(1).open();
  socket(1).say({ t: "error", q: 0, code: "overloaded", text: "", retry: true, retry_after: 7 });
  socket(1).drop(4002);
  await vi.advanceTimersByTimeAsync(6_900);
  expect(sockets).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(sockets).toHaveLength(3);
});

test("a server of the version before is spoken to in that one, at once, and the next connection tries the newest again", async () => {
  const refuse = (at: number): void => {
    socket(at).open();
    socket(at).say({ t: "error", q: 0, code: "unsupported_version", text: "", retry: false, fields: { versions: [0, 1] } });
    socket(at).drop(4203);
  };
  socket(0).drop(1006);
  await vi.advanceTimersByTimeAsync(400);
  refuse(1);
  await quiet();
  socket(2).welcome();
  expect(line.phase).toBe("ready");
  expect([1, 2].map((at) => socket(at).frames[0])).toMatchObject([{ t: "hello", v: 2 }, { t: "hello", v: 1 }]);
  socket(2).drop(1006);
  await vi.advanceTimersByTimeAsync(1_000);
  socket(3).open();
  expect(socket(3).frames[0]).toMatchObject({ v: 2 });
});

test("a server that speaks no version of ours is not asked again", async () => {
  socket(0).drop(1006);
  await vi.advanceTimersByTimeAsync(400);
  socket(1).open();
  socket(1).say({ t: "error", q: 0, code: "unsupported_version", text: "", retry: false, fields: { versions: [3, 4] } });
  socket(1).drop(4203);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([line.phase, sockets.length]).toEqual(["halted", 2]);
});

test("where the server says when to come again, no socket is opened before", async () => {
  [drawn, comeIn] = [0, 8];
  socket(0).drop(1006);
  await vi.advanceTimersByTimeAsync(400);
  comeIn = 0;
  await vi.advanceTimersByTimeAsync(7_000);
  expect([line.phase, sockets.length]).toEqual(["waiting", 1]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(sockets).toHaveLength(2);
});
