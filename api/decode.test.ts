import { describe, expect, test } from "vitest";
import { samples } from "../test/golden/samples/samples.ts";
import { decode, DecodeError } from "./decode.ts";

const pod = "io.k8s.api.core.v1.Pod";
const deployment = "io.k8s.api.apps.v1.Deployment";
const configMap = "io.k8s.api.core.v1.ConfigMap";
const node = "io.k8s.api.core.v1.Node";
const secret = "io.k8s.api.core.v1.Secret";

describe("decode", () => {
  test.each(samples.map((sample) => [sample.name, sample] as const))(
    "knows every field of upstream's %s and changes none",
    (_name, { definition, json }) => {
      expect(decode(definition, json)).toEqual({ value: json, unknownFields: [] });
    },
  );

  test("copies, so that what is stored shares nothing with what was handed in", () => {
    const given = { metadata: { labels: { a: "b" }, managedFields: [{ fieldsV1: { "f:x": {} } }] }, data: { k: "v" } };
    const { value } = decode(configMap, Object.freeze(given));
    expect(value).toEqual(given);
    const shared = (left: unknown, right: unknown): boolean =>
      typeof left === "object" && left !== null && typeof right === "object" && right !== null
        ? left === right ||
          Object.keys(left).some((key) => shared((left as Record<string, unknown>)[key], (right as Record<string, unknown>)[key]))
        : false;
    expect(shared(value, given)).toBe(false);
  });

  test("takes null for absent, in a map and in a list of scalars for the zero value", () => {
    const given = { metadata: { name: null, labels: { a: null } }, spec: { containers: [{ name: "c", args: ["x", null] }] } };
    expect(decode(pod, given).value).toEqual({
      metadata: { labels: { a: "" } },
      spec: { containers: [{ name: "c", args: ["x", ""] }] },
    });
  });

  test("drops unknown fields and names their paths in order", () => {
    const given = {
      spec: { containers: [{ name: "a" }, { name: "b", x: 1, ports: [{ containerPort: 1, y: 2 }] }], z: {} },
      statuss: 1,
    };
    const { value, unknownFields } = decode(pod, given);
    expect(unknownFields).toEqual(["spec.containers[1].x", "spec.containers[1].ports[0].y", "spec.z", "statuss"]);
    expect(value).toEqual({ spec: { containers: [{ name: "a" }, { name: "b", ports: [{ containerPort: 1 }] }] } });
  });

  test("takes keys of a map for what they are", () => {
    const given = JSON.parse('{"data":{"__proto__":"a","constructor":"b","toString":"c"}}') as unknown;
    const { value, unknownFields } = decode(configMap, given);
    expect(JSON.stringify(value)).toBe('{"data":{"__proto__":"a","constructor":"b","toString":"c"}}');
    expect(unknownFields).toEqual([]);
    expect(({} as { a?: unknown }).a).toBeUndefined();
  });

  // Go's omitempty: what is empty is not written, but where the field must be there, or a structure is meant.
  test("leaves out empty lists and maps that need not be there", () => {
    const metadata = { name: "a", labels: {}, annotations: {}, finalizers: [], ownerReferences: [] };
    const spec = {
      containers: [],
      volumes: [{ name: "v", emptyDir: {} }],
      nodeSelector: {},
      tolerations: [],
      securityContext: {},
    };
    expect(decode(pod, { metadata, spec }).value).toEqual({
      metadata: { name: "a" },
      spec: { containers: [], volumes: [{ name: "v", emptyDir: {} }], securityContext: {} },
    });
    expect(decode(deployment, { spec: { selector: { matchLabels: {} } } }).value).toEqual({ spec: { selector: {} } });
  });

  test("calls a field named after JavaScript's own unknown", () => {
    const given = JSON.parse('{"__proto__":{"kind":"x"},"constructor":1,"spec":{"hasOwnProperty":1}}') as unknown;
    expect(decode(pod, given)).toEqual({
      value: { spec: {} },
      unknownFields: ["__proto__", "constructor", "spec.hasOwnProperty"],
    });
  });
});

