/** Opens a WebSocket at the first of several addresses that answers, each given some seconds. */

/** The part of `WebSocket` that is used. */
export interface Socket {
  send(data: string): void;
  close(): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
}

/** For one address: in a crowd its answer takes some seconds, and who gives up and comes again makes the crowd larger. */
export const EDGE_LIMIT_MS = 10_000;

export class Opening {
  private socket: Socket | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isOver = false;

  /** `done` gets the open socket, or undefined after the last address; after `cancel` it is not called. */
  constructor(private readonly open: (url: string) => Socket, private readonly done: (socket: Socket | undefined) => void) {}

  start(urls: readonly string[]): void {
    if (this.isOver) return;
    const [url, ...rest] = urls;
    if (url === undefined) return this.end(undefined);
    const next = (): void => {
      this.letGo();
      this.start(rest);
    };
    try {
      this.socket = this.open(url);
    } catch (error) {
      console.warn("not to be connected to from this page", url, error); // its policy, or an address of another kind
      return next();
    }
    this.timer = setTimeout(next, EDGE_LIMIT_MS);
    this.socket.onclose = next;
    this.socket.onopen = () => this.end(this.socket);
  }

  cancel(): void {
    this.isOver = true;
    this.letGo();
  }

  private end(socket: Socket | undefined): void {
    this.isOver = true;
    clearTimeout(this.timer);
    this.socket = undefined;
    if (socket) socket.onopen = null;
    this.done(socket);
  }

  private letGo(): void {
    clearTimeout(this.timer);
    letGo(this.socket);
    this.socket = undefined;
  }
}

/** Close it, and hear nothing of it any more. */
export function letGo(socket: Socket | undefined): void {
  if (!socket) return;
  socket.onopen = socket.onmessage = socket.onclose = null;
  socket.close();
}
