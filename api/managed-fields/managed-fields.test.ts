import { describe, expect, it } from "vitest";
import type { KubeObject } from "../object.ts";
import { isSameButForTimes, managedFieldsAfter, managerOf, type Update } from "./managed-fields.ts";

const schema = (kind: string): Update["schema"] => ({ $ref: `#/definitions/io.k8s.api.${kind}` });

function write(old: KubeObject | undefined, next: object, options: Partial<Update> = {}): KubeObject {
  const object = next as KubeObject;
  const managedFields = managedFieldsAfter({
    old,
    next: object,
    schema: schema("apps.v1.Deployment"),
    apiVersion: "apps/v1",
    manager: "kubectl",
    subresource: undefined,
    now: "2026-01-01T00:00:00Z",
    ...options,
  });
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata: { ...metadata, ...(managedFields && { managedFields }) } };
}

const fieldsOf = (object: KubeObject, manager: string): unknown =>
  object.metadata.managedFields?.find((entry) => entry.manager === manager)?.fieldsV1;

const deployment = {
  metadata: { name: "web", namespace: "default", uid: "1", labels: { app: "web" } },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: "web" } },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: {
        containers: [
          {
            name: "web",
            image: "nginx:1.14.2",
            args: ["-g", "daemon off;"],
            ports: [{ containerPort: 80, protocol: "TCP" }, { containerPort: 81 }],
            resources: { limits: { cpu: "100m" } },
          },
        ],
        restartPolicy: "Always",
        securityContext: {},
      },
    },
  },
};

describe("a created object", () => {
  /** The form of kubectl get deployment --show-managed-fields, after the example of kubernetes.io/docs/concepts/workloads/controllers/deployment. */
  it("belongs to its maker, structs without a dot, what can be absent with one, lists by key", () => {
    expect(fieldsOf(write(undefined, deployment), "kubectl")).toEqual({
      "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
      "f:spec": {
        "f:replicas": {},
        "f:selector": {},
        "f:strategy": { "f:rollingUpdate": { ".": {}, "f:maxSurge": {}, "f:maxUnavailable": {} }, "f:type": {} },
        "f:template": {
          "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
          "f:spec": {
            "f:containers": {
              'k:{"name":"web"}': {
                ".": {},
                "f:args": {},
                "f:image": {},
                "f:name": {},
                "f:ports": {
                  ".": {},
                  'k:{"containerPort":80,"protocol":"TCP"}': { ".": {}, "f:containerPort": {}, "f:protocol": {} },
                  'k:{"containerPort":81,"protocol":"TCP"}': { ".": {}, "f:containerPort": {} },
                },
                "f:resources": { ".": {}, "f:limits": { ".": {}, "f:cpu": {} } },
              },
            },
            "f:restartPolicy": {},
            "f:securityContext": {},
          },
        },
      },
    });
  });

  it("says who, how, when and in which version", () => {
    const [entry] = write(undefined, deployment).metadata.managedFields ?? [];
    expect({ ...entry, fieldsV1: undefined }).toEqual({
      manager: "kubectl",
      operation: "Update",
      apiVersion: "apps/v1",
      time: "2026-01-01T00:00:00Z",
      fieldsType: "FieldsV1",
      fieldsV1: undefined,
    });
  });

  it("holds the items of a set by their values", () => {
    const made = write(undefined, { metadata: { name: "web", finalizers: ["a.example/x"] } });
    expect(fieldsOf(made, "kubectl")).toEqual({ "f:metadata": { "f:finalizers": { ".": {}, 'v:"a.example/x"': {} } } });
  });
});

