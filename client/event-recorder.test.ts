import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { seededRandom } from "#base/random";
import { events } from "#api/resource-type";
import { beforeEach, describe, expect, test } from "vitest";
import { EventRecorder } from "./event-recorder.ts";
import { SmallApi } from "./small-api.testing.ts";
import { createClient } from "./transport-client.ts";

let clock: FakeClock;
let api: SmallApi;
let recorder: EventRecorder;

const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace: "default", name: "web", uid: "u1", resourceVersion: "5" },
};

beforeEach(() => {
  clock = new FakeClock();
  api = new SmallApi();
  recorder = new EventRecorder({
    client: createClient(api),
    component: "kubelet",
    host: "n1",
    clock,
    random: seededRandom(1),
    log: silentLogger,
  });
});

async function written() {
  return (await createClient(api).list(events)).items;
}

describe("EventRecorder", () => {
  test("writes an event as client-go does", async () => {
    recorder.event(pod, "Normal", "Started", "Started container app", "spec.containers{app}");
    await recorder.flushed();
    const [event] = await written();
    expect(event?.metadata.name).toMatch(/^web\.[0-9a-f]{16}$/);
    expect(event).toMatchObject({
      metadata: { namespace: "default" },
      involvedObject: {
        apiVersion: "v1",
        kind: "Pod",
        name: "web",
        uid: "u1",
        resourceVersion: "5",
        fieldPath: "spec.containers{app}",
      },
      reason: "Started",
      type: "Normal",
      count: 1,
      firstTimestamp: "2026-01-01T00:00:00Z",
      source: { component: "kubelet", host: "n1" },
      reportingComponent: "kubelet",
      reportingInstance: "n1",
    });
  });

  test("counts repeats in one event, and begins a new one when that has expired", async () => {
    recorder.event(pod, "Warning", "BackOff", "again");
    await clock.advance(5000);
    recorder.event(pod, "Warning", "BackOff", "again");
    await recorder.flushed();
    expect(await written()).toMatchObject([
      { count: 2, firstTimestamp: "2026-01-01T00:00:00Z", lastTimestamp: "2026-01-01T00:00:05Z" },
    ]);
    const [event] = await written();
    await createClient(api).delete(events, { namespace: "default", name: event!.metadata.name });
    recorder.event(pod, "Warning", "BackOff", "again");
    await recorder.flushed();
    expect(await written()).toMatchObject([{ count: 3 }]);
  });

  test("tells about cluster-scoped objects in the default namespace", async () => {
    recorder.event({ apiVersion: "v1", kind: "Node", metadata: { name: "n1", uid: "n" } }, "Normal", "Ready", "ready");
    await recorder.flushed();
    expect((await written())[0]?.metadata.namespace).toBe("default");
  });

  test("does not hold up a shutdown for a server that is away", async () => {
    api.intercept = () => "fail";
    recorder.event(pod, "Normal", "Started", "late");
    await clock.advance(0);
    await recorder.stop();
    expect(api.calls.length).toBe(2);
  });

  test("tries again while the server is away, and never throws", async () => {
    let failures = 3;
    api.intercept = () => (failures-- > 0 ? "fail" : undefined);
    recorder.event(pod, "Normal", "Started", "late");
    await clock.advance(2000);
    await recorder.flushed();
    expect(await written()).toHaveLength(1);
  });
});
