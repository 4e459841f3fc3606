import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Line } from "../../src/client/line";
import type { Command, Event } from "../../src/protocol/frames";
import type { Phase } from "../../src/protocol/connection";
import { FakeSocket } from "../kit/tabs";

let sockets: FakeSocket[];
let events: Event[];
let phases: Phase[];
let moves: number;
let isQuiet: boolean;
let line: Line;
let drawn: number;

beforeEach(() => {
  vi.useFakeTimers();
  [sockets, events, phases, moves, isQuiet, drawn] = [[], [], [], 0, true, 0.5];
  line = new Line({
    openSocket: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    hello: (ticket) => ({ t: "hello", v: 1, token: "token", since: 0, agent: "test", ticket }) as Command,
    mayMove: () => isQuiet,
    moved: () => void (moves += 1),
    refresh: async () => ({ ok: true, final: false }),
    event: (event) => void events.push(event),
    phase: (phase) => void phases.push(phase),
    random: () => drawn,
  });
  line.input({ in: "start" });
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
    () => void vi.advanceTimersByTime(15_000),
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
