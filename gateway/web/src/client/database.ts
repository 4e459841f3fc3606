/** The kept state in IndexedDB: one database a device, one transaction a change. */
import type { OutPost } from "../store/outbox";
import type { Change, Keeper, KeptRoom, Snapshot } from "../store/snapshot";

const VERSION = 1;
const PREFIX = "warbler.";
const STORES = ["meta", "rooms", "lanes"] as const;

interface LaneRow {
  room: string;
  posts: OutPost[];
  next: number;
}

function nameFor(device: string): string {
  return PREFIX + device;
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Another tab that sleeps may hold it open; the browser deletes it once that one wakes. */
function deleted(request: IDBOpenDBRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    request.onsuccess = request.onblocked = () => resolve();
    request.onerror = () => reject(request.error);
  });
}

function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

export class DatabaseKeeper implements Keeper {
  private constructor(private readonly db: IDBDatabase, private readonly factory: IDBFactory) {
    // Another tab erases it (log out): do not stand in the way.
    db.onversionchange = () => db.close();
  }

  static async open(device: string, factory: IDBFactory = indexedDB): Promise<DatabaseKeeper> {
    const request = factory.open(nameFor(device), VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("meta");
      request.result.createObjectStore("rooms", { keyPath: "id" });
      request.result.createObjectStore("lanes", { keyPath: "room" });
    };
    return new DatabaseKeeper(await done(request), factory);
  }

  /** Delete what other devices left, whose log out was cut short. `present`: asked once the names are known. */
  static async sweep(present: () => string | undefined, factory: IDBFactory = indexedDB): Promise<void> {
    const names = (await factory.databases()).flatMap(({ name }) => name ?? []);
    const device = present();
    const left = names.filter((name) => name.startsWith(PREFIX) && (device === undefined || name !== nameFor(device)));
    await Promise.all(left.map((name) => deleted(factory.deleteDatabase(name))));
  }

  async load(): Promise<Snapshot> {
    const transaction = this.db.transaction(STORES, "readonly");
    const since = done(transaction.objectStore("meta").get("since") as IDBRequest<number | undefined>);
    const rooms = done(transaction.objectStore("rooms").getAll() as IDBRequest<KeptRoom[]>);
    const lanes = await done(transaction.objectStore("lanes").getAll() as IDBRequest<LaneRow[]>);
    const counters = new Map(lanes.map((lane) => [lane.room, lane.next]));
    return { since: (await since) ?? 0, rooms: await rooms, posts: lanes.flatMap((lane) => lane.posts), counters };
  }

  async save(change: Change): Promise<void> {
    const transaction = this.db.transaction(STORES, "readwrite");
    if (change.since !== undefined) transaction.objectStore("meta").put(change.since, "since");
    for (const room of change.rooms) transaction.objectStore("rooms").put(room);
    for (const id of change.gone) transaction.objectStore("rooms").delete(id);
    for (const lane of change.lanes) transaction.objectStore("lanes").put(lane satisfies LaneRow);
    await committed(transaction);
  }

  async erase(): Promise<void> {
    const transaction = this.db.transaction(STORES, "readwrite");
    for (const name of STORES) transaction.objectStore(name).clear();
    await committed(transaction);
    this.db.close();
    await deleted(this.factory.deleteDatabase(this.db.name));
  }
}

/** Where a browser keeps nothing (private windows of some): as long as the page lives. */
export class MemoryKeeper implements Keeper {
  async load(): Promise<Snapshot> {
    return { since: 0, rooms: [], posts: [], counters: new Map() };
  }

  async save(): Promise<void> {}

  async erase(): Promise<void> {}
}

export async function openKeeper(device: string): Promise<Keeper> {
  try {
    return await DatabaseKeeper.open(device);
  } catch (error) {
    console.warn("nothing is kept between page loads", error);
    return new MemoryKeeper();
  }
}

/** A page that was left in the middle of a log out could not delete all; the next one does. */
export async function sweepKeepers(present: () => string | undefined): Promise<void> {
  await DatabaseKeeper.sweep(present).catch((error: unknown) => console.warn("what was kept before could not be deleted", error));
}
