import { describe, expect, test } from "vitest";
import type { Container, Pod, PodSpec } from "../generated/types.ts";
import { container, pod } from "./cases/pod-builders.testing.ts";
import { podDefinition } from "./pod.ts";

describe("a pod gets", () => {
  const spec = (given: Pod): PodSpec => podDefinition.withDefaults?.(given).spec ?? { containers: [] };

  test.each([
    ["nginx", "Always"],
    ["nginx:latest", "Always"],
    ["nginx:1.27", "IfNotPresent"],
    ["registry:5000/nginx", "Always"],
    ["registry:5000/nginx:1", "IfNotPresent"],
    [`nginx@sha256:${"0".repeat(64)}`, "IfNotPresent"],
  ])("for image %s the pull policy %s", (image, policy) => {
    expect(spec(container({ image })).containers[0]?.imagePullPolicy).toBe(policy);
  });

  test.each<[Container["resources"], string]>([
    [undefined, "BestEffort"],
    [{ requests: { cpu: "1" } }, "Burstable"],
    [{ limits: { cpu: "1", memory: "1Gi" } }, "Guaranteed"],
    [{ limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "500m" } }, "Burstable"],
    [{ limits: { "example.com/gpu": "1" } }, "BestEffort"],
  ])("with resources %j the quality %s", (resources, expected) => {
    const whole = podDefinition.withDefaults?.(container(resources === undefined ? {} : { resources }));
    expect(whole && podDefinition.prepareForCreate?.(whole).status).toEqual({ phase: "Pending", qosClass: expected });
  });
});

// Source: pkg/api/pod/warnings.go and WarningsOnCreate in pkg/registry/core/pod/strategy.go.
describe("who makes a pod is warned", () => {
  const variable = (name: string, value: string): object => ({ name, value });
  const listening = (...ports: object[]): Pod => container({ ports: ports as never });
  test.each<[string, Pod, string[]]>([
    ["of nothing", pod({}), []],
    [
      "of a name that is no DNS label",
      pod({}, { name: "web.1" }),
      [
        "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
      ],
    ],
    [
      "of labels that nodes no longer have",
      pod({ nodeSelector: { "beta.kubernetes.io/os": "linux" } }),
      ['spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'],
    ],
    [
      "of a spread that counts nobody",
      pod({ topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" }] }),
      ["spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod"],
    ],
    [
      "of an alias twice",
      pod({ hostAliases: [{ ip: "1.1.1.1" }, { ip: "1.1.1.1" }] }),
      ['spec.hostAliases[1].ip: duplicate ip "1.1.1.1"'],
    ],
    ["of a secret without a name", pod({ imagePullSecrets: [{}] }), ['spec.imagePullSecrets[0].name: invalid empty name ""']],
    [
      "of half a byte",
      container({ resources: { requests: { memory: "500m" } } }),
      ['spec.containers[0].resources.requests[memory]: fractional byte value "500m" is invalid, must be an integer'],
    ],
    [
      "of a variable that hides another",
      container({ env: [variable("A", "1"), variable("A", "2")] as never }),
      ['spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply'],
    ],
    [
      "not of a variable that goes on from another",
      container({ env: [variable("A", "1"), variable("A", "$(A)2")] as never }),
      [],
    ],
    [
      "of a port twice",
      listening({ containerPort: 80, protocol: "TCP", name: "a" }, { containerPort: 80, protocol: "TCP", name: "b" }),
      ["spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]"],
    ],
    [
      "not of a port of two protocols",
      listening({ containerPort: 53, protocol: "TCP" }, { containerPort: 53, protocol: "UDP" }),
      [],
    ],
    [
      "of a grace period that is less than none",
      pod({ terminationGracePeriodSeconds: -1 }),
      ["spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"],
    ],
  ])("%s", (_what, given, expected) => {
    expect(podDefinition.warnings?.(given, undefined)).toEqual(expected);
    expect(podDefinition.warnings?.(given, given)).toEqual([]);
  });
});

// Source: KEP-4960 and the field's documentation.
describe("a container's stop signal", () => {
  const stopped = (stopSignal: string, os?: string): Pod =>
    pod({
      containers: [
        { name: "main", image: "nginx", terminationMessagePolicy: "File", imagePullPolicy: "Always", lifecycle: { stopSignal } },
      ],
      ...(os !== undefined && { os: { name: os } }),
    });
  const errorsOf = (one: Pod): string[] =>
    (podDefinition.validate?.(one) ?? [])
      .filter(({ field }) => field?.endsWith("stopSignal") === true)
      .map(({ message = "" }) => message.replace(/supported values: .*/, "supported values: …"));

  test.each<[string, Pod, string[]]>([
    ["may be one of Linux", stopped("SIGUSR1", "linux"), []],
    ["may be a real-time signal", stopped("SIGRTMIN+15", "linux"), []],
    ["is none that there is not", stopped("SIGRTMIN+16", "linux"), ['Unsupported value: "SIGRTMIN+16": supported values: …']],
    ["is one of two on Windows", stopped("SIGUSR1", "windows"), ['Unsupported value: "SIGUSR1": supported values: …']],
    [
      "needs to know the operating system",
      stopped("SIGUSR1"),
      ["Forbidden: may not be set for containers with empty `spec.os.name`"],
    ],
  ])("%s", (_what, given, expected) => {
    expect(errorsOf(given)).toEqual(expected);
  });
});

// Source: ValidatePodEphemeralContainersUpdate.
describe("ephemeral containers of a pod", () => {
  const looking = (...containers: readonly object[]): Pod => pod({ ephemeralContainers: containers as never });
  const look = { name: "look", image: "busybox", imagePullPolicy: "Always", terminationMessagePolicy: "File" };
  const errorsOf = (next: Pod, old: Pod): (string | undefined)[] =>
    (podDefinition.validateUpdate?.(next, old, "ephemeralcontainers") ?? []).map(({ message }) => message);

  test("can be added", () => {
    expect(errorsOf(looking(look, { ...look, name: "more" }), looking(look))).toEqual([]);
  });
  test("cannot be taken away", () => {
    expect(errorsOf(looking(), looking(look))).toEqual(['Forbidden: existing ephemeral containers "look" may not be removed\n']);
  });
  test("cannot be changed", () => {
    const changed = looking({ ...look, image: "other" });
    expect(errorsOf(changed, looking(look))).toEqual(['Forbidden: existing ephemeral containers "look" may not be changed\n']);
  });
});
