/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { describe, expect, test } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { seededRandom, type Random } from "#base/random";
import { hasOwnServers, type ApiUnderTest, type WatchEvent, type Watching } from "./api-under-test.ts";
import { must, pod, pods } from "./objects.ts";
import { startInProcess } from "./own-server.ts";

/** As much of a pod as is selected by. */
interface Seen {
  readonly name: string;
  readonly node: string;
  readonly team: string;
}

/** What is asked for, and by what it is known, said in the test's own words. */
const selections: readonly { readonly query: string; readonly path?: string; readonly matches: (pod: Seen) => boolean }[] = [
  { query: "", matches: () => true },
  { query: "fieldSelector=spec.nodeName%3Dn1", path: "/api/v1/pods", matches: ({ node }) => node === "n1" },
  { query: "fieldSelector=spec.nodeName%3Dn2", matches: ({ node }) => node === "n2" },
  { query: "fieldSelector=spec.nodeName%3D", matches: ({ node }) => node === "" },
  { query: "fieldSelector=spec.nodeName!%3Dn1", matches: ({ node }) => node !== "n1" },
  { query: "fieldSelector=metadata.name%3Dp1", matches: ({ name }) => name === "p1" },
  { query: "fieldSelector=metadata.name%3Dp1", path: "/api/v1/pods", matches: ({ name }) => name === "p1" },
  { query: "labelSelector=team%3Dx", matches: ({ team }) => team === "x" },
  { query: "labelSelector=team!%3Dx", matches: ({ team }) => team !== "x" },
  {
    query: "labelSelector=team%3Dx&fieldSelector=spec.nodeName%3Dn1",
    matches: ({ team, node }) => team === "x" && node === "n1",
  },
  {
    query: "fieldSelector=metadata.name%3Dp2,spec.nodeName%3Dn2",
    matches: ({ name, node }) => name === "p2" && node === "n2",
  },
];

const names = ["p1", "p2", "p10", "p3"];
const operations = 120;

describe.runIf(hasOwnServers)("watches of some objects", () => {
  test.each(Array.from({ length: 12 }, (_, seed) => seed))(
    "tell what the watch of all tells, as far as it is about these (seed %i)",
    { timeout: 60_000 },
    async (seed) => {
      const random = seededRandom(seed);
      const clock = new FakeClock();
      const api = await startInProcess({ clock });
      try {
        const start = Number((await api.request("GET", pods)).body.metadata.resourceVersion);
        const open = (from: number, query: string, path = pods): Promise<Watching> =>
          api.watch(`${path}?watch=true&allowWatchBookmarks=true&timeoutSeconds=600&resourceVersion=${from}&${query}`);
        const all = eventsOf(await open(start, ""));
        const watched: { selection: (typeof selections)[number]; from: number; told: Promise<string[]> }[] = [];
        let version = start;
        let minutes = 0;
        for (let turn = 0; turn < operations; turn++) {
          version = (await act(api, random)) ?? version;
          if (random.float() < 0.3) {
            const selection = pick(selections, random);
            const from = start + Math.floor(random.float() * (version - start + 1));
            watched.push({ selection, from, told: linesOf(await open(from, selection.query, selection.path)) });
            watched.at(-1)?.told.catch(() => undefined);
          }
          // Some are told one by one, others find much when they look.
          // No more than three minutes pass, so that the log goes back to the start.
          if (random.float() < 0.3) await clock.advance(random.float() < 0.1 && ++minutes <= 3 ? 61_000 : 10);
        }
        await clock.advance(600_000);
        const everything = await all;
        expect(everything.length).toBeGreaterThan(operations / 4);
        for (const { selection, from, told } of watched) {
          expect(await told, `${selection.query} from ${from}`).toEqual(selected(everything, from, selection.matches));
        }
      } finally {
        await api.close();
      }
    },
  );
});

/** What a watcher of these has to be told of it: what it selects is all it sees of the world. */
function selected(all: readonly WatchEvent[], from: number, matches: (pod: Seen) => boolean): string[] {
  const before = new Map<string, WatchEvent["object"]>();
  const told: string[] = [];
  for (const { type, object } of all) {
    const { name, resourceVersion } = object.metadata as { name: string; resourceVersion: string };
    const previous = before.get(name);
    const wasIn = previous !== undefined && matches(seen(previous));
    const isIn = type !== "DELETED" && matches(seen(object));
    if (type === "DELETED") before.delete(name);
    else before.set(name, object);
    if (Number(resourceVersion) <= from) continue;
    const metadata = { ...previous?.metadata, resourceVersion };
    if (isIn) told.push(line({ type: wasIn ? "MODIFIED" : "ADDED", object }));
    else if (wasIn) told.push(line({ type: "DELETED", object: { ...previous, metadata } }));
  }
  return told;
}

function seen(object: WatchEvent["object"]): Seen {
  return { name: object.metadata.name, node: object.spec.nodeName ?? "", team: object.metadata.labels?.team ?? "" };
}

async function linesOf(watching: Watching): Promise<string[]> {
  return (await eventsOf(watching)).map(line);
}

/** Until the server ends it. */
async function eventsOf(watching: Watching): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  for (;;) {
    const event = await watching.next();
    if (event === undefined) return events;
    if (event.type !== "BOOKMARK") events.push(event);
  }
}

function line({ type, object }: WatchEvent): string {
  const { name, resourceVersion } = object.metadata;
  return `${type} ${JSON.stringify(seen(object))} ${String(name)}@${String(resourceVersion)}`;
}

/** @returns the version of what was written, if anything was. */
async function act(api: ApiUnderTest, random: Random): Promise<number | undefined> {
  const name = pick(names, random);
  const path = `${pods}/${name}`;
  const roll = random.float();
  const team = pick(["x", "y"], random);
  if (roll < 0.35) return versionOf(api.request("POST", pods, { body: pod(name, {}, { labels: { team } }) }));
  if (roll < 0.6) {
    const target = { kind: "Node", name: pick(["n1", "n2"], random) };
    await api.request("POST", `${path}/binding`, { body: { apiVersion: "v1", kind: "Binding", metadata: { name }, target } });
    return undefined;
  }
  if (roll < 0.85) {
    const patch = { body: { metadata: { labels: { team } } }, contentType: "application/merge-patch+json" };
    return versionOf(api.request("PATCH", path, patch));
  }
  await must(api.request("DELETE", `${path}?gracePeriodSeconds=0`)).catch(() => undefined);
  return undefined;
}

async function versionOf(reply: ReturnType<ApiUnderTest["request"]>): Promise<number | undefined> {
  const { status, body } = await reply;
  return status < 300 ? Number(body.metadata.resourceVersion) : undefined;
}

function pick<T>(from: readonly T[], random: Random): T {
  const picked = from[Math.floor(random.float() * from.length)];
  if (picked === undefined) throw new Error("there is nothing to pick from");
  return picked;
}
