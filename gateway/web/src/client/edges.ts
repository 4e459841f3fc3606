/** Where a connection may be opened: the edges that the server names, best first, and the page's own origin as the last. */

/** Named edges that are tried before the page's own origin. */
export const MAX_EDGES = 3;

export class Edges {
  private known: readonly string[] = [];

  /**
   * `own`: the WebSocket of the page's origin. `ask`: the edges that the server names now; undefined where nobody
   * answers. It throws a `Refusal` where the server says to come later.
   */
  constructor(private readonly own: string, private readonly ask: () => Promise<readonly string[] | undefined>) {}

  /** The addresses for the next connection. The server is asked each time: edges come, go and fill up. */
  async candidates(): Promise<string[]> {
    const named = await this.ask();
    if (named) this.known = named;
    // Nobody is there to ask: what was named before at other hosts may still be. At this host it is as gone.
    return this.usable(named ?? this.known.filter((url) => hostOf(url) !== hostOf(this.own)));
  }

  /** Of named addresses those that may be used, and the own one. A token that came over TLS goes over nothing less. */
  usable(named: readonly string[]): string[] {
    const schemes = this.own.startsWith("wss:") ? ["wss:"] : ["ws:", "wss:"];
    const edges = named.filter((url) => schemes.some((scheme) => url.startsWith(`${scheme}//`)));
    return [...new Set([...edges.slice(0, MAX_EDGES), this.own])];
  }
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : "";
}
