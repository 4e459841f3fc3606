import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Browser, quiet } from "../kit/tabs";

let browser: Browser;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  browser = new Browser();
});
afterEach(() => vi.useRealTimers());

async function connected(): Promise<Awaited<ReturnType<Browser["tab"]>>> {
  const tab = await browser.tab();
  browser.socketNow.welcome();
  await quiet();
  return tab;
}

test("a post is stored with its number before it is sent", async () => {
  const tab = await connected();
  const seen: number[] = [];
  const save = browser.kept.save.bind(browser.kept);
  browser.kept.save = async (change) => {
    seen.push(browser.socketNow.posts().length);
    await save(change);
  };
  tab.post("room1", "hello");
  await quiet();
  expect(seen[0]).toBe(0);
  expect(browser.socketNow.posts()).toMatchObject([[1, expect.any(String), "hello"]]);
  expect((await browser.kept.load()).posts).toMatchObject([{ n: 1, body: "hello" }]);
});

test("after a reload an unanswered post is sent again with the same number and id", async () => {
  const tab = await connected();
  tab.post("room1", "one");
  tab.post("room1", "two");
  await quiet();
  const before = browser.socketNow.posts();
  browser.socketNow.say({ t: "sent", room: "room1", n: 1, seq: 1, at: 5 });
  tab.flush();
  await quiet();
  await tab.stop(false);
  const again = await connected();
  expect(browser.socketNow.posts()).toEqual([before[1]]);
  again.post("room1", "three");
  await quiet();
  expect(browser.socketNow.posts().map(([n]) => n)).toEqual([2, 3]);
});

test("what is written without a connection is sent when there is one", async () => {
  const tab = await connected();
  browser.socketNow.drop(1006);
  tab.post("room1", "in the dark");
  await quiet();
  await vi.advanceTimersByTimeAsync(1000);
  browser.socketNow.welcome();
  await quiet();
  expect(browser.sockets).toHaveLength(2);
  expect(browser.socketNow.posts()).toMatchObject([[1, expect.any(String), "in the dark"]]);
});

test("close code 4004 shows and opens no other socket until the person asks", async () => {
  const tab = await connected();
  browser.socketNow.drop(4004);
  await vi.advanceTimersByTimeAsync(120_000);
  tab.nudge();
  expect(tab.phase).toBe("replaced");
  expect(browser.sockets).toHaveLength(1);
  tab.startAgain();
  await quiet();
  expect(browser.sockets).toHaveLength(2);
});

test("a second tab opens no socket, sees what the first receives, and posts through it", async () => {
  const first = await connected();
  const second = await browser.tab();
  expect(browser.sockets).toHaveLength(1);
  expect(second.phase).toBe("ready");
  browser.socketNow.say({ t: "msg", room: "room1", seq: 1, at: 1, user: "tom", body: "hi" });
  await quiet();
  expect(second.chat.rooms.get("room1")?.log.hi).toBe(1);
  first.post("room1", "from the first");
  second.post("room1", "from the second");
  await quiet();
  expect(browser.socketNow.posts().map(([n, , body]) => [n, body])).toEqual([[1, "from the first"], [2, "from the second"]]);
  expect(second.chat.outbox.of("room1")).toHaveLength(2);
  browser.socketNow.say({ t: "sent", room: "room1", n: 2, seq: 3, at: 1 });
  browser.socketNow.say({ t: "sent", room: "room1", n: 1, seq: 2, at: 1 });
  await quiet();
  expect(second.chat.outbox.of("room1")).toEqual([]);
  expect(second.chat.rooms.get("room1")?.log.hi).toBe(3);
});

test("questions of a second tab are answered through the first", async () => {
  await connected();
  const second = await browser.tab();
  const answer = second.chat.ask({ t: "who", user: "tom" });
  await quiet();
  const who = browser.socketNow.frames.find((frame) => frame.t === "who");
  browser.socketNow.say({ t: "ok", q: who && "q" in who ? who.q : 0, result: { user: "tom" } });
  await expect(answer).resolves.toEqual({ result: { user: "tom" } });
});

