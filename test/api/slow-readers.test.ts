/* eslint-disable @typescript-eslint/no-unsafe-member-access -- bodies are looked at as they come */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import https from "node:https";
import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { FakeClock } from "#base/fake-clock";
import { seededRandom } from "#base/random";
import { hasOwnServers, type ApiUnderTest, type WatchEvent } from "./api-under-test.ts";
import { configMap, configMaps, must } from "./objects.ts";
import { startHttps } from "./own-server.ts";

/** More than all buffers on the way hold, in a few large pieces. */
const events = 48;
const large = "x".repeat(1_000_000);

describe.runIf(hasOwnServers)("a client that does not read", () => {
  let clock: FakeClock;
  let api: ApiUnderTest;
  let agent: https.Agent;
  beforeEach(async () => {
    clock = new FakeClock();
    api = await startHttps({ clock });
  });
  afterEach(async () => {
    agent.destroy();
    // It lets what is under way finish, by its own clock.
    let isClosed = false;
    const closing = api.close().finally(() => (isClosed = true));
    while (!isClosed) await clock.advance(50);
    await closing;
  });

  const open = async (query: string, encoding = "identity"): Promise<IncomingMessage> => {
    const { url, options } = await api.http!.webSocket();
    agent = new https.Agent(options);
    return new Promise((resolve, reject) => {
      const target = `${url.replace("wss:", "https:")}${configMaps}${query === "" ? "" : `?watch=true&${query}`}`;
      https.get(target, { agent, headers: { "accept-encoding": encoding } }, resolve).on("error", reject);
    });
  };
  const version = async (): Promise<string> => String((await api.request("GET", configMaps)).body.metadata.resourceVersion);
  const write = async (): Promise<void> => {
    for (let turn = 0; turn < events; turn++)
      await must(api.request("POST", configMaps, { body: configMap(`m${turn}`, { data: { large, turn: `${turn}` } }) }));
  };
  /** Until nothing more is sent: the clock stands still, and what waits for the client waits from now. */
  const stuck = async (): Promise<void> => {
    for (let before = -1, quiet = 0; quiet < 3;) {
      await new Promise((resolve) => setTimeout(resolve, 150));
      const sent = await metric("apiserver_watch_events_total");
      quiet = sent === before ? quiet + 1 : 0;
      before = sent;
    }
  };
  const wait = (seconds: number): Promise<void> => clock.advance(seconds * 1_000);
  test(
    "of a watch for ten seconds is ended; it goes on from the last version it has seen, and misses nothing",
    { timeout: 60_000 },
    async () => {
      const from = await version();
      const slow = await open(`resourceVersion=${from}`);
      const reading = await api.watch(`${configMaps}?watch=true&resourceVersion=${from}`);
      const told: string[] = [];
      const others = (async () => {
        while (told.length < events) told.push(nameOf(await reading.next()));
      })();
      await write();
      // Who reads is not held up by who does not.
      await others;
      reading.stop();
      await stuck();
      await wait(9.5);
      expect(await metric("apiserver_terminated_watchers_total")).toBe(0);
      await wait(0.6);
      expect(await metric("apiserver_terminated_watchers_total")).toBe(1);
      expect(await metric("apiserver_longrunning_requests")).toBe(0);

      const seen = await wholeLines(slow);
      expect(seen.length).toBeGreaterThan(0);
      expect(seen.length).toBeLessThan(events);
      const again = await api.watch(
        `${configMaps}?watch=true&resourceVersion=${String(seen.at(-1)?.object.metadata.resourceVersion)}`,
      );
      const names = seen.map(nameOf);
      while (names.length < events) names.push(nameOf(await again.next()));
      again.stop();
      expect(names).toEqual(told);
    },
  );

  test("of a watch is told 410 when it comes back after what it has not seen has left the log", { timeout: 60_000 }, async () => {
    const slow = await open(`resourceVersion=${await version()}`);
    await write();
    await stuck();
    await wait(10.5);
    const seen = await wholeLines(slow);
    for (let minute = 0; minute < 7; minute++) await clock.advance(60_000);
    const last = String(seen.at(-1)?.object.metadata.resourceVersion);
    const again = await api.watch(`${configMaps}?watch=true&resourceVersion=${last}`);
    expect(await again.next()).toMatchObject({ type: "ERROR", object: { code: 410, reason: "Expired" } });
    again.stop();
  });

  test("of a watch costs no more for what is there at the beginning than for what comes later", { timeout: 60_000 }, async () => {
    await write();
    const slow = await open("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
    // A server that is busy may still be sending when the seconds begin: then it is given more.
    for (let attempt = 1; attempt <= 6 && (await metric("apiserver_terminated_watchers_total")) === 0; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, attempt * 500));
      await wait(10.5);
    }
    expect(await metric("apiserver_terminated_watchers_total")).toBe(1);
    expect((await wholeLines(slow)).length).toBeLessThan(events);
  });

  test("of a watch over a WebSocket is ended just so", { timeout: 60_000 }, async () => {
    const { url, options } = await api.http!.webSocket();
    const socket = new WebSocket(`${url}${configMaps}?watch=true&resourceVersion=${await version()}`, options);
    agent = new https.Agent();
    await new Promise((resolve) => socket.once("open", resolve));
    socket.pause();
    await write();
    await stuck();
    await wait(10.5);
    expect(await metric("apiserver_terminated_watchers_total")).toBe(1);
    socket.terminate();
  });

  test.each(["identity", "gzip"])("of a list, sent as %s, is ended after a minute", { timeout: 60_000 }, async (encoding) => {
    // Nothing that gzip makes small.
    const data = { noise: Buffer.from(seededRandom(1).bytes(700_000)).toString("base64") };
    for (let turn = 0; turn < events; turn++)
      await must(api.request("POST", configMaps, { body: configMap(`m${turn}`, { data }) }));
    // A server that is busy may still be sending when its minute begins: then it is asked again, and given longer.
    for (let attempt = 1; attempt <= 6; attempt++) {
      const slow = await open("", encoding);
      await new Promise((resolve) => setTimeout(resolve, attempt * 500));
      await wait(60.5);
      const bytes = await everything(slow);
      expect(bytes.length).toBeGreaterThan(0);
      if (!slow.complete) return;
    }
    throw new Error("the whole list was sent to a client that had not read for a minute");
  });

  const metric = async (name: string): Promise<number> => {
    const { bytes } = await api.http!.raw("GET", "/metrics");
    const lines = bytes
      .toString()
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`) && line.includes('resource="configmaps"'));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  };
});

function nameOf(event: WatchEvent | undefined): string {
  return `${event?.type ?? "end"} ${String(event?.object.metadata?.name)}`;
}

/** What a connection that was cut off had been given whole. */
async function wholeLines(response: IncomingMessage): Promise<WatchEvent[]> {
  const lines = (await everything(response)).toString().split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as WatchEvent);
}

async function everything(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ECONNRESET") throw error;
  }
  return Buffer.concat(chunks);
}
