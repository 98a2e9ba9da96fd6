/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { hasOwnServers, type ApiUnderTest, type Reply, waysIn } from "./api-under-test.ts";
import { boundPod, configMap, configMaps, must, pod, pods } from "./objects.ts";
import { startInProcess } from "./own-server.ts";

/** kubernetes.io/docs/reference/using-api/api-concepts: "Retrieving large results sets in chunks", "Semantics for get and list". */
describe.each(waysIn)("lists %s", (_way, start) => {
  let api: ApiUnderTest;
  const names = ({ body }: Reply): string[] =>
    (body.items as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
  const list = (query = ""): Promise<Reply> => api.request("GET", `${configMaps}${query}`);
  let afterFive = "";

  beforeAll(async () => {
    api = await start();
    for (const name of ["e", "a", "d", "b", "c"]) {
      const made = await must(
        api.request("POST", configMaps, { body: configMap(name, { metadata: { name, labels: { first: name } } }) }),
      );
      afterFive = String(made.body.metadata.resourceVersion);
    }
    await boundPod(api, "bound", "n1");
    await must(api.request("POST", pods, { body: pod("free") }));
  });
  afterAll(() => api.close());

  test("are in the order of names, with their kind said once", async () => {
    const reply = await list();
    expect(names(reply)).toEqual(["a", "b", "c", "d", "e"]);
    expect([reply.body.kind, reply.body.apiVersion]).toEqual(["ConfigMapList", "v1"]);
    expect(Number(reply.body.metadata.resourceVersion)).toBeGreaterThanOrEqual(Number(afterFive));
  });

  test("are empty lists where there is nothing", async () => {
    const { body } = await api.request("GET", "/api/v1/namespaces/none/secrets");
    expect(body.items).toEqual([]);
    expect(body.metadata.continue).toBeUndefined();
  });

  test("come in pages that are all read at the version of the first", async () => {
    const first = await list("?limit=2");
    expect(names(first)).toEqual(["a", "b"]);
    expect(first.body.metadata.remainingItemCount).toBe(3);
    await must(api.request("POST", configMaps, { body: configMap("bb") }));
    await must(api.request("DELETE", `${configMaps}/e`));
    const second = await list(`?limit=2&continue=${String(first.body.metadata.continue)}`);
    expect(names(second)).toEqual(["c", "d"]);
    expect(second.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
    const third = await list(`?limit=2&continue=${String(second.body.metadata.continue)}`);
    expect(names(third)).toEqual(["e"]);
    expect(third.body.metadata.continue).toBeUndefined();
    expect(names(await list())).toEqual(["a", "b", "bb", "c", "d"]);
  });

  test("do not say how much remains behind a selector", async () => {
    const { body } = await list("?limit=1&labelSelector=first");
    expect(body.metadata.continue).toBeDefined();
    expect(body.metadata.remainingItemCount).toBeUndefined();
  });

  test("ignore the limit from version 0", async () => {
    expect(names(await list("?limit=1&resourceVersion=0")).length).toBeGreaterThan(3);
  });

  test("can be exact, or not older than", async () => {
    expect(names(await list(`?resourceVersion=${afterFive}&resourceVersionMatch=Exact`))).toEqual(["a", "b", "c", "d", "e"]);
    const newer = await list(`?resourceVersion=${afterFive}&resourceVersionMatch=NotOlderThan`);
    expect(names(newer)).toContain("bb");
  });

  test.each([
    ["labelSelector=first%3Da", ["a"]],
    ["labelSelector=first+in+(a,b)", ["a", "b"]],
    ["labelSelector=first!%3Da,first", ["b", "c", "d"]],
    ["labelSelector=!first", ["bb"]],
    ["fieldSelector=metadata.name%3Dc", ["c"]],
    ["fieldSelector=metadata.name%3Dc,metadata.namespace%3Ddefault", ["c"]],
    ["fieldSelector=metadata.name!%3Dc&labelSelector=first", ["a", "b", "d"]],
  ])("select by %s", async (query, expected) => {
    expect(names(await list(`?${query}`))).toEqual(expected);
  });

  test.each([
    ["spec.nodeName%3Dn1", ["bound"]],
    ["spec.nodeName%3D", ["free"]],
    ["status.phase%3DPending", ["bound", "free"]],
    ["spec.restartPolicy%3DNever", []],
    ["spec.serviceAccountName%3Ddefault", ["bound", "free"]],
    ["spec.serviceAccountName%3Dother", []],
  ])("of pods select by %s", async (query, expected) => {
    expect(names(await api.request("GET", `${pods}?fieldSelector=${query}`))).toEqual(expected);
  });

  test.each([
    ["fieldSelector=spec.x%3D1", 400, '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"'],
    ["labelSelector=a+in+b", 400, "unable to parse requirement: found 'b' expected: '('"],
    ["resourceVersion=abc", 400, 'strconv.ParseUint: parsing "abc": invalid syntax'],
    ["resourceVersionMatch=Exact", 422, "resourceVersionMatch is forbidden unless resourceVersion is provided"],
    ["resourceVersion=0&resourceVersionMatch=Exact", 422, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'],
    ["resourceVersion=1&resourceVersionMatch=Newest", 422, "resourceVersionMatch"],
    ["continue=nonsense", 400, "continue key is not valid"],
    ["limit=many", 400, 'strconv.ParseInt: parsing "many": invalid syntax'],
  ])("refuse ?%s with %d", async (query, status, words) => {
    const reply = await list(`?${query}`);
    expect(reply.status).toBe(status);
    expect(reply.body.message).toContain(words);
    // The reason once, without a preface: kubectl puts one before it.
    expect(String(reply.body.message).split("unable to parse").length).toBeLessThan(3);
    expect(reply.body.message).not.toContain("Unable to find");
  });

  test("with a limit from a version are of exactly that version, as they always were", async () => {
    expect(names(await list(`?resourceVersion=${afterFive}&limit=10`))).toEqual(["a", "b", "c", "d", "e"]);
    expect(names(await list(`?resourceVersion=${afterFive}`))).toContain("bb");
  });

  test("say everything that is wrong with their options at once", async () => {
    const { status, body } = await list("?resourceVersionMatch=Newest&continue=x&sendInitialEvents=true");
    expect([status, body.reason]).toEqual([422, "Invalid"]);
    expect(body.details.causes).toEqual([
      {
        reason: "FieldValueForbidden",
        message: "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
        field: "resourceVersionMatch",
      },
      {
        reason: "FieldValueForbidden",
        message: "Forbidden: resourceVersionMatch is forbidden when continue is provided",
        field: "resourceVersionMatch",
      },
      {
        reason: "FieldValueNotSupported",
        message: 'Unsupported value: "Newest": supported values: "Exact", "NotOlderThan", ""',
        field: "resourceVersionMatch",
      },
      {
        reason: "FieldValueForbidden",
        message: "Forbidden: sendInitialEvents is forbidden for list",
        field: "sendInitialEvents",
      },
    ]);
  });

  test("name no version beside a token", async () => {
    const first = await list("?limit=1");
    const { status, body } = await list(`?limit=1&resourceVersion=${afterFive}&continue=${String(first.body.metadata.continue)}`);
    expect([status, body.message]).toEqual([400, "specifying resource version is not allowed when using continue"]);
  });

  test("of one object wait for its version, too", async () => {
    const made = await must(api.request("POST", configMaps, { body: configMap("exact") }));
    const path = `${configMaps}/exact?resourceVersion=`;
    expect((await api.request("GET", path + String(made.body.metadata.resourceVersion))).status).toBe(200);
    expect((await api.request("GET", `${path}x`)).status).toBe(400);
  });

  test("wait a little for a version from the future, and then say so", async () => {
    const { status, body } = await list("?resourceVersion=99999");
    expect([status, body.reason, body.details.causes[0].reason]).toEqual([504, "Timeout", "ResourceVersionTooLarge"]);
  });

  test("read one object at or after any write", async () => {
    await must(api.request("POST", configMaps, { body: configMap("fresh") }));
    expect((await api.request("GET", `${configMaps}/fresh`)).status).toBe(200);
    expect((await api.request("GET", `${configMaps}/fresh?resourceVersion=0`)).status).toBe(200);
  });
});

/** Time is the test's own here: five minutes of history pass at once. */
describe.runIf(hasOwnServers)("lists whose history has gone", () => {
  test("give an expired page a token with which the rest can be had as it is now", async () => {
    const clock = new FakeClock();
    const api = await startInProcess({ clock });
    for (const name of ["a", "b", "c"]) await must(api.request("POST", configMaps, { body: configMap(name) }));
    const first = await api.request("GET", `${configMaps}?limit=1`);
    await must(api.request("POST", configMaps, { body: configMap("bb") }));
    for (let half = 0; half < 14; half++) await clock.advance(30_000);
    const late = await api.request("GET", `${configMaps}?limit=2&continue=${String(first.body.metadata.continue)}`);
    expect([late.status, late.body.reason]).toEqual([410, "Expired"]);
    expect(late.body.message).toContain("or use the continue token in this response");
    const rest = await api.request("GET", `${configMaps}?continue=${String(late.body.metadata.continue)}`);
    expect((rest.body.items as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name)).toEqual(["b", "bb", "c"]);
    expect(rest.body.metadata.resourceVersion).not.toBe(first.body.metadata.resourceVersion);
    const exact = `?resourceVersion=${String(first.body.metadata.resourceVersion)}&resourceVersionMatch=Exact`;
    const old = await api.request("GET", configMaps + exact);
    expect([old.status, old.body.message]).toEqual([410, "The resourceVersion for the provided list is too old."]);
    const watching = await api.watch(`${configMaps}?watch=true&resourceVersion=${String(first.body.metadata.resourceVersion)}`);
    expect(await watching.next()).toMatchObject({ type: "ERROR", object: { code: 410, reason: "Expired" } });
    expect(await watching.next()).toBeUndefined();
    await api.close();
  });
});
