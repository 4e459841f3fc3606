/**
 * Which tab of this browser owns the connection. A device has one connection and one count of posts per room, so one
 * tab leads and the others mirror it. Two leaders for a moment do no harm: numbers are stored before they are used,
 * and the server closes the older connection.
 */

export interface Leadership {
  /** Lead as soon as no other tab does. */
  seek(): void;
  /** Lead now: the other tab is gone or asleep, or the person wants it here. */
  seize(): void;
  /** Stop: another tab may lead. */
  release(): void;
}

export interface LeadershipEvents {
  gained(): void;
  lost(): void;
}

/** By Web Locks, where the page has a secure origin: the browser itself hands the lead on when a tab dies. */
export class LockLeadership implements Leadership {
  private letGo: (() => void) | undefined;

  constructor(private readonly name: string, private readonly events: LeadershipEvents, private readonly locks: LockManager) {}

  seek(): void {
    this.request({});
  }

  seize(): void {
    this.request({ steal: true });
  }

  release(): void {
    this.letGo?.();
    this.letGo = undefined;
  }

  private request(options: LockOptions): void {
    this.locks.request(this.name, options, () => this.hold()).catch(() => this.stolen());
  }

  private hold(): Promise<void> {
    this.events.gained();
    return new Promise((resolve) => (this.letGo = resolve));
  }

  private stolen(): void {
    this.letGo = undefined;
    this.events.lost();
    this.seek(); // stand in line again, for when that tab closes
  }
}

/** How long a living leader may take to answer. */
const ANSWER_MS = 150;

type Claim = { claim: "who" | "here" | "mine" | "free" };

/** By claims on a BroadcastChannel, on a plain origin where Web Locks do not exist: the last claim wins. */
export class ClaimLeadership implements Leadership {
  private leads = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly channel: Pick<BroadcastChannel, "postMessage" | "onmessage">, private readonly events: LeadershipEvents) {
    channel.onmessage = (message: MessageEvent<Claim>) => this.hear(message.data);
  }

  seek(): void {
    if (this.leads) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.seize(), ANSWER_MS * (1 + Math.random()));
    this.tell("who"); // last: the answer stops the timer
  }

  seize(): void {
    clearTimeout(this.timer);
    if (this.leads) return;
    this.leads = true;
    this.tell("mine");
    this.events.gained();
  }

  release(): void {
    clearTimeout(this.timer);
    if (!this.leads) return;
    this.leads = false;
    this.tell("free");
  }

  private hear({ claim }: Claim): void {
    if (claim === "who" && this.leads) this.tell("here");
    if (claim === "here" || claim === "mine") clearTimeout(this.timer);
    if (claim === "free") this.seek();
    if (claim === "mine" && this.leads) {
      this.leads = false;
      this.events.lost();
    }
  }

  private tell(claim: Claim["claim"]): void {
    this.channel.postMessage({ claim } satisfies Claim);
  }
}

export function openLeadership(device: string, events: LeadershipEvents): Leadership {
  const name = `warbler.lead.${device}`;
  const locks = navigator.locks as LockManager | undefined; // absent on plain origins
  if (locks) return new LockLeadership(name, events, locks);
  const claims = new ClaimLeadership(new BroadcastChannel(name), events);
  addEventListener("pagehide", () => claims.release());
  return claims;
}
