import type { IEvent, IKeyValue, IWatchResponse } from "etcd3";
import { describe, expect, it } from "vitest";
import { KeySpace } from "./key-space.ts";
import { readResponses, WatchCancelled, type StreamItem } from "./watch-responses.ts";

const keys = new KeySpace("/registry");

function kv(name: string, created: number, changed: number, value = `${name}@${changed}`): IKeyValue {
  const revisions = { create_revision: String(created), mod_revision: String(changed), version: "1" };
  return { key: Buffer.from(`/registry/k/${name}`), value: Buffer.from(value), lease: "0", ...revisions };
}

const none = null as unknown as IKeyValue;
const created = (name: string, at: number): IEvent => ({ type: "Put", kv: kv(name, at, at), prev_kv: none });
const changed = (name: string, from: number, at: number): IEvent => ({
  type: "Put",
  kv: kv(name, 1, at),
  prev_kv: kv(name, 1, from),
});
const deleted = (name: string, from: number, at: number): IEvent => ({
  type: "Delete",
  kv: { ...kv(name, 0, at, "") },
  prev_kv: kv(name, 1, from),
});

function response(revision: number, events: IEvent[], rest: Partial<IWatchResponse> = {}): IWatchResponse {
  return {
    header: { cluster_id: "1", member_id: "1", revision: String(revision), raft_term: "1" },
    watch_id: "0",
    created: false,
    canceled: false,
    compact_revision: "0",
    cancel_reason: "",
    fragment: false,
    events,
    ...rest,
  };
}

async function read(...responses: IWatchResponse[]): Promise<unknown[]> {
  const items: StreamItem[] = [];
  for await (const item of readResponses(
    (async function* () {
      yield* responses;
    })(),
    keys,
  ))
    items.push(item);
  return items.map((item) => ("changes" in item ? { at: item.revision, keys: item.changes.map(({ key }) => key) } : item));
}

describe("a stream of watch responses", () => {
  it("is cut into revisions, however many come in one response", async () => {
    expect(await read(response(9, [created("a", 5), changed("a", 5, 6), created("b", 9)]))).toEqual([
      { at: 5, keys: ["/registry/k/a"] },
      { at: 6, keys: ["/registry/k/a"] },
      { at: 9, keys: ["/registry/k/b"] },
    ]);
  });

  it("keeps a revision whole whose events came in fragments", async () => {
    const events = [deleted("a", 2, 7), deleted("b", 3, 7), deleted("c", 4, 7), created("d", 8)];
    const fragments = [
      response(8, events.slice(0, 1), { fragment: true }),
      response(8, events.slice(1, 2), { fragment: true }),
      response(8, events.slice(2)),
    ];
    expect(await read(...fragments)).toEqual([
      { at: 7, keys: ["/registry/k/a", "/registry/k/b", "/registry/k/c"] },
      { at: 8, keys: ["/registry/k/d"] },
    ]);
  });

  it("says from where the server follows, and how far nothing is missing", async () => {
    expect(await read(response(5, [], { created: true }), response(9, [], { watch_id: "-1" }))).toEqual([
      { opened: 5 },
      { progress: 9 },
    ]);
  });

  it("is Expired when the server compacted what it was to show", async () => {
    const end = response(20, [], { created: true, canceled: true, compact_revision: "12" });
    await expect(read(end)).rejects.toMatchObject({ reason: "Expired" });
  });

  it("is Expired when what was there before a change is compacted, rather than calling the change a creation", async () => {
    await expect(read(response(9, [{ ...changed("a", 5, 9), prev_kv: none }]))).rejects.toMatchObject({ reason: "Expired" });
    await expect(read(response(9, [{ ...deleted("a", 5, 9), prev_kv: none }]))).rejects.toMatchObject({ reason: "Expired" });
  });

  it("says why the server gave it up", async () => {
    const end = response(20, [], { canceled: true, cancel_reason: "etcdserver: permission denied" });
    await expect(read(end)).rejects.toThrow(new WatchCancelled("etcdserver: permission denied"));
  });
});