test("a request made before the connection stands waits for it; one that waits too long is refused", async () => {
  const tab = await browser.tab();
  const asked = tab.ask({ t: "join", room: "room2" });
  browser.socketNow.welcome();
  await quiet();
  const join = browser.socketNow.frames.find((frame) => frame.t === "join");
  browser.socketNow.say({ t: "ok", q: join && "q" in join ? join.q : 0 });
  await expect(asked).resolves.toBeUndefined();
  browser.socketNow.drop(1006);
  const refused = expect(tab.ask({ t: "join", room: "room3" })).rejects.toMatchObject({ failure: { code: "offline" } });
  await vi.advanceTimersByTimeAsync(10_000);
  await refused;
});

test("when the leading tab closes, the next one leads with the numbers that were used", async () => {
  const first = await connected();
  const second = await browser.tab();
  first.post("room1", "one");
  await quiet();
  const before = browser.socketNow.posts();
  await first.stop(false);
  await quiet();
  expect(browser.sockets).toHaveLength(2);
  browser.socketNow.welcome();
  second.post("room1", "two");
  await quiet();
  expect(browser.socketNow.posts()).toEqual([before[0], [2, expect.any(String), "two"]]);
});

test("a tab whose leader does not answer takes over, and its post is sent once", async () => {
  const first = await connected();
  const second = await browser.tab();
  vi.spyOn(first as unknown as { fromTab: () => void }, "fromTab").mockImplementation(() => undefined); // asleep
  second.post("room1", "hello?");
  expect(second.unanswered("room1")).toMatchObject([{ body: "hello?", state: "waiting" }]);
  await vi.advanceTimersByTimeAsync(2_100);
  browser.socketNow.welcome();
  await quiet();
  expect(first.chat.leading).toBe(false);
  expect(browser.sockets[0]?.isClosed).toBe(true);
  expect(browser.socketNow.posts()).toMatchObject([[1, expect.any(String), "hello?"]]);
});

test("a post that the leader sent before it went is not sent again by the next", async () => {
  const first = await connected();
  const second = await browser.tab();
  vi.spyOn(second as unknown as { fromTab: () => void }, "fromTab").mockImplementation(() => undefined); // hears nothing any more
  second.post("room1", "once");
  await quiet();
  const [, id] = browser.socketNow.posts()[0] ?? [];
  browser.socketNow.say({ t: "sent", room: "room1", n: 1, seq: 1, at: 1 });
  first.flush();
  await quiet();
  await first.stop(false);
  await quiet();
  browser.socketNow.welcome();
  await quiet();
  expect(id).toBeDefined();
  expect(browser.socketNow.posts()).toEqual([]);
  expect(second.unanswered("room1")).toEqual([]);
});

test("a page that closes before a post is in the database sends it when it is open again, once", async () => {
  const first = await connected();
  vi.spyOn(browser.kept, "save").mockImplementationOnce(() => new Promise(() => undefined)); // the page goes before it is done
  first.post("room1", "closed at once");
  await quiet();
  expect(browser.socketNow.posts()).toEqual([]);
  void first.stop(false);
  const again = await browser.tab();
  expect(again.unanswered("room1")).toMatchObject([{ body: "closed at once" }]);
  browser.socketNow.welcome();
  await quiet();
  expect(browser.socketNow.posts()).toMatchObject([[1, expect.any(String), "closed at once"]]);
  browser.socketNow.say({ t: "sent", room: "room1", n: 1, seq: 1, at: 1 });
  await quiet();
  expect(again.unanswered("room1")).toEqual([]);
  expect(browser.shelf.length).toBe(0);
});

test("a post that the leader stored, and went before it said so, waits once and is sent once", async () => {
  const first = await connected();
  const second = await browser.tab();
  vi.spyOn(second as unknown as { fromTab: () => void }, "fromTab").mockImplementation(() => undefined); // hears nothing any more
  second.post("room1", "stored");
  await quiet();
  await first.stop(false);
  await quiet();
  browser.socketNow.welcome();
  await quiet();
  expect(browser.socketNow.posts()).toHaveLength(1);
  browser.socketNow.say({ t: "sent", room: "room1", n: 1, seq: 1, at: 1 });
  await quiet();
  expect(second.unanswered("room1")).toEqual([]);
});

test("logging out takes what waits off the shelf", async () => {
  const tab = await browser.tab();
  vi.spyOn(browser.kept, "save").mockImplementation(() => new Promise(() => undefined));
  tab.post("room1", "secret");
  expect(browser.shelf.length).toBe(1);
  void tab.stop(true);
  vi.restoreAllMocks();
  await quiet();
  expect(browser.shelf.length).toBe(0);
});

