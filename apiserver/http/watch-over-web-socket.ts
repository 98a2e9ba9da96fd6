import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import type { EncodedEvent } from "#api/request";
import type { Cancellation } from "#base/cancellation";
import type { Clock } from "#base/clock";
import { isTakenInTime } from "./slow-reader.ts";
import type { WatchOptions } from "./write-response.ts";

/** What browsers can send instead of an Authorization header (upstream: authentication/request/websocket). */
const bearerProtocol = "base64url.bearer.authorization.k8s.io.";
const framing = new WebSocketServer({ noServer: true, clientTracking: false, handleProtocols: (offered) => chosen(offered) });
/** Beyond this much unsent, the next event waits for the client. */
const mostUnsent = 1024 * 1024;

export function isWebSocketRequest({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}

/** The token among the offered protocols. */
export function bearerOf(request: IncomingMessage): string | undefined {
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((protocol) => protocol.trim());
  const encoded = offered.find((protocol) => protocol.startsWith(bearerProtocol))?.slice(bearerProtocol.length);
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64url").toString();
}

/** The offered protocols without the tokens among them, which are not for whoever speaks the others. */
export function withoutBearer(offered: string): string {
  return offered
    .split(",")
    .map((protocol) => protocol.trim())
    .filter((protocol) => !protocol.startsWith(bearerProtocol))
    .join(", ");
}

/** Sends each event as one text message and closes when the watch ends. Resolves once that is over, whoever ended it. */
export async function serveWatch(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  events: AsyncIterable<readonly EncodedEvent[]>,
  options: WatchOptions & { readonly ended: Cancellation },
): Promise<void> {
  const client = await new Promise<WebSocket>((resolve) => framing.handleUpgrade(request, socket, head, resolve));
  const { ended, sent, tooSlow, clock } = options;
  client.on("close", () => ended.abort());
  client.on("error", () => ended.abort());
  try {
    for await (const batch of events) {
      for (const event of batch) {
        if (await send(client, Buffer.from(event.bytes()).toString().trimEnd(), clock)) continue;
        tooSlow();
        client.terminate();
        return;
      }
      sent(batch.length);
    }
    client.close(1000);
  } catch (error) {
    if (!ended.aborted) client.close(1011);
    if (!ended.aborted) throw error;
  }
}

/** @returns whether the client takes it, sooner or later. */
async function send(client: WebSocket, text: string, clock: Clock): Promise<boolean> {
  if (client.bufferedAmount < mostUnsent) {
    client.send(text);
    return true;
  }
  const sent = new Promise<void>((resolve, reject) => {
    client.send(text, (error) => (error instanceof Error ? reject(error) : resolve()));
  });
  return isTakenInTime(sent, clock);
}

/** The first that is no token: its echo would put the token into an answer. */
function chosen(offered: ReadonlySet<string>): string | false {
  for (const protocol of offered) if (!protocol.startsWith(bearerProtocol)) return protocol;
  return false;
}
