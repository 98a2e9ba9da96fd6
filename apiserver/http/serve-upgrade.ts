import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ApiResponse } from "#api/request";
import type { Cancellation } from "#base/cancellation";
import { withoutBearer } from "./watch-over-web-socket.ts";

const known = new Set(["upgrade", "x-stream-protocol-version"]);

/** The headers that say to which protocol, and how. Nothing of who asks goes on with them. */
export function upgradeHeaders({ headers }: Pick<IncomingMessage, "headers">): Record<string, string> {
  const chosen = Object.entries(headers).filter(([name]) => known.has(name) || name.startsWith("sec-websocket-"));
  return Object.fromEntries(
    chosen.map(([name, value]) => [name, name === "sec-websocket-protocol" ? withoutBearer(String(value)) : String(value)]),
  );
}

/** Answers that the protocol changes, and leaves the connection to what speaks it. */
export async function serveUpgrade(
  response: ServerResponse,
  answer: Extract<ApiResponse, { kind: "upgrade" }>,
  socket: Duplex,
  head: Buffer,
  ended: Cancellation,
): Promise<void> {
  const headers = { ...response.getHeaders(), ...answer.headers, connection: "Upgrade" };
  response.detachSocket(socket as Socket);
  // Whoever fails here has gone: there is nobody to tell.
  socket.on("error", () => undefined);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`);
  if (head.length > 0) socket.unshift(head);
  const leave = (): void => void socket.destroy();
  ended.signal.addEventListener("abort", leave, { once: true });
  try {
    await answer.upgrade(socket);
  } finally {
    ended.abort();
  }
}
