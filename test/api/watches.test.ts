/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { hasOwnServers, type ApiUnderTest, type Reply, type WatchEvent, type Watching, waysIn } from "./api-under-test.ts";
import { configMap, configMaps, must, pod, pods } from "./objects.ts";
import { startInProcess } from "./own-server.ts";

const merge = "application/merge-patch+json";

/** kubernetes.io/docs/reference/using-api/api-concepts: "Efficient detection of changes", "Watch bookmarks", "Streaming lists". */
describe.each(waysIn)("watches %s", (_way, start) => {
  let api: ApiUnderTest;
  let open: Watching[];
  beforeEach(async () => {
    api = await start();
    open = [];
  });
  afterEach(async () => {
    for (const watching of open) watching.stop();
    await api.close();
  });

  const watch = async (query = "", path = configMaps): Promise<Watching> => {
    const watching = await api.watch(`${path}?watch=true${query === "" ? "" : `&${query}`}`);
    open.push(watching);
    return watching;
  };
  const make = (name: string, labels: object = {}): Promise<Reply> =>
    must(api.request("POST", configMaps, { body: configMap(name, { metadata: { name, labels } }) }));
  const label = (name: string, labels: object): Promise<Reply> =>
    must(api.request("PATCH", `${configMaps}/${name}`, { body: { metadata: { labels } }, contentType: merge }));
  const version = async (): Promise<string> => String((await api.request("GET", configMaps)).body.metadata.resourceVersion);
  const line = (event: WatchEvent | undefined): string => `${event?.type ?? "end"} ${String(event?.object.metadata?.name)}`;

  test("from a version show everything after it, in order, and nothing before", async () => {
    await make("before");
    const from = await version();
    await make("a");
    const watching = await watch(`resourceVersion=${from}`);
    await label("a", { x: "1" });
    await must(api.request("DELETE", `${configMaps}/a`));
    await make("b");
    const seen = [await watching.next(), await watching.next(), await watching.next(), await watching.next()];
    expect(seen.map(line)).toEqual(["ADDED a", "MODIFIED a", "DELETED a", "ADDED b"]);
    const versions = seen.map((event) => Number(event?.object.metadata.resourceVersion));
    expect(versions).toEqual([...versions].sort((left, right) => left - right));
    expect(new Set(versions).size).toBe(4);
    expect(seen[2]?.object.metadata.labels).toEqual({ x: "1" });
    expect(seen[0]?.object).toMatchObject({ kind: "ConfigMap", apiVersion: "v1" });
  });

  test.each(["", "resourceVersion=0"])("begin with what is there when asked ?%s", async (query) => {
    await make("a");
    await make("b");
    const watching = await watch(query);
    expect([line(await watching.next()), line(await watching.next())]).toEqual(["ADDED a", "ADDED b"]);
    await make("c");
    expect(line(await watching.next())).toBe("ADDED c");
  });

  test("show an object that a selector begins to match as added, and one that it no longer matches as deleted", async () => {
    await make("a", { team: "x" });
    const watching = await watch(`resourceVersion=${await version()}&labelSelector=team%3Dy`);
    await label("a", { team: "y" });
    await label("a", { more: "z" });
    const left = await label("a", { team: "x" });
    await label("a", { team: "y" });
    const seen = [await watching.next(), await watching.next(), await watching.next(), await watching.next()];
    expect(seen.map(line)).toEqual(["ADDED a", "MODIFIED a", "DELETED a", "ADDED a"]);
    expect(seen[2]?.object.metadata).toMatchObject({
      labels: { team: "y", more: "z" },
      resourceVersion: left.body.metadata.resourceVersion,
    });
  });

  test("follow one object by its name", async () => {
    await make("a");
    await make("b");
    const watching = await watch(`resourceVersion=${await version()}&fieldSelector=metadata.name%3Db`);
    await label("a", { x: "1" });
    await label("b", { x: "1" });
    await must(api.request("DELETE", `${configMaps}/b`));
    expect([line(await watching.next()), line(await watching.next())]).toEqual(["MODIFIED b", "DELETED b"]);
  });

  test("follow a field of a pod", async () => {
    const watching = await watch("fieldSelector=spec.nodeName%3Dn1", "/api/v1/pods");
    await must(api.request("POST", pods, { body: pod("p") }));
    const binding = { metadata: { name: "p" }, target: { kind: "Node", name: "n1" } };
    await must(api.request("POST", `${pods}/p/binding`, { body: binding }));
    expect(line(await watching.next())).toBe("ADDED p");
  });

  test("stay in their namespace", async () => {
    const watching = await watch(`resourceVersion=${await version()}`);
    await must(api.request("POST", "/api/v1/namespaces/kube-system/configmaps", { body: configMap("elsewhere") }));
    await make("here");
    expect(line(await watching.next())).toBe("ADDED here");
  });

  test("that end say so by ending, with a bookmark just before", async () => {
    const watching = await watch(`resourceVersion=${await version()}&timeoutSeconds=1&allowWatchBookmarks=true`);
    const bookmark = await watching.next();
    expect(bookmark).toMatchObject({ type: "BOOKMARK", object: { kind: "ConfigMap", apiVersion: "v1" } });
    expect(Number(bookmark?.object.metadata.resourceVersion)).toBeGreaterThan(0);
    expect(await watching.next()).toBeUndefined();
  });

  test("can send what is there first and mark its end", async () => {
    await make("a");
    const query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    const watching = await watch(query);
    expect(line(await watching.next())).toBe("ADDED a");
    const mark = await watching.next();
    expect(mark?.type).toBe("BOOKMARK");
    expect(mark?.object.metadata.annotations).toEqual({ "k8s.io/initial-events-end": "true" });
    await make("b");
    expect(line(await watching.next())).toBe("ADDED b");
  });

  test("with initial events demand that it is said how old they may be", async () => {
    const { status, body } = await api.request("GET", `${configMaps}?watch=true&sendInitialEvents=true`);
    expect([status, body.message]).toEqual([
      422,
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    ]);
  });

  test.each(["", "&resourceVersion=0"])("can begin with now, asked ?…%s", async (query) => {
    await make("a");
    const watching = await watch(`sendInitialEvents=false&resourceVersionMatch=NotOlderThan${query}`);
    await make("b");
    expect(line(await watching.next())).toBe("ADDED b");
  });

  test("send their rows as Tables, with the columns in the first alone", async () => {
    await make("a");
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    const watching = await api.watch(`${configMaps}?watch=true&includeObject=Object`, { accept });
    open.push(watching);
    const first = await watching.next();
    expect(first).toMatchObject({ type: "ADDED", object: { kind: "Table", apiVersion: "meta.k8s.io/v1" } });
    expect(first?.object.columnDefinitions).toHaveLength(3);
    expect(first?.object.rows[0]).toMatchObject({ object: { kind: "ConfigMap", metadata: { name: "a" } } });
    await make("b");
    const second = await watching.next();
    expect(second?.object.columnDefinitions ?? []).toEqual([]);
    expect(second?.object.rows[0].cells[0]).toBe("b");
  });

  test("send metadata alone to who wants no more", async () => {
    await make("a");
    const watching = await api.watch(`${configMaps}?watch=true`, {
      accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    });
    open.push(watching);
    const event = await watching.next();
    expect(event?.object).toMatchObject({ kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: { name: "a" } });
    expect(event?.object.data).toBeUndefined();
  });

  test("from a version of the future wait a little, and then say so", async () => {
    const { status, body } = await api.request("GET", `${configMaps}?watch=true&resourceVersion=99999`);
    expect([status, body.reason, body.details.causes[0].reason]).toEqual([504, "Timeout", "ResourceVersionTooLarge"]);
  });

  test("from a version that is no number are refused", async () => {
    expect((await api.request("GET", `${configMaps}?watch=true&resourceVersion=x`)).status).toBe(400);
  });

  test("lose nothing and repeat nothing among many writers", async () => {
    const watching = await watch(`resourceVersion=${await version()}`);
    await Promise.all(Array.from({ length: 50 }, (_, index) => make(`m${index}`)));
    const seen: string[] = [];
    for (let count = 0; count < 50; count++) seen.push(String((await watching.next())?.object.metadata.name));
    expect(new Set(seen).size).toBe(50);
  });

  test.runIf(hasOwnServers)("end cleanly when the server stops", async () => {
    const watching = await watch(`resourceVersion=${await version()}`);
    await make("a");
    expect(line(await watching.next())).toBe("ADDED a");
    const end = watching.next();
    await api.close();
    expect(await end).toBeUndefined();
  });
});

