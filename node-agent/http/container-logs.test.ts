import { describe, expect, it } from "vitest";
import type { ContainerState, ContainerStatus } from "#api/generated/types";
import { logOptions, loggedAttempt } from "./container-logs.ts";

function pod(state: ContainerState | undefined, change: Partial<ContainerStatus> = {}) {
  const status = { name: "main", image: "", imageID: "", ready: false, restartCount: 2, ...(state && { state }), ...change };
  return {
    metadata: { namespace: "default", name: "web", uid: "u", resourceVersion: "1", creationTimestamp: "" },
    spec: { containers: [{ name: "main" }] },
    status: { containerStatuses: [status] },
  };
}

const terminated = { exitCode: 1 };

describe("loggedAttempt", () => {
  it.each<[string, ContainerState, Partial<ContainerStatus>, boolean, number]>([
    ["the running one", { running: {} }, {}, false, 2],
    ["the one that ended", { terminated }, {}, false, 2],
    [
      "the last that ended while the next waits",
      { waiting: { reason: "CrashLoopBackOff" } },
      { lastState: { terminated } },
      false,
      2,
    ],
    ["the one before, with previous", { running: {} }, { lastState: { terminated } }, true, 1],
    ["the last that ended, with previous, while the next waits", { waiting: {} }, { lastState: { terminated } }, true, 2],
  ])("is %s", (_name, state, change, previous, expected) => {
    expect(loggedAttempt(pod(state, change), "main", previous)).toBe(expected);
  });

  it.each<[ContainerState, boolean, string]>([
    [{ waiting: { reason: "ContainerCreating" } }, false, 'container "main" in pod "web" is waiting to start: ContainerCreating'],
    [
      { waiting: { reason: "ImagePullBackOff" } },
      false,
      'container "main" in pod "web" is waiting to start: trying and failing to pull image',
    ],
    [{ running: {} }, true, 'previous terminated container "main" in pod "web" not found'],
  ])("of %j (previous: %s) is refused in upstream's words", (state, previous, message) => {
    expect(() => loggedAttempt(pod(state), "main", previous)).toThrow(message);
  });

  it("refuses a container that the pod does not have", () => {
    expect(() => loggedAttempt(pod({ running: {} }), "other", false)).toThrow("container other is not valid for pod web");
  });
});

describe("logOptions", () => {
  const now = Date.parse("2026-01-01T01:00:00Z");

  it("reads PodLogOptions from the query", () => {
    const query = new URLSearchParams("follow=true&timestamps=1&tailLines=5&limitBytes=10&sinceSeconds=60");
    expect(logOptions(query, now)).toEqual({
      follow: true,
      timestamps: true,
      tailLines: 5,
      limitBytes: 10,
      since: "2026-01-01T00:59:00Z",
    });
    expect(logOptions(new URLSearchParams(), now)).toEqual({ follow: false, timestamps: false });
  });

  it.each(["tailLines=-1", "limitBytes=x", "sinceTime=yesterday"])("refuses %s", (query) => {
    expect(() => logOptions(new URLSearchParams(query), now)).toThrow(expect.objectContaining({ reason: "BadRequest" }) as Error);
  });
});
