/**
 * A server for looking at the page without the real one: serves dist/, the account API and /ws, all in memory.
 * `node mock/server.mjs [port]`. POST /mock steers it: {"refuse": [{code, retry, fields}]}, {"close": code},
 * {"refuseConnections": true}, {"say": {room, user, texts, at}}.
 */
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { answer, welcome } from "./commands.mjs";
import { MockChat, MockError } from "./rooms.mjs";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const chat = new MockChat();
const sockets = new WebSocketServer({ noServer: true, maxPayload: 128 * 1024 });
let isClosed = false;

async function bodyOf(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return JSON.parse(text || "{}");
}

const ROUTES = {
  "/api/v1/accounts": (body) => [201, chat.register(body.name, body.password, body.display)],
  "/api/v1/login": (body) => [200, chat.login(body.name, body.password)],
  "/api/v1/refresh": (body) => [200, chat.refresh(body.refresh)],
  "/api/v1/logout": (_, request) => {
    chat.devices.delete((request.headers.authorization ?? "").replace("Bearer ", ""));
    return [200, {}];
  },
  "/mock": (body) => [200, steer(body)],
};

function steer({ refuse = [], close, refuseConnections, say }) {
  chat.refusals.push(...refuse);
  if (refuseConnections !== undefined) isClosed = refuseConnections;
  if (close) for (const socket of sockets.clients) socket.close(close);
  for (const [index, text] of (say?.texts ?? []).entries()) {
    const at = say.at ? say.at + index * (say.step ?? 60_000) : Date.now();
    chat.append(chat.rooms.get(say.room), say.user, "text", text, {}, at);
  }
  return { rooms: [...chat.rooms.values()].map(({ id, name, log }) => ({ id, name, log })) };
}

async function serveFile(path, response) {
  const file = normalize(join(DIST, path === "/" ? "index.html" : path));
  if (!file.startsWith(DIST)) return response.writeHead(404).end();
  try {
    const body = await readFile(file);
    response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream", "Content-Security-Policy": POLICY });
    return response.end(body);
  } catch {
    return response.writeHead(404).end();
  }
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://mock");
  if (request.method !== "POST") return serveFile(pathname, response);
  try {
    if (!ROUTES[pathname]) throw new MockError("not_now", { status: 404 });
    const [status, value] = ROUTES[pathname](await bodyOf(request), request);
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
  } catch (error) {
    if (!(error instanceof MockError)) throw error;
    response.writeHead(error.status, { "Content-Type": "application/json" }).end(JSON.stringify(error.body));
  }
});

server.on("upgrade", (request, socket, head) => {
  if (isClosed) return socket.destroy();
  return sockets.handleUpgrade(request, socket, head, connected);
});

function connected(socket) {
  let me;
  const send = (event) => event && socket.send(JSON.stringify(event));
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data));
    if (me) return send(answer(chat, me, frame));
    me = chat.devices.get(frame.token);
    if (!me) return socket.close(4101, "bad_token");
    chat.sockets.get(me.device)?.close(4004);
    chat.sockets.set(me.device, { send, close: (code) => socket.close(code) });
    return send(welcome(chat, me, frame.since ?? 0));
  });
  socket.on("close", () => {
    if (me && chat.sockets.get(me.device)?.send === send) chat.sockets.delete(me.device);
  });
}

server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
