import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { seededRandom } from "#base/random";
import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { pods } from "#api/resource-type";
import { StatusError } from "#api/status";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Informer } from "./informer.ts";
import { createClient } from "./transport-client.ts";
import type { Answer, Call, RawWatchEvent, Transport } from "./transport.ts";

/** Plays a server's side of list and watch, one answer after the other. */
class ScriptedTransport implements Transport {
  readonly calls: string[] = [];
  readonly #lists: (Pod[] | StatusError)[] = [];
  #version = 0;
  #push: (event: RawWatchEvent | StatusError | "end") => void = () => undefined;

  answerList(objects: Pod[] | StatusError): void {
    this.#lists.push(objects);
  }

  emit(event: RawWatchEvent | StatusError | "end"): void {
    this.#push(event);
  }

  send(call: Call): Promise<Answer> {
    this.calls.push(call.verb);
    const next = this.#lists.shift() ?? [];
    if (next instanceof StatusError) return Promise.reject(next);
    this.#version += 100;
    const object = { metadata: { resourceVersion: `${this.#version}` }, items: next };
    return Promise.resolve({ status: 200, object, warnings: [] });
  }

  async *watch(call: Call): AsyncGenerator<RawWatchEvent[]> {
    this.calls.push(`watch ${call.query?.["resourceVersion"] ?? ""}`);
    const queue: (RawWatchEvent | StatusError | "end")[] = [];
    let wake: () => void = () => undefined;
    this.#push = (event) => {
      queue.push(event);
      wake();
    };
    call.signal?.addEventListener("abort", () => this.#push(new StatusError("ServiceUnavailable", "aborted")));
    for (;;) {
      const event = queue.shift();
      if (event === undefined) await new Promise<void>((resolve) => (wake = resolve));
      else if (event === "end") return;
      else if (event instanceof StatusError) throw event;
      else yield [event];
    }
  }

  stream(): never {
    throw new Error("not played");
  }
}

function pod(name: string, resourceVersion: string, uid = name): Stored<Pod> {
  const metadata = { namespace: "default", name, uid, resourceVersion, creationTimestamp: "2026-01-01T00:00:00Z" };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [], nodeName: "n1" } };
}

const key = (name: string) => ({ namespace: "default", name });

let clock: FakeClock;
let transport: ScriptedTransport;
let informer: Informer<Pod>;
let seen: string[];
const stop = { controller: new AbortController(), running: Promise.resolve() };

beforeEach(() => {
  clock = new FakeClock();
  transport = new ScriptedTransport();
  const client = createClient(transport);
  const indexes = { node: (object: Stored<Pod>) => [object.spec?.nodeName ?? ""] };
  informer = new Informer({ client, type: pods, indexes, clock, random: seededRandom(1), log: silentLogger });
  seen = [];
  informer.changes.subscribe(({ type, object }) => {
    const known = informer.seen(key(object.metadata.name))?.resourceVersion ?? "absent";
    seen.push(`${type} ${object.metadata.name} ${known}`);
  });
  stop.controller = new AbortController();
});
afterEach(async () => {
  stop.controller.abort(new Error("test over"));
  await stop.running;
});

async function start(...objects: Pod[]) {
  transport.answerList(objects);
  stop.running = informer.run(stop.controller.signal);
  await clock.advance(0);
}

async function emit(...events: (RawWatchEvent | StatusError | "end")[]) {
  for (const event of events) transport.emit(event);
  await clock.advance(0);
}

describe("Informer", () => {
  test("lists, then watches from the list's version, and announces after the store shows it", async () => {
    await start(pod("a", "90"));
    expect(informer.hasSynced).toBe(true);
    await emit({ type: "ADDED", object: pod("b", "101") }, { type: "MODIFIED", object: pod("a", "102") });
    await emit({ type: "DELETED", object: pod("b", "103") });
    expect(transport.calls).toEqual(["list", "watch 100"]);
    expect(seen).toEqual(["added a 90", "added b 101", "updated a 102", "deleted b absent"]);
    expect(informer.resourceVersion).toBe("103");
  });

  test("answers by key, namespace and index", async () => {
    await start(pod("a", "90"), pod("b", "91"));
    await emit({ type: "DELETED", object: pod("b", "101") });
    expect(informer.get(key("a"))?.metadata.uid).toBe("a");
    expect(informer.list("default")).toHaveLength(1);
    expect(informer.list("other")).toHaveLength(0);
    expect(informer.byIndex("node", "n1").map((found) => found.metadata.name)).toEqual(["a"]);
    expect(() => informer.byIndex("color", "red")).toThrow("there is no index color");
  });

  test("takes its version from bookmarks and resumes there when the watch ends", async () => {
    const progress: string[] = [];
    informer.progress.subscribe((version) => progress.push(version));
    await start();
    await emit({ type: "BOOKMARK", object: { metadata: { resourceVersion: "150" } } }, "end");
    expect(transport.calls).toEqual(["list", "watch 100", "watch 150"]);
    expect(progress).toEqual(["100", "150"]);
  });

  test("lists again when its version has expired, and announces what it missed", async () => {
    await start(pod("a", "90"), pod("b", "91"), pod("c", "92"));
    transport.answerList([pod("a", "90"), pod("b", "150"), pod("c", "151", "another c")]);
    await emit(new StatusError("Expired", "too old resource version"));
    expect(transport.calls).toEqual(["list", "watch 100", "list", "watch 200"]);
    expect(seen.slice(3)).toEqual(["updated b 150", "deleted c absent", "added c 151"]);
    transport.answerList([pod("b", "150")]);
    const listed = informer.relist(new AbortController().signal);
    await clock.advance(0);
    await listed;
    expect(seen.slice(6).toSorted()).toEqual(["deleted a absent", "deleted c absent"]);
  });

  test("waits longer with each failure, and resumes without listing when the server was only away", async () => {
    await start();
    await emit(new StatusError("ServiceUnavailable", "gone fishing"));
    expect(transport.calls).toEqual(["list", "watch 100"]);
    await clock.advance(1600);
    expect(transport.calls).toEqual(["list", "watch 100", "watch 100"]);
    await emit(new StatusError("ServiceUnavailable", "still fishing"));
    await clock.advance(1500);
    expect(transport.calls).toHaveLength(3);
    await clock.advance(1700);
    expect(transport.calls).toHaveLength(4);
  });

  test("lists again when the server does not know its version at all", async () => {
    await start();
    await emit(new StatusError("Timeout", "Too large resource version: 100, current: 3"));
    await clock.advance(1600);
    expect(transport.calls).toEqual(["list", "watch 100", "list", "watch 200"]);
  });

  test("keeps trying until the first list succeeds, and lets who waits for it give up", async () => {
    transport.answerList(new StatusError("Forbidden", "not yet"));
    const impatient = new AbortController();
    const gaveUp = expect(informer.synced(impatient.signal)).rejects.toThrow("tired");
    const patient = informer.synced(new AbortController().signal);
    stop.running = informer.run(stop.controller.signal);
    await clock.advance(0);
    expect(informer.hasSynced).toBe(false);
    impatient.abort(new Error("tired"));
    await gaveUp;
    await clock.advance(1600);
    await patient;
    expect(informer.hasSynced).toBe(true);
  });
});
