import { beforeEach, expect, test } from "vitest";
import { Edges, MAX_EDGES } from "../../src/client/edges";

let answer: string[] | undefined;
const ask = async (): Promise<string[] | undefined> => answer;

beforeEach(() => void (answer = []));

test("the edges that the server names come first, the page's own origin is the last", async () => {
  answer = ["wss://a.example/ws", "wss://b.example/ws"];
  expect(await new Edges("wss://chat.example/ws", ask).candidates()).toEqual(["wss://a.example/ws", "wss://b.example/ws", "wss://chat.example/ws"]);
});

test("a server that names none, or does not know how to, has the page's own origin", async () => {
  expect(await new Edges("ws://chat.example/ws", ask).candidates()).toEqual(["ws://chat.example/ws"]);
});

test("the server is asked before each connection", async () => {
  const edges = new Edges("ws://chat.example/ws", ask);
  answer = ["ws://a.example/ws"];
  await edges.candidates();
  answer = ["ws://b.example/ws"];
  expect(await edges.candidates()).toEqual(["ws://b.example/ws", "ws://chat.example/ws"]);
});

test("where nobody answers, edges at other hosts that were named before are tried; what is at this host is as gone", async () => {
  const edges = new Edges("ws://chat.example/ws", ask);
  answer = ["ws://chat.example:40001/ws", "ws://b.example/ws"];
  await edges.candidates();
  answer = undefined;
  expect(await edges.candidates()).toEqual(["ws://b.example/ws", "ws://chat.example/ws"]);
});

test("a page that came over TLS sends its token over nothing less, and an address of another kind is passed over", () => {
  const named = ["ws://a.example/ws", "https://b.example/ws", "wss://c.example/ws", "nonsense"];
  expect(new Edges("wss://chat.example/ws", ask).usable(named)).toEqual(["wss://c.example/ws", "wss://chat.example/ws"]);
  expect(new Edges("ws://chat.example/ws", ask).usable(named)).toEqual(["ws://a.example/ws", "wss://c.example/ws", "ws://chat.example/ws"]);
});

test("only a few are tried, the own origin once and always", () => {
  const named = Array.from({ length: 20 }, (_, at) => `ws://edge-${at}/ws`);
  const usable = new Edges("ws://edge-0/ws", ask).usable(named);
  expect(usable).toEqual(named.slice(0, MAX_EDGES));
  expect(new Edges("ws://own/ws", ask).usable(named).at(-1)).toBe("ws://own/ws");
});