describe("a value of the wrong type is refused in Go's words", () => {
  const wrong = (definition: string, given: unknown): string => {
    try {
      decode(definition, given);
    } catch (error) {
      expect(error).toBeInstanceOf(DecodeError);
      return (error as Error).message;
    }
    return "accepted";
  };

  test.each([
    [
      deployment,
      { spec: { replicas: "3" } },
      "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
    ],
    [
      deployment,
      { spec: { replicas: 1.5 } },
      "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
    ],
    [
      deployment,
      { spec: { replicas: 2 ** 31 } },
      "json: cannot unmarshal number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32",
    ],
    [
      deployment,
      { spec: { paused: "yes" } },
      "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool",
    ],
    [
      pod,
      { spec: { containers: [{ name: 5 }] } },
      "json: cannot unmarshal number into Go struct field Container.spec.containers.name of type string",
    ],
    [
      pod,
      { spec: { containers: { name: "a" } } },
      "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
    ],
    [
      pod,
      { spec: { containers: ["a"] } },
      "json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type v1.Container",
    ],
    [configMap, { data: { a: true } }, "json: cannot unmarshal bool into Go struct field ConfigMap.data of type string"],
    [configMap, { data: [] }, "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string"],
    [configMap, [], "json: cannot unmarshal array into Go value of type v1.ConfigMap"],
    [pod, "x", "json: cannot unmarshal string into Go value of type v1.Pod"],
    [
      node,
      { metadata: { creationTimestamp: "yesterday" } },
      'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    ],
    [secret, { data: { a: "not base64!" } }, "illegal base64 data at input byte 3"],
    [secret, { data: { a: "YWJ" } }, "illegal base64 data at input byte 0"],
  ])("%s %j", (definition, given, message) => {
    expect(wrong(definition, given)).toBe(message);
  });

  test.each([
    ["undefined", undefined],
    ["a Date", new Date(0)],
    ["NaN", Number.NaN],
    ["Infinity", Number.POSITIVE_INFINITY],
    ["a function", () => 1],
    ["a bigint", 1n],
    ["a Map", new Map()],
  ])("also %s, which no JSON text can have", (_what, value) => {
    expect(wrong(configMap, { data: { a: value } })).toMatch(/^json: cannot unmarshal /);
    expect(wrong(deployment, { spec: { replicas: value } })).toMatch(/^json: cannot unmarshal /);
    expect(wrong(pod, { metadata: { managedFields: [{ fieldsV1: { a: value } }] } })).toMatch(/^json: cannot unmarshal /);
  });

  test.each([2 ** 31 - 1, -(2 ** 31), 0])("an int32 may be %d", (replicas) => {
    expect(decode(deployment, { spec: { replicas } }).value).toEqual({ spec: { replicas } });
  });
});

describe("values with a form of their own", () => {
  test("quantities are written canonically", () => {
    const given = { status: { capacity: { cpu: 0.5, memory: "1024Ki", pods: 110, "x/y": "1e3" } } };
    expect(decode(node, given).value).toEqual({
      status: { capacity: { cpu: "500m", memory: "1Mi", pods: "110", "x/y": "1e3" } },
    });
    expect(() => decode(node, { status: { capacity: { cpu: "lots" } } })).toThrow(
      /^quantities must match the regular expression/,
    );
    expect(() => decode(node, { status: { capacity: { cpu: {} } } })).toThrow(/^json: cannot unmarshal object/);
  });

  test("int-or-strings stay what they are", () => {
    const rolling = (maxSurge: unknown): unknown => ({ spec: { strategy: { rollingUpdate: { maxSurge } } } });
    expect(decode(deployment, rolling(1)).value).toEqual(rolling(1));
    expect(decode(deployment, rolling("25%")).value).toEqual(rolling("25%"));
    expect(() => decode(deployment, rolling(1.5))).toThrow(/number 1.5 .* of type int32$/);
    expect(() => decode(deployment, rolling(2 ** 31))).toThrow(/number 2147483648 .* of type int32$/);
    expect(() => decode(deployment, rolling(true))).toThrow(/cannot unmarshal bool/);
  });

  test.each(["2024-02-29T12:00:00Z", "2024-02-29T12:00:00+01:00", "2024-02-29T12:00:00.5Z"])("times may be %s", (time) => {
    const { value } = decode(node, { metadata: { creationTimestamp: time } });
    expect(Date.parse((value["metadata"] as { creationTimestamp: string }).creationTimestamp)).toBe(
      Math.floor(Date.parse(time) / 1000) * 1000,
    );
  });

  test("times are kept in UTC and whole seconds, micro times with six decimals", () => {
    const lease = "io.k8s.api.coordination.v1.Lease";
    const time = "2024-02-29T12:00:00.1234567+01:00";
    expect(decode(lease, { metadata: { creationTimestamp: time }, spec: { renewTime: time } }).value).toEqual({
      metadata: { creationTimestamp: "2024-02-29T11:00:00Z" },
      spec: { renewTime: "2024-02-29T11:00:00.123456Z" },
    });
    expect(decode(lease, { metadata: { creationTimestamp: "" } }).value).toEqual({ metadata: {} });
  });

  test.each(["2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01 00:00:00Z"])(
    "%s is no time",
    (time) => {
      expect(() => decode(node, { metadata: { creationTimestamp: time } })).toThrow(/^parsing time /);
    },
  );

  test.each(samples.map((sample) => [sample.name, sample] as const))(
    "makes the same of upstream's %s whether it copies, changes it in place, or knows it already",
    (_name, sample) => {
      const { definition } = sample;
      const json = sample.json as { readonly metadata?: object };
      const disturbed = (): unknown => JSON.parse(JSON.stringify({ ...json, unknown: { a: [null] } }));
      const copied = decode(definition, disturbed());
      expect(decode(definition, disturbed(), { owned: true })).toEqual(copied);
      const patched = { ...json, metadata: { ...json.metadata, labels: { a: "b" } } };
      expect(decode(definition, patched, { known: json })).toEqual(decode(definition, patched));
    },
  );

  test("in place is what has nothing wrong with it, and the rest is as if it had been copied", () => {
    const document = JSON.parse(
      '{"metadata":{"name":"a","creationTimestamp":null,"labels":{}},"spec":{"containers":[{"name":"c","x":1,"resources":{"limits":{"cpu":0.5}}},null],"nodeName":null,"hostname":"h"},"status":{}}',
    ) as { spec: object };
    const copied = decode(pod, JSON.parse(JSON.stringify(document)));
    const { value, unknownFields } = decode(pod, document, { owned: true });
    expect({ value, unknownFields }).toEqual(copied);
    expect(unknownFields).toEqual(["spec.containers[0].x"]);
    expect(value).toBe(document);
  });

  test("what is known is taken over as it is, and what stands beside it is decoded", () => {
    const known = decode(pod, { metadata: { name: "a" }, spec: { containers: [{ name: "c", image: "i" }] } }).value;
    const { value, unknownFields } = decode(
      pod,
      { ...known, status: { phase: "Running", nonsense: 1, startTime: "2024-02-29T12:00:00.5Z" } },
      { known },
    );
    expect(value["spec"]).toBe(known["spec"]);
    expect(value["status"]).toEqual({ phase: "Running", startTime: "2024-02-29T12:00:00Z" });
    expect(unknownFields).toEqual(["status.nonsense"]);
  });

  test("base64 may be wrapped in lines", () => {
    expect(decode(secret, { data: { a: "YWJj\nZGVm" } }).value).toEqual({ data: { a: "YWJjZGVm" } });
  });
});