/** Time is the test's own here. */
describe.runIf(hasOwnServers)("watches that last", () => {
  test("send a bookmark each minute, and end when their time is up with one more", async () => {
    const clock = new FakeClock();
    const api = await startInProcess({ clock });
    const { body } = await api.request("GET", configMaps);
    const from = String(body.metadata.resourceVersion);
    const watching = await api.watch(
      `${configMaps}?watch=true&allowWatchBookmarks=true&resourceVersion=${from}&timeoutSeconds=90`,
    );
    const first = watching.next();
    await must(api.request("POST", pods, { body: pod("elsewhere") }));
    await clock.advance(60_000);
    const bookmark = await first;
    expect(bookmark).toMatchObject({ type: "BOOKMARK", object: { kind: "ConfigMap" } });
    expect(Number(bookmark?.object.metadata.resourceVersion)).toBeGreaterThan(Number(from));
    const last = watching.next();
    await must(api.request("POST", pods, { body: pod("later") }));
    await clock.advance(28_500);
    expect((await last)?.type).toBe("BOOKMARK");
    const end = watching.next();
    await clock.advance(5_000);
    expect(await end).toBeUndefined();
    await api.close();
  });

  test("tell of what expires together one by one, so that who is cut off in between misses nothing", async () => {
    const clock = new FakeClock();
    const api = await startInProcess({ clock });
    const events = "/api/v1/namespaces/default/events";
    const involvedObject = { kind: "Pod", namespace: "default", name: "p" };
    for (const name of ["a", "b", "c"])
      await must(api.request("POST", events, { body: { metadata: { name }, involvedObject, reason: "Tried" } }));
    const from = String((await api.request("GET", events)).body.metadata.resourceVersion);
    const watching = await api.watch(`${events}?watch=true&timeoutSeconds=7200&resourceVersion=${from}`);
    const first = watching.next();
    await clock.advance(3_601_000);
    const gone = await first;
    expect(gone).toMatchObject({ type: "DELETED", object: { metadata: { name: "a" } } });
    watching.stop();
    const again = await api.watch(`${events}?watch=true&resourceVersion=${String(gone?.object.metadata.resourceVersion)}`);
    expect([await again.next(), await again.next()].map((event) => String(event?.object.metadata.name))).toEqual(["b", "c"]);
    again.stop();
    await api.close();
  });
});