test("a post that a tab hands over twice is sent once, also when the first was stored meanwhile", async () => {
  await connected();
  const second = await browser.tab();
  second.post("room1", "once");
  await quiet();
  const [, id] = browser.socketNow.posts()[0] ?? ["", ""];
  browser.socketNow.say({ t: "sent", room: "room1", n: 1, seq: 1, at: 1 });
  browser.channel().postMessage({ k: "post", room: "room1", id: id as string, body: "once" });
  await quiet();
  expect(browser.socketNow.posts()).toHaveLength(1);
});

test("what one tab has read is read in the others, and told once", async () => {
  const first = await connected();
  const second = await browser.tab();
  browser.socketNow.say({ t: "msg", room: "room1", seq: 1, at: 1, user: "tom", body: "hi" });
  await quiet();
  second.seen("room1", 1);
  await quiet();
  expect(first.chat.rooms.get("room1")?.read).toBe(1);
  expect(browser.socketNow.frames.filter(({ t }) => t === "read")).toEqual([{ t: "read", room: "room1", seq: 1 }]);
});

test("entries are acknowledged after they are stored", async () => {
  await connected();
  browser.socketNow.say({ t: "msg", room: "room1", seq: 1, at: 1, user: "tom", body: "hi" });
  await quiet();
  expect(browser.socketNow.frames.some(({ t }) => t === "ack")).toBe(false);
  await vi.advanceTimersByTimeAsync(300);
  await quiet();
  expect(browser.socketNow.frames.filter(({ t }) => t === "ack")).toEqual([{ t: "ack", room: "room1", seq: 1 }]);
  expect((await browser.kept.load()).rooms[0]?.tail).toHaveLength(1);
});

test("a tab that is seen wakes a hidden leader that waits, so that people are back as soon as in one tab", async () => {
  await browser.tab(false);
  for (let losses = 0; losses < 8; losses += 1) {
    browser.socketNow.drop(1006);
    if (losses < 7) await vi.advanceTimersByTimeAsync(20_000);
  }
  const before = browser.sockets.length;
  const seen = await browser.tab();
  expect(seen.phase).toBe("waiting");
  await vi.advanceTimersByTimeAsync(2_500);
  expect(browser.sockets.length).toBe(before + 1);
});

test("what cannot be repeated waits while the connection moves, and goes over the new one", async () => {
  const tab = await connected();
  browser.socketNow.say({ t: "move", urls: ["ws://b/ws"], ticket: "ticket-1", within: 0 });
  await vi.advanceTimersByTimeAsync(1);
  const [before, after] = browser.sockets;
  const asked = tab.ask({ t: "join", room: "room2" });
  await quiet();
  expect(before?.frames.some(({ t }) => t === "join")).toBe(false);
  after?.welcome();
  await quiet();
  const join = after?.frames.find((frame) => frame.t === "join");
  after?.say({ t: "ok", q: join && "q" in join ? join.q : 0 });
  await expect(asked).resolves.toBeUndefined();
});

test("a word of the operators is shown in every tab", async () => {
  await connected();
  await browser.tab();
  browser.socketNow.say({ t: "notice", text: "Back at eight.", at: 1 });
  await quiet();
  expect(browser.notices).toEqual(["Back at eight.", "Back at eight."]);
});

test("a tab whose tokens another one has renewed takes those, and does not show the old refresh token again", async () => {
  await connected();
  browser.credentials = { user: "mei", device: "d1", display: "Mei", token: "token-2", refresh: "refresh-2" };
  browser.socketNow.drop(4100);
  await quiet();
  browser.socketNow.open();
  expect(browser.socketNow.frames[0]).toMatchObject({ t: "hello", token: "token-2" });
  expect(browser.refreshed).toEqual([]);
});

test("a refresh whose answer is lost is asked again with the same token", async () => {
  await connected();
  browser.refreshFails = 1;
  browser.socketNow.drop(4100);
  await vi.advanceTimersByTimeAsync(400);
  browser.socketNow.open();
  browser.socketNow.drop(4100);
  await quiet();
  browser.socketNow.open();
  expect(browser.refreshed).toEqual(["refresh", "refresh"]);
  expect(browser.socketNow.frames[0]).toMatchObject({ t: "hello", token: "token after refresh" });
});
