/** Requests that wait for their answer, by `q`. */
import type { Ask, Asking, Failure, PageFrame } from "../protocol/frames";

export type Answer = { page: PageFrame } | { result: Record<string, unknown> };

/** A refusal as an error that can be thrown and shown. */
export class Refusal extends Error {
  constructor(readonly failure: Failure) {
    super(failure.text || failure.code);
  }
}

/** What is said for the server when there is no connection to it. */
export const OFFLINE: Failure = { code: "offline", text: "", retry: true, retry_after: null, fields: {} };

interface Waiting {
  resolve: (answer: Answer) => void;
  reject: (refusal: Refusal) => void;
}

export class Requests {
  private waiting = new Map<number, Waiting>();
  private last = 0;

  /** `base` keeps the numbers of several tabs on one connection apart. */
  constructor(private readonly base: number) {}

  /** Whether no answer is awaited. */
  get isEmpty(): boolean {
    return this.waiting.size === 0;
  }

  /** A command with its number, and the promise of its answer. */
  open(asking: Asking): { command: Ask; answer: Promise<Answer> } {
    this.last += 1;
    const q = this.base + this.last;
    const answer = new Promise<Answer>((resolve, reject) => this.waiting.set(q, { resolve, reject }));
    return { command: { ...asking, q } as Ask, answer };
  }

  answer(q: number, answer: Answer): boolean {
    const waiting = this.take(q);
    waiting?.resolve(answer);
    return waiting !== undefined;
  }

  fail(q: number, failure: Failure): boolean {
    const waiting = this.take(q);
    waiting?.reject(new Refusal(failure));
    return waiting !== undefined;
  }

  /** The connection is gone: nobody will answer. */
  failAll(failure: Failure): void {
    for (const q of [...this.waiting.keys()]) this.fail(q, failure);
  }

  private take(q: number): Waiting | undefined {
    const waiting = this.waiting.get(q);
    this.waiting.delete(q);
    return waiting;
  }
}
