import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EDGE_LIMIT_MS, Opening, type Socket } from "../../src/client/opening";
import { FakeSocket } from "../kit/tabs";

let sockets: FakeSocket[];
let results: (Socket | undefined)[];
let opening: Opening;

beforeEach(() => {
  vi.useFakeTimers();
  [sockets, results] = [[], []];
  const open = (url: string): Socket => {
    if (url === "ws://forbidden") throw new Error("not by this page's policy");
    const socket = new FakeSocket(url);
    sockets.push(socket);
    return socket;
  };
  opening = new Opening(open, (socket) => void results.push(socket));
});
afterEach(() => vi.useRealTimers());

const urls = (): string[] => sockets.map(({ url }) => url);

test("the first address that opens is taken", () => {
  opening.start(["ws://a", "ws://b"]);
  sockets[0]?.open();
  vi.advanceTimersByTime(60_000);
  expect([urls(), results]).toEqual([["ws://a"], [sockets[0]]]);
});

test("one that is closed, silent, or forbidden to this page is followed by the next", () => {
  opening.start(["ws://a", "ws://b", "ws://forbidden", "ws://c"]);
  sockets[0]?.drop(1006);
  expect(urls()).toEqual(["ws://a", "ws://b"]);
  vi.advanceTimersByTime(EDGE_LIMIT_MS);
  expect(urls()).toEqual(["ws://a", "ws://b", "ws://c"]);
  expect(sockets[1]?.isClosed).toBe(true);
  sockets[1]?.open(); // too late
  sockets[2]?.open();
  expect(results).toEqual([sockets[2]]);
});

test("after the last address it is told once that there is none", () => {
  opening.start(["ws://a"]);
  vi.advanceTimersByTime(EDGE_LIMIT_MS - 1);
  expect(results).toEqual([]);
  vi.advanceTimersByTime(1);
  sockets[0]?.drop(1006);
  expect(results).toEqual([undefined]);
});

test("one that was cancelled opens nothing more and tells nothing", () => {
  opening.start(["ws://a", "ws://b"]);
  opening.cancel();
  sockets[0]?.open();
  vi.advanceTimersByTime(60_000);
  expect([urls(), results, sockets[0]?.isClosed]).toEqual([["ws://a"], [], true]);
  opening.start(["ws://c"]);
  expect(urls()).toEqual(["ws://a"]);
});
