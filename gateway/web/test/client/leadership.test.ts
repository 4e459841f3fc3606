import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ClaimLeadership, LockLeadership, type Leadership } from "../../src/client/leadership";

type Channel = Pick<BroadcastChannel, "postMessage" | "onmessage">;
let channels: Channel[];
let log: string[];

function claiming(name: string): Leadership {
  const own: Channel = {
    onmessage: null,
    postMessage: (data: unknown) => {
      for (const other of channels) if (other !== own) other.onmessage?.call(other as BroadcastChannel, { data } as MessageEvent);
    },
  };
  channels.push(own);
  return new ClaimLeadership(own, { gained: () => log.push(`${name} leads`), lost: () => log.push(`${name} follows`) });
}

beforeEach(() => {
  vi.useFakeTimers();
  channels = [];
  log = [];
});
afterEach(() => vi.useRealTimers());

test("without locks a single tab leads after asking around", () => {
  claiming("a").seek();
  expect(log).toEqual([]);
  vi.runAllTimers();
  expect(log).toEqual(["a leads"]);
});

test("without locks a second tab finds the first and follows, and leads when the first goes", () => {
  const a = claiming("a");
  a.seek();
  vi.runAllTimers();
  claiming("b").seek();
  vi.runAllTimers();
  expect(log).toEqual(["a leads"]);
  a.release();
  vi.runAllTimers();
  expect(log).toEqual(["a leads", "b leads"]);
});

test("without locks the last claim wins", () => {
  const [a, b] = [claiming("a"), claiming("b")];
  a.seize();
  b.seize();
  expect(log).toEqual(["a leads", "a follows", "b leads"]);
});

test("with locks a tab whose lock is stolen follows and stands in line again", async () => {
  const asked: LockOptions[] = [];
  let steal: (reason: Error) => void = () => undefined;
  const request = (_: string, options: LockOptions, hold: () => Promise<void>): Promise<void> => {
    asked.push(options);
    if (asked.length > 1) return new Promise(() => undefined);
    void hold();
    return new Promise((_resolve, reject) => (steal = reject));
  };
  const tab = new LockLeadership("lead", { gained: () => log.push("leads"), lost: () => log.push("follows") }, { request } as unknown as LockManager);
  tab.seek();
  steal(new Error("stolen"));
  await vi.advanceTimersByTimeAsync(0);
  expect(log).toEqual(["leads", "follows"]);
  expect(asked).toEqual([{}, {}]);
});
