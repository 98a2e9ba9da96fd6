import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import https from "node:https";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Clock } from "#base/clock";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { seededRandom } from "#base/random";
import type { ApiUnderTest } from "../api/api-under-test.ts";
import { startHttps } from "../api/own-server.ts";
import { RequestGenerator, type FuzzedRequest } from "./request-generator.ts";

/** Chosen anew for each run unless given, and printed: `SKIFF_FUZZ_SEED=N npx vitest run test/fuzz` sends the same again. */
const seed = Number(process.env["SKIFF_FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const rounds = 10;
const requestsEach = 2_000;
const atOnce = 16;

/** Five minutes of history pass in five seconds, so that what a round leaves behind can be forgotten before the next is measured. */
const speed = 60;
const fastClock: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * speed,
  sleep: (ms, signal) => systemClock.sleep(ms / speed, signal),
};

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

describe(`${rounds * requestsEach} requests that are not quite right (seed ${seed})`, () => {
  let api: ApiUnderTest;
  let agent: https.Agent;
  let origin: string;
  let lastError: unknown;

  beforeAll(async () => {
    api = await startHttps({
      clock: fastClock,
      log: { ...silentLogger, error: (_message, fields) => (lastError = fields?.["error"]) },
    });
    const { url, options } = await api.http!.webSocket();
    origin = url.replace("wss:", "https:");
    agent = new https.Agent({ ...options, keepAlive: true, maxSockets: atOnce });
  });
  afterAll(async () => {
    agent.destroy();
    await api.close();
  });

  it("are each answered with what is wrong, and leave nothing behind", async () => {
    const generator = new RequestGenerator(seededRandom(seed));
    const statuses = new Map<number, number>();
    const memory: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const requests = Array.from({ length: requestsEach }, () => generator.next());
      const workers = Array.from({ length: atOnce }, async () => {
        for (let request = requests.pop(); request !== undefined; request = requests.pop()) {
          const { status, text } = await patiently(request);
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          if (status >= 500 && !(status === 504 && wantsItSoon(request)))
            throw new Error(`${status} ${text.slice(0, 500)} to ${described(request)}`, { cause: lastError });
        }
      });
      await Promise.all(workers);
      if (round % 3 === 2 || round === rounds - 1) {
        await removeEverything();
        // Compaction comes every half minute of the server's time, and forgets what is five minutes old.
        await systemClock.sleep((5.6 * 60_000) / speed);
        collectGarbage();
        memory.push(process.memoryUsage().heapUsed / 2 ** 20);
      }
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect((await api.request("GET", "/readyz")).text).toBe("ok");
    // It got past the first checks often enough to be worth something.
    expect(statuses.get(200) ?? 0).toBeGreaterThan(rounds * 50);
    expect(statuses.get(201) ?? 0).toBeGreaterThan(rounds * 10);
    expect(statuses.get(422) ?? 0).toBeGreaterThan(rounds * 10);
    const [first = 0, ...later] = memory;
    for (const megabytes of later) expect(megabytes - first).toBeLessThan(32);
  }, 240_000);

  /** A request's minute is a second here, for which a machine may stand still: whose fault a 504 is shows the second time. */
  async function patiently(request: FuzzedRequest): ReturnType<typeof send> {
    const answer = await send(request);
    return answer.status === 504 ? send(request) : answer;
  }

  function send({ method, path, headers, body }: FuzzedRequest): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const url = new URL(origin);
      const sent = https.request(
        {
          agent,
          host: url.hostname,
          port: url.port,
          method,
          path,
          headers: { ...headers, ...(body && { "content-length": body.length }) },
        },
        (response) => {
          let text = "";
          response.on("data", (chunk: Buffer) => (text += chunk.toString()));
          response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
          response.on("error", reject);
        },
      );
      sent.on("error", (error) =>
        reject(new Error(`${error.message} after ${described({ method, path, headers, ...(body && { body }) })}`)),
      );
      sent.end(body);
    });
  }

  async function removeEverything(): Promise<void> {
    for (const path of [
      ..."configmaps secrets pods services events".split(" ").map((resource) => `/api/v1/namespaces/default/${resource}`),
      "/apis/apps/v1/namespaces/default/deployments",
      "/apis/apps/v1/namespaces/default/replicasets",
      "/apis/coordination.k8s.io/v1/namespaces/default/leases",
      "/api/v1/nodes",
    ])
      await api.request("DELETE", `${path}?gracePeriodSeconds=0&propagationPolicy=Background`);
  }
});

function described({ method, path, headers, body }: FuzzedRequest): string {
  return `${method} ${path} ${JSON.stringify(headers)} ${(body ?? Buffer.alloc(0)).toString("latin1").slice(0, 2_000)}`;
}

/** A pod without an account waits for one longer than the second that some give it. */
function wantsItSoon({ path }: { readonly path: string }): boolean {
  return new URLSearchParams(path.slice(path.indexOf("?") + 1)).get("timeout") === "1s";
}
