import { afterEach, expect, test, vi } from "vitest";
import { edges } from "../../src/client/api";

afterEach(() => vi.unstubAllGlobals());

function answering(answer: () => Response | Promise<Response>): void {
  vi.stubGlobal("location", { origin: "https://chat.example", protocol: "https:" });
  vi.stubGlobal("fetch", async (url: URL) => (url.href === "https://chat.example/connect" ? answer() : Response.error()));
}

test("the edges are what the server names, and what is no address is passed over", async () => {
  answering(() => Response.json({ edges: ["wss://a.example/ws", 7, null] }));
  expect(await edges()).toEqual(["wss://a.example/ws"]);
});

test.each([
  [() => new Response("", { status: 404 }), []],
  [() => Response.json({ edges: "none" }), []],
  [() => new Response("", { status: 502 }), undefined],
  [() => new Response("<html>", { status: 200 }), undefined],
  [() => Promise.reject(new TypeError("no network")), undefined],
])("a server that does not know of edges names none, and one that does not answer is not there (%#)", async (answer, named) => {
  answering(answer);
  expect(await edges()).toEqual(named);
});

test("a crowded server says when to come again", async () => {
  answering(() => new Response("", { status: 503, headers: { "Retry-After": "7" } }));
  await expect(edges()).rejects.toMatchObject({ failure: { code: "overloaded", retry: true, retry_after: 7 } });
});