describe("an update", () => {
  const made = write(undefined, deployment);

  it("takes the fields it changes from whoever had them, and leaves the rest", () => {
    const next = write(
      made,
      { ...made, spec: { ...deployment.spec, replicas: 5 } },
      { manager: "hpa", now: "2026-01-01T00:00:09Z" },
    );
    expect(fieldsOf(next, "hpa")).toEqual({ "f:spec": { "f:replicas": {} } });
    expect(fieldsOf(next, "kubectl")).not.toHaveProperty(["f:spec", "f:replicas"]);
    expect(fieldsOf(next, "kubectl")).toHaveProperty(["f:spec", "f:selector"]);
    expect(next.metadata.managedFields?.map(({ manager }) => manager)).toEqual(["kubectl", "hpa"]);
  });

  it("adds to what its manager has, and to when", () => {
    const scaled = write(made, { ...made, spec: { ...deployment.spec, paused: true } }, { now: "2026-01-02T00:00:00Z" });
    expect(scaled.metadata.managedFields).toHaveLength(1);
    expect(scaled.metadata.managedFields?.[0]?.time).toBe("2026-01-02T00:00:00Z");
    expect(fieldsOf(scaled, "kubectl")).toMatchObject({ "f:spec": { "f:paused": {}, "f:replicas": {} } });
  });

  it("books a subresource and another version apart", () => {
    const next = write(made, { ...made, status: { replicas: 1 } }, { subresource: "status" });
    expect(next.metadata.managedFields?.map(({ subresource }) => subresource)).toEqual([undefined, "status"]);
    expect(next.metadata.managedFields?.[1]?.fieldsV1).toEqual({ "f:status": { "f:replicas": {} } });
  });

  it("lets nobody keep what is gone, nor a place in the list who has nothing left", () => {
    const labelled = write(
      made,
      { ...made, metadata: { ...made.metadata, labels: { app: "web", tier: "x" } } },
      { manager: "labeller" },
    );
    expect(fieldsOf(labelled, "labeller")).toEqual({ "f:metadata": { "f:labels": { "f:tier": {} } } });
    const removed = write(
      labelled,
      { ...labelled, metadata: { ...labelled.metadata, labels: { app: "web" } } },
      { manager: "other" },
    );
    expect(removed.metadata.managedFields?.map(({ manager }) => manager)).toEqual(["kubectl"]);
  });

  it("that changes nothing changes no entry", () => {
    const same = write(made, structuredClone(made), { manager: "other", now: "2027-01-01T00:00:00Z" });
    expect(same.metadata.managedFields).toEqual(made.metadata.managedFields);
  });

  it("follows an item of a list when others move it", () => {
    const container = (name: string): object => ({ name, image: "i" });
    const spec = (names: readonly string[]): object => ({ template: { spec: { containers: names.map(container) } } });
    const pair = write(undefined, { metadata: { name: "x", uid: "1" }, spec: spec(["a", "b"]) });
    const turned = write(pair, { ...pair, spec: spec(["b", "a"]) }, { manager: "other" });
    expect(turned.metadata.managedFields).toEqual(pair.metadata.managedFields);
  });

  it("takes the items of one key as one field when several have it", () => {
    const env = (...values: string[]): object => ({
      template: { spec: { containers: [{ name: "c", env: values.map((value) => ({ name: "A", value })) }] } },
    });
    const twice = write(undefined, { metadata: { name: "x", uid: "1" }, spec: env("1", "2") });
    const changed = write(twice, { ...twice, spec: env("1", "3") }, { manager: "other" });
    expect(JSON.stringify(fieldsOf(changed, "other"))).toContain('k:{\\"name\\":\\"A\\"}');
  });
});

describe("the client's own list", () => {
  const made = write(undefined, deployment);
  const sent = (managedFields: unknown): KubeObject => ({ ...made, metadata: { ...made.metadata, managedFields } }) as KubeObject;

  it("is what is kept when it can be read", () => {
    const own = [
      {
        manager: "me",
        operation: "Update",
        apiVersion: "apps/v1",
        fieldsType: "FieldsV1",
        fieldsV1: { "f:spec": { "f:paused": {} } },
      },
    ];
    expect(write(made, sent(own)).metadata.managedFields).toEqual(own);
  });

  it.each([
    ["absent", undefined],
    ["empty", []],
    ["of an unknown operation", [{ manager: "me", operation: "Steal", apiVersion: "v1", fieldsType: "FieldsV1", fieldsV1: {} }]],
    ["of an unknown form", [{ manager: "me", operation: "Update", apiVersion: "v1", fieldsType: "FieldsV2", fieldsV1: {} }]],
  ])("is passed over when it is %s", (_what, list) => {
    expect(write(made, sent(list)).metadata.managedFields).toEqual(made.metadata.managedFields);
  });

  it("of one empty entry ends the books until somebody applies", () => {
    const reset = write(made, sent([{}]));
    expect(reset.metadata.managedFields).toBeUndefined();
    const later = write(reset, { ...reset, spec: { ...deployment.spec, replicas: 9 } });
    expect(later.metadata.managedFields).toBeUndefined();
  });

  it("counts for nothing on a subresource", () => {
    expect(write(made, sent([{}]), { subresource: "status" }).metadata.managedFields).toEqual(made.metadata.managedFields);
  });
});

it("tells ten managers of updates apart and puts the oldest together", () => {
  let object = write(undefined, { metadata: { name: "x", uid: "1" } });
  for (let index = 0; index < 13; index++) {
    const labels = { ...object.metadata.labels, [`l${index}`]: "x" };
    const now = `2026-01-01T00:00:${String(index).padStart(2, "0")}Z`;
    object = write(
      object.metadata.uid === undefined || index === 0 ? undefined : object,
      { ...object, metadata: { ...object.metadata, labels } },
      { manager: `m${index}`, now },
    );
  }
  const managers = object.metadata.managedFields?.map(({ manager }) => manager);
  expect(managers).toEqual(["ancient-changes", "m4", "m5", "m6", "m7", "m8", "m9", "m10", "m11", "m12"]);
  expect(fieldsOf(object, "ancient-changes")).toEqual({
    "f:metadata": { "f:labels": { ".": {}, "f:l0": {}, "f:l1": {}, "f:l2": {}, "f:l3": {} } },
  });
});

it("sees no change in times alone", () => {
  const made = write(undefined, deployment);
  expect(isSameButForTimes(made, write(undefined, deployment, { now: "2030-01-01T00:00:00Z" }))).toBe(true);
  expect(isSameButForTimes(made, write(undefined, deployment, { manager: "other" }))).toBe(false);
});

it.each([
  [null, "kubectl/v1.33.0 (linux/amd64) kubernetes/4c9411232e", "kubectl"],
  ["", "curl", "curl"],
  ["mine", "kubectl/v1", "mine"],
  [null, "a\u0007b/1", "ab"],
  [null, "x".repeat(200), "x".repeat(128)],
])("calls the manager of %s and %s %s", (asked, agent, expected) => {
  expect(managerOf(asked, agent)).toBe(expected);
});
