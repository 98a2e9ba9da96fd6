/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiUnderTest, type Reply, waysIn } from "./api-under-test.ts";
import { inDefault, must, pod, pods } from "./objects.ts";

const accounts = `${inDefault}/serviceaccounts`;
const mountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
const container = { name: "c", image: "nginx:1" };

// Source of all of it: plugin/pkg/admission/serviceaccount/admission.go and its tests.
describe.each(waysIn)("the account of a pod %s", (_way, start) => {
  let api: ApiUnderTest;
  let made = 0;
  const create = (spec: object = {}, metadata: object = {}): Promise<Reply> =>
    api.request("POST", pods, { body: pod(`p${(made += 1)}`, spec, metadata) });
  const account = (name: string, part: object = {}, annotations: object = {}): Promise<Reply> =>
    must(api.request("POST", accounts, { body: { metadata: { name, annotations }, ...part } }));

  beforeAll(async () => {
    api = await start();
    await account("pulls", { imagePullSecrets: [{ name: "registry" }] });
    await account("quiet", { automountServiceAccountToken: false });
    await account(
      "strict",
      { secrets: [{ name: "mine" }], imagePullSecrets: [{ name: "mine" }] },
      { "kubernetes.io/enforce-mountable-secrets": "true" },
    );
  });
  afterAll(() => api.close());

  test("is default, and its token is mounted into every container", async () => {
    const { spec } = (await must(create({ initContainers: [{ ...container, name: "i" }] }))).body;
    expect([spec.serviceAccountName, spec.serviceAccount]).toEqual(["default", "default"]);
    const [volume] = spec.volumes;
    expect(volume.name).toMatch(/^kube-api-access-[a-z0-9]{5}$/);
    expect(volume.projected).toEqual({
      defaultMode: 420,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        { downwardAPI: { items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }] } },
      ],
    });
    for (const { volumeMounts } of [...spec.containers, ...spec.initContainers])
      expect(volumeMounts).toEqual([{ name: volume.name, readOnly: true, mountPath }]);
  });

  test("leaves alone what mounts something of its own there, or has such a volume", async () => {
    const own = { volumeMounts: [{ name: "own", mountPath }] };
    const volumes = [{ name: "own", emptyDir: {} }];
    const alone = (await must(create({ containers: [{ ...container, ...own }], volumes }))).body.spec;
    expect(alone.volumes).toEqual(volumes);
    const containers = [
      { ...container, ...own },
      { ...container, name: "d" },
    ];
    const both = (await must(create({ containers, volumes }))).body.spec;
    expect(both.volumes).toHaveLength(2);
    expect(both.containers[1].volumeMounts[0].name).toBe(both.volumes[1].name);
    const known = (await must(create({ volumes: [{ name: "kube-api-access-mine", emptyDir: {} }] }))).body.spec;
    expect(known.volumes).toHaveLength(1);
    expect(known.containers[0].volumeMounts[0].name).toBe("kube-api-access-mine");
  });

  test("is not mounted where the pod or its account does not want it; the pod has the last word", async () => {
    expect((await must(create({ automountServiceAccountToken: false }))).body.spec.volumes).toBeUndefined();
    expect((await must(create({ serviceAccountName: "quiet" }))).body.spec.volumes).toBeUndefined();
    const loud = await must(create({ serviceAccountName: "quiet", automountServiceAccountToken: true }));
    expect(loud.body.spec.volumes).toHaveLength(1);
    expect(loud.warnings).toEqual([]);
  });

  test("lends its pull secrets to a pod without any", async () => {
    const lent = await must(create({ serviceAccountName: "pulls" }));
    expect(lent.body.spec.imagePullSecrets).toEqual([{ name: "registry" }]);
    const own = await must(create({ serviceAccountName: "pulls", imagePullSecrets: [{ name: "own" }] }));
    expect(own.body.spec.imagePullSecrets).toEqual([{ name: "own" }]);
  });

  test("must exist", async () => {
    const { status, body } = await create({ serviceAccountName: "nobody" });
    expect([status, body.message]).toEqual([
      403,
      `pods "p${made}" is forbidden: error looking up service account default/nobody: serviceaccount "nobody" not found`,
    ]);
  });

  test("is waited for a little in a new namespace, whose controller makes it", async () => {
    await must(api.request("POST", "/api/v1/namespaces", { body: { metadata: { name: "fresh" } } }));
    const creating = api.request("POST", "/api/v1/namespaces/fresh/pods", { body: pod("early") });
    await must(api.request("POST", "/api/v1/namespaces/fresh/serviceaccounts", { body: { metadata: { name: "default" } } }));
    expect((await creating).status).toBe(201);
  });

  test("is not for mirror pods, which keep their spec", async () => {
    const mirror = { annotations: { "kubernetes.io/config.mirror": "x" } };
    expect((await must(create({ nodeName: "n1" }, mirror))).body.spec).not.toHaveProperty("serviceAccountName");
    const cases: [object, string][] = [
      [{ serviceAccountName: "default" }, "a mirror pod may not reference service accounts"],
      [{ volumes: [{ name: "s", secret: { secretName: "s" } }] }, "a mirror pod may not reference secrets"],
    ];
    for (const [spec, message] of cases) {
      const { status, body } = await create({ nodeName: "n1", ...spec }, mirror);
      expect([status, body.message]).toEqual([403, `pods "p${made}" is forbidden: ${message}`]);
    }
  });

  test("can ask to be held to the secrets that it lists", async () => {
    const because = "is not allowed because service account strict does not reference that";
    const from = { secretKeyRef: { name: "other", key: "k" } };
    const cases: [object, string][] = [
      [{ volumes: [{ name: "v", secret: { secretName: "other" } }] }, `volume with secret.secretName="other" ${because} secret`],
      [
        { containers: [{ ...container, env: [{ name: "E", valueFrom: from }] }] },
        `container c with envVar E referencing secret.secretName="other" ${because} secret`,
      ],
      [
        { initContainers: [{ ...container, name: "i", envFrom: [{ secretRef: { name: "other" } }] }] },
        `init container i with envFrom referencing secret.secretName="other" ${because} secret`,
      ],
      [{ imagePullSecrets: [{ name: "other" }] }, `imagePullSecrets[0].name="other" ${because} imagePullSecret`],
    ];
    for (const [spec, message] of cases) {
      const { status, body } = await create({ serviceAccountName: "strict", ...spec });
      expect([status, body.message]).toEqual([403, `pods "p${made}" is forbidden: ${message}`]);
    }
    const allowed = { serviceAccountName: "strict", volumes: [{ name: "v", secret: { secretName: "mine" } }] };
    expect((await create(allowed)).status).toBe(201);
  });
});
