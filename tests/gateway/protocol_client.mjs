// A client of the wire protocol, written from docs/protocol.md alone and from RFC 6455. It needs nothing but Node.js.
//
//   node protocol_client.mjs HOST PORT TOKEN
//
// reads commands from its input, one JSON array a line, and answers each with a line of JSON:
//   ["direct", USER]            -> {"room"}                 open the direct chat
//   ["post", ROOM, BODY, ...]   -> {"seqs"}                 send these texts, one after the other without waiting
//   ["until", ROOM, SEQ]        -> {"entries"}              wait for the log up to SEQ; what it has of it, in order
//   ["raw", TEXT]               -> {"frame"}                send a text as it is; the next `error`
//   ["cut"]                     -> {"cut": true}            break the connection; everything goes on by itself
//   ["forget"]                  -> {"forgot": true}         forget all numbers, as a new program for an old device would
//   ["state"]                   -> {"welcomes", "closed"}   how often it was welcomed, and the last close code
// A close code that forbids to connect again ends it with exit code 3.

import { createHash, randomBytes } from "node:crypto";
import { connect } from "node:net";
import { createInterface } from "node:readline";

const [host, port, token] = process.argv.slice(2);
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const WINDOW = 64;

/** A WebSocket over TCP: RFC 6455, the client's side, text messages only. */
class Socket {
  constructor(onText, onClose) {
    this.onText = onText;
    this.onClose = onClose;
    this.buffer = Buffer.alloc(0);
    this.parts = [];
    this.code = 1006;
    this.isOpen = false;
    this.key = randomBytes(16).toString("base64");
    this.tcp = connect(Number(port), host, () => {
      this.tcp.write(
        `GET /ws HTTP/1.1\r\nHost: ${host}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          `Sec-WebSocket-Key: ${this.key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: warbler.v1\r\n\r\n`,
      );
    });
    this.tcp.on("data", (data) => this.take(data));
    this.tcp.on("error", () => {});
    this.tcp.on("close", () => this.onClose(this.code));
  }

  take(data) {
    this.buffer = Buffer.concat([this.buffer, data]);
    if (!this.isOpen && !this.takeHead()) return;
    for (let frame = this.nextFrame(); frame; frame = this.nextFrame()) this.takeFrame(frame);
  }

  takeHead() {
    const end = this.buffer.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const lines = this.buffer.subarray(0, end).toString("latin1").split("\r\n");
    this.buffer = this.buffer.subarray(end + 4);
    const accept = createHash("sha1").update(this.key + GUID).digest("base64");
    const headers = new Map(lines.slice(1).map((line) => [line.split(":")[0].toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
    if (!lines[0].startsWith("HTTP/1.1 101") || headers.get("sec-websocket-accept") !== accept) {
      this.tcp.destroy();
      return false;
    }
    this.isOpen = true;
    this.send(JSON.stringify(client.hello()));
    return true;
  }

  nextFrame() {
    if (this.buffer.length < 2) return null;
    let size = this.buffer[1];
    let start = 2;
    if (size === 126) {
      if (this.buffer.length < 4) return null;
      size = this.buffer.readUInt16BE(2);
      start = 4;
    } else if (size === 127) {
      if (this.buffer.length < 10) return null;
      size = Number(this.buffer.readBigUInt64BE(2));
      start = 10;
    }
    if (this.buffer.length < start + size) return null;
    const frame = { head: this.buffer[0], payload: this.buffer.subarray(start, start + size) };
    this.buffer = this.buffer.subarray(start + size);
    return frame;
  }

  takeFrame({ head, payload }) {
    const opcode = head & 0x0f;
    if (opcode === 0x8) {
      if (payload.length >= 2) this.code = payload.readUInt16BE(0);
      this.write(0x88, payload);
      this.tcp.end();
    } else if (opcode === 0x9) {
      this.write(0x8a, payload);
    } else if (opcode === 0x0 || opcode === 0x1) {
      this.parts.push(payload);
      if (head & 0x80) {
        const text = Buffer.concat(this.parts).toString("utf8");
        this.parts = [];
        this.onText(text);
      }
    }
  }

  write(head, payload) {
    const size = payload.length;
    const prefix = size < 126 ? Buffer.from([head, 0x80 | size]) : Buffer.from([head, 0x80 | 126, size >> 8, size & 0xff]);
    const mask = randomBytes(4);
    const masked = Buffer.from(payload.map((byte, place) => byte ^ mask[place % 4]));
    this.tcp.write(Buffer.concat([prefix, mask, masked]));
  }

  send(text) {
    this.write(0x81, Buffer.from(text, "utf8"));
  }
}

/** The posts of this device to one room. */
class Outbox {
  constructor() {
    this.posts = [];
    this.nextN = 1;
    this.isSure = false;
    this.isBroken = false;
    this.waits = false;
  }

  underWay() {
    return this.posts.filter((post) => post.isSent).length;
  }
}

class Client {
  constructor() {
    this.since = 0;
    this.q = 0;
    this.requests = new Map();
    this.outboxes = new Map();
    this.rooms = new Map();
    this.watchers = [];
    this.welcomes = 0;
    this.closed = 0;
    this.attempt = 0;
    this.isWelcomed = false;
    this.onError = null;
    this.retryAfter = 0;
  }

  open() {
    this.socket = new Socket(
      (text) => this.receive(JSON.parse(text)),
      (code) => this.lost(code),
    );
  }

  hello() {
    return { t: "hello", v: 1, token, since: this.since, agent: "protocol page" };
  }

  lost(code) {
    this.closed = code;
    this.isWelcomed = false;
    if (code === 4004 || (code >= 4100 && code < 4300) || [1002, 1003, 1007, 1009].includes(code)) {
      process.stderr.write(`closed with ${code}\n`);
      process.exit(3);
    }
    for (const room of this.rooms.values()) room.isPulling = false;
    for (const box of this.outboxes.values()) {
      box.isBroken = false;
      for (const post of box.posts) post.isSent = false;
    }
    const backoff = Math.min(30, 0.5 * 2 ** this.attempt++) * Math.random();
    setTimeout(() => this.open(), Math.max(backoff, this.retryAfter) * 1000);
  }

  receive(frame) {
    const handler = this[`on_${frame.t}`];
    if (handler) handler.call(this, frame);
    for (const watcher of [...this.watchers]) watcher();
  }

  say(frame) {
    if (this.isWelcomed) this.socket.send(JSON.stringify(frame));
  }

  // --- requests ---

  request(frame) {
    const q = ++this.q;
    return new Promise((done) => {
      this.requests.set(q, { frame: { ...frame, q }, done });
      this.say({ ...frame, q });
    });
  }

  on_ok({ q, result = {} }) {
    this.requests.get(q)?.done({ result });
    this.requests.delete(q);
  }

  on_error(frame) {
    if (frame.q && this.requests.has(frame.q)) {
      this.requests.get(frame.q).done({ error: frame });
      this.requests.delete(frame.q);
    } else {
      this.retryAfter = frame.retry_after ?? 0;
      this.onError?.(frame);
    }
  }

  // --- what there is in a room ---

  room(id) {
    if (!this.rooms.has(id)) this.rooms.set(id, { id, have: 0, head: 0, log: [], isPulling: false });
    return this.rooms.get(id);
  }

  add(room, entry) {
    room.have = entry.seq;
    room.log.push({ seq: entry.seq, user: entry.user, kind: entry.kind ?? "text", body: entry.body ?? "" });
  }

  repair(room) {
    if (room.isPulling || room.head <= room.have || !this.isWelcomed) return;
    room.isPulling = true;
    const q = ++this.q;
    this.requests.set(q, { pulls: room, done: () => {} });
    this.say({ t: "pull", q, room: room.id, after: room.have, limit: 50 });
  }

  on_msg(entry) {
    const room = this.room(entry.room);
    if (entry.seq === room.have + 1 && !room.isPulling) this.add(room, entry);
    this.cameTo(room, entry.seq);
  }

  cameTo(room, head) {
    room.head = Math.max(room.head, head);
    this.repair(room);
  }

  on_head({ room, head }) {
    this.cameTo(this.room(room), head);
  }

  on_lagging({ heads }) {
    for (const [room, head] of Object.entries(heads)) this.cameTo(this.room(room), head);
  }

  on_room({ room, since }) {
    this.cameTo(this.room(room.room), room.head ?? 0);
    this.since = since;
  }

  on_page({ q, room: id, entries, head, more = false }) {
    const room = this.room(id);
    room.isPulling = false;
    this.requests.delete(q);
    for (const entry of entries) if (entry.seq > room.have) this.add(room, entry);
    if (!entries.length && !more) room.have = Math.max(room.have, head);
    this.say({ t: "ack", room: id, seq: room.have });
    this.cameTo(room, head);
  }

  on_welcome(frame) {
    this.isWelcomed = true;
    this.user = frame.user;
    this.welcomes += 1;
    this.attempt = 0;
    this.retryAfter = 0;
    for (const [q, request] of [...this.requests]) {
      if (request.pulls) this.requests.delete(q);
      else this.say(request.frame);
    }
    for (const info of frame.rooms) this.cameTo(this.room(info.room), info.head ?? 0);
    for (const page of frame.pages) for (const entry of page.entries) this.on_msg({ ...entry, room: page.room });
    for (const id of this.outboxes.keys()) this.flush(id);
    this.since = frame.since;
  }

  // --- posts ---

  outbox(room) {
    if (!this.outboxes.has(room)) this.outboxes.set(room, new Outbox());
    return this.outboxes.get(room);
  }

  post(room, body) {
    return new Promise((done) => {
      this.outbox(room).posts.push({ body, id: randomBytes(12).toString("base64url"), n: 0, isSent: false, done });
      this.flush(room);
    });
  }

  flush(room) {
    const box = this.outbox(room);
    if (!this.isWelcomed || box.waits || (box.isBroken && box.underWay())) return;
    box.isBroken = false;
    let n = box.nextN;
    for (const post of box.posts) {
      if (box.underWay() >= (box.isSure ? WINDOW : 1)) return;
      post.n ||= n;
      n = Math.max(post.n + 1, box.nextN);
      if (post.isSent) continue;
      post.isSent = true;
      this.say({ t: "post", room, n: post.n, id: post.id, body: post.body });
    }
  }

  answered(room, n) {
    const post = this.outbox(room).posts.find((each) => each.n === n && each.isSent);
    if (post) post.isSent = false;
    return post;
  }

  drop(box, post) {
    box.posts.splice(box.posts.indexOf(post), 1);
  }

  on_sent({ room: id, n, seq }) {
    const box = this.outbox(id);
    const post = this.answered(id, n);
    if (!post) return;
    this.drop(box, post);
    box.isSure = true;
    box.nextN = Math.max(box.nextN, n + 1);
    post.done({ seq });
    this.on_msg({ room: id, seq, user: this.user, body: post.body });
    this.flush(id);
  }

  on_refused(frame) {
    const box = this.outbox(frame.room);
    const post = this.answered(frame.room, frame.n);
    if (!post) return;
    box.isBroken = true;
    if (frame.code === "number_used") {
      post.n = 0;
      box.nextN = frame.fields.last + 1;
    } else if (frame.code === "expected") {
      post.n = 0;
      box.nextN = frame.fields.n;
    } else if (frame.retry) {
      box.waits = true;
      setTimeout(() => {
        box.waits = false;
        this.flush(frame.room);
      }, (frame.retry_after ?? Math.random()) * 1000);
    } else {
      this.drop(box, post);
      box.nextN = frame.n;
      post.done({ refused: frame.code });
    }
    this.flush(frame.room);
  }

  // --- what the input asks for ---

  until(done) {
    return new Promise((resolve) => {
      const look = () => {
        if (!done()) return;
        this.watchers = this.watchers.filter((watcher) => watcher !== look);
        resolve();
      };
      this.watchers.push(look);
      look();
    });
  }

  async carryOut([what, ...rest]) {
    await this.until(() => this.isWelcomed || what === "state");
    if (what === "direct") {
      const { result, error } = await this.request({ t: "direct", user: rest[0] });
      return error ? { error: error.code } : { room: result.room.room };
    }
    if (what === "post") {
      const answers = await Promise.all(rest.slice(1).map((body) => this.post(rest[0], body)));
      return { seqs: answers.map((answer) => answer.seq ?? answer.refused) };
    }
    if (what === "until") {
      const room = this.room(rest[0]);
      await this.until(() => room.have >= rest[1]);
      return { entries: room.log };
    }
    if (what === "raw") {
      const answer = new Promise((done) => (this.onError = done));
      this.socket.send(rest[0]);
      return { frame: await answer };
    }
    if (what === "cut") {
      this.socket.tcp.destroy();
      this.isWelcomed = false;
      return { cut: true };
    }
    if (what === "forget") {
      this.outboxes.clear();
      return { forgot: true };
    }
    return { welcomes: this.welcomes, closed: this.closed };
  }
}

const client = new Client();
client.open();
let turn = Promise.resolve();
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  turn = turn.then(async () => process.stdout.write(`${JSON.stringify(await client.carryOut(JSON.parse(line)))}\n`));
});
lines.on("close", () => turn.then(() => process.exit(0)));
