import { describe, expect, it } from "vitest";
import type { Container, Pod } from "#api/generated/types";
import { shouldRestart } from "./container-restart.ts";

const rule = (operator: string, ...values: number[]) => ({ action: "Restart", exitCodes: { operator, values } });

function decide(podPolicy: string, own: Partial<Container>, exitCode: number, isInit = false): boolean {
  const container = { name: "main", ...own };
  const pod: Pod = {
    metadata: {},
    spec: { restartPolicy: podPolicy, containers: isInit ? [] : [container], initContainers: isInit ? [container] : [] },
  };
  return shouldRestart(pod, container, exitCode);
}

// Source: ContainerShouldRestart in pkg/api/v1/pod, and KEP-5307.
describe("a container that ended", () => {
  it.each<[string, Partial<Container>, number, boolean]>([
    ["Always", {}, 0, true],
    ["OnFailure", {}, 0, false],
    ["OnFailure", {}, 1, true],
    ["Never", {}, 1, false],
    ["Always", { restartPolicy: "Never" }, 1, false],
    ["Never", { restartPolicy: "Always" }, 0, true],
    ["Never", { restartPolicy: "OnFailure" }, 0, false],
    ["Never", { restartPolicy: "OnFailure" }, 1, true],
    ["Never", { restartPolicy: "Never", restartPolicyRules: [rule("In", 42, 43)] }, 43, true],
    ["Never", { restartPolicy: "Never", restartPolicyRules: [rule("In", 42, 43)] }, 44, false],
    ["Always", { restartPolicy: "Never", restartPolicyRules: [rule("NotIn", 1)] }, 2, true],
    ["Always", { restartPolicy: "Never", restartPolicyRules: [rule("NotIn", 1)] }, 1, false],
    ["Never", { restartPolicy: "OnFailure", restartPolicyRules: [rule("In", 0)] }, 0, true],
  ])("in a pod with policy %s, with %j and exit code %d, runs again: %s", (policy, own, exitCode, expected) => {
    expect(decide(policy, own, exitCode)).toBe(expected);
  });

  it.each<[string, Partial<Container>, number, boolean]>([
    ["Always", {}, 0, false],
    ["Always", {}, 1, true],
    ["Never", {}, 1, false],
    ["Always", { restartPolicy: "Never" }, 1, false],
    ["Never", { restartPolicy: "OnFailure" }, 1, true],
    ["Never", { restartPolicy: "Always" }, 0, true],
  ])("as an init container, policy %s, with %j and exit code %d: %s", (policy, own, exitCode, expected) => {
    expect(decide(policy, own, exitCode, true)).toBe(expected);
  });
});
