import { describe, expect, it } from "vitest";
import type { Container } from "#api/generated/types";
import type { ConfigSource } from "./config-source.ts";
import { environmentOf } from "./environment.ts";
import { expandVariables } from "./expand-variables.ts";
import type { PodFacts } from "./downward-api.ts";

const stored = { uid: "u", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" };
const source: ConfigSource = {
  configMap: async (namespace, name) =>
    name === "cfg" ? { metadata: { ...stored, namespace, name }, data: { color: "green", size: "7" } } : undefined,
  secret: async (namespace, name) =>
    name === "sec"
      ? { metadata: { ...stored, namespace, name }, data: { password: Buffer.from("hunter2").toString("base64") } }
      : undefined,
};
const facts: PodFacts = {
  pod: {
    metadata: { ...stored, namespace: "default", name: "web", labels: { app: "web", tier: 'a"b' } },
    spec: { nodeName: "node-1", serviceAccountName: "robot", containers: [] },
  },
  podIP: "10.0.0.2",
  hostIP: "172.30.0.2",
  allocatable: { cpu: "8", memory: "1073741824", "ephemeral-storage": "0" },
};
const resolve = async (container: Partial<Container>) =>
  Object.fromEntries((await environmentOf({ name: "main", ...container }, facts, source)).variables);

describe("expandVariables", () => {
  // From upstream's own table for the expansion package.
  it.each([
    ["$(VAR_A)", "A"],
    ["___$(VAR_B)___", "___B___"],
    ["$(VAR_DNE)", "$(VAR_DNE)"],
    ["$$(VAR_A)", "$(VAR_A)"],
    ["$$$(VAR_A)", "$A"],
    ["$$$$(VAR_A)", "$$(VAR_A)"],
    ["$(VAR_A)$(VAR_B)", "AB"],
    ["$VAR_A", "$VAR_A"],
    ["$(VAR_A", "$(VAR_A"],
    ["$", "$"],
    ["$$", "$"],
    ["foo$", "foo$"],
  ])("%s becomes %s", (text, expected) => {
    expect(
      expandVariables(
        text,
        new Map([
          ["VAR_A", "A"],
          ["VAR_B", "B"],
        ]),
      ),
    ).toBe(expected);
  });
});

describe("a container's environment", () => {
  it("skips keys that are no names of variables, and says which", async () => {
    const odd: ConfigSource = {
      ...source,
      configMap: async (namespace, name) => ({
        metadata: { ...stored, namespace, name },
        data: { "with.dot": "1", "a=b": "2", "": "3", ünicode: "4", "1st": "5" },
      }),
    };
    const envFrom = [{ configMapRef: { name: "odd" } }, { prefix: "P_", configMapRef: { name: "odd" } }];
    const { variables, skipped } = await environmentOf({ name: "main", envFrom }, facts, odd);
    expect([...variables.keys()]).toEqual(["with.dot", "1st", "P_with.dot", "P_", "P_1st"]);
    const because =
      "from the EnvFrom configMap default/odd were skipped since they are considered invalid environment variable names.";
    expect(skipped).toEqual([`Keys [, a=b, ünicode] ${because}`, `Keys [P_a=b, P_ünicode] ${because}`]);
  });

  it("uses what was defined before, also what came from a ConfigMap", async () => {
    const env = [
      { name: "A", value: "1" },
      { name: "B", value: "$(A)-$(CM_color)-$(LATER)" },
      { name: "LATER", value: "x" },
    ];
    expect(await resolve({ env, envFrom: [{ prefix: "CM_", configMapRef: { name: "cfg" } }] })).toEqual({
      CM_color: "green",
      CM_size: "7",
      A: "1",
      B: "1-green-$(LATER)",
      LATER: "x",
    });
  });

  it("tells a pod about itself", async () => {
    const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
    const env = [
      field("NAME", "metadata.name"),
      field("IP", "status.podIP"),
      field("HOST", "status.hostIP"),
      field("NODE", "spec.nodeName"),
      field("SA", "spec.serviceAccountName"),
      field("APP", "metadata.labels['app']"),
    ];
    expect(await resolve({ env })).toEqual({
      NAME: "web",
      IP: "10.0.0.2",
      HOST: "172.30.0.2",
      NODE: "node-1",
      SA: "robot",
      APP: "web",
    });
  });

  it.each([
    ["limits.cpu", undefined, "2"],
    ["limits.cpu", "1m", "1500"],
    ["requests.cpu", undefined, "1"],
    ["limits.memory", "1Mi", "1024"],
    ["requests.memory", "1Mi", "64"],
  ])("gives %s divided by %s as %s", async (resource, divisor, expected) => {
    const env = [{ name: "X", valueFrom: { resourceFieldRef: { resource, ...(divisor !== undefined && { divisor }) } } }];
    const resources = { requests: { cpu: "250m", memory: "64Mi" }, limits: { cpu: "1500m" } };
    expect(await resolve({ env, resources })).toEqual({ X: expected });
  });

  it.each([
    [{ configMapKeyRef: { name: "none", key: "k" } }, 'configmap "none" not found'],
    [{ configMapKeyRef: { name: "cfg", key: "k" } }, "couldn't find key k in ConfigMap default/cfg"],
    [{ secretKeyRef: { name: "none", key: "k" } }, 'secret "none" not found'],
    [{ secretKeyRef: { name: "sec", key: "k" } }, "couldn't find key k in Secret default/sec"],
  ])("refuses %j in upstream's words, unless it is optional", async (valueFrom, message) => {
    await expect(resolve({ env: [{ name: "X", valueFrom }] })).rejects.toMatchObject({
      reason: "CreateContainerConfigError",
      message,
    });
    const [[kind, reference]] = Object.entries(valueFrom) as [[string, object]];
    expect(await resolve({ env: [{ name: "X", valueFrom: { [kind]: { ...reference, optional: true } } }] })).toEqual({});
  });

  it("decodes secrets", async () => {
    expect(await resolve({ env: [{ name: "X", valueFrom: { secretKeyRef: { name: "sec", key: "password" } } }] })).toEqual({
      X: "hunter2",
    });
    expect(await resolve({ envFrom: [{ secretRef: { name: "sec" } }] })).toEqual({ password: "hunter2" });
  });
});
