import { request } from "node:https";
import type { Clock } from "#base/clock";
import type { Node } from "#api/generated/types";
import { nodes, serviceAccounts } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { ApiClient } from "#client/api-client";
import { CommandFailure } from "../failure.ts";
import type { KeyPair } from "../pki/certificates.ts";

const apiTimeoutMs = 30_000;
const nodesTimeoutMs = 60_000;

const awayKeys = new Set(["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]);

/** Heartbeats have whole seconds. What a node says counts when the cluster has heard it, and lets pods go there. */
function saysReady(node: Node, since: number): boolean {
  const ready = node.status?.conditions?.find(({ type }) => type === "Ready");
  const isKeptFree = (node.spec?.taints ?? []).some(({ key }) => awayKeys.has(key));
  return ready?.status === "True" && !isKeptFree && Date.parse(ready.lastHeartbeatTime ?? "") >= Math.floor(since / 1000) * 1000;
}

/** Resolves when the API server says that it is ready. @throws CommandFailure when its process ends first, or time does. */
export async function waitForApi(options: {
  readonly port: number;
  readonly ca: string;
  readonly admin: KeyPair;
  readonly clock: Clock;
  /** @returns why it will never be ready, or undefined. */
  readonly ended: () => Promise<string | undefined>;
}): Promise<void> {
  const { port, ca, admin, clock, ended } = options;
  const deadline = clock.monotonic() + apiTimeoutMs;
  for (;;) {
    const answer = await readiness(port, ca, admin);
    if (answer === "ok") return;
    const problem = await ended();
    if (problem !== undefined) throw new CommandFailure(problem);
    if (clock.monotonic() > deadline)
      throw new CommandFailure(
        `the API server on port ${port} is not ready after ${apiTimeoutMs / 1000} s${failedChecks(answer)}`,
      );
    await clock.sleep(15);
  }
}

/** What `/readyz` says; undefined when nobody answers. */
function readiness(port: number, ca: string, admin: KeyPair): Promise<string | undefined> {
  return new Promise((resolve) => {
    const call = request({ host: "127.0.0.1", port, path: "/readyz", ca, ...admin, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(Buffer.concat(chunks).toString()));
      response.on("error", () => resolve(undefined));
    });
    call.on("error", () => resolve(undefined));
    call.end();
  });
}

function failedChecks(answer = ""): string {
  const failed = [...answer.matchAll(/^\[-\]\S+ failed: (.*)$/gm)].map(([, why = ""]) => why);
  return failed.length === 0 ? "" : `: ${failed.join("; ")}`;
}

/** Resolves when a pod can be made in the namespace `default`: it needs the account that the controllers make there. @throws CommandFailure */
export async function waitForDefaultAccount(
  client: ApiClient,
  clock: Clock,
  ended: () => Promise<string | undefined>,
): Promise<void> {
  const deadline = clock.monotonic() + apiTimeoutMs;
  const isThere = async (): Promise<boolean> => {
    try {
      await client.get(serviceAccounts, { namespace: "default", name: "default" });
      return true;
    } catch (error) {
      if (hasReason(error, "NotFound")) return false;
      throw error;
    }
  };
  while (!(await isThere())) {
    const problem = await ended();
    if (problem !== undefined) throw new CommandFailure(problem);
    if (clock.monotonic() > deadline)
      throw new CommandFailure(
        `there is no service account "default" after ${apiTimeoutMs / 1000} s: see the control plane's log`,
      );
    await clock.sleep(15);
  }
}

/** A node, and since when (wall time, milliseconds) its agent must have said that it is Ready: what it said before a stop is old. */
export interface AwaitedNode {
  readonly name: string;
  readonly since: number;
}

/** Resolves when all of these nodes are Ready, telling `progress` how far they are. @throws CommandFailure */
export async function waitForNodes(
  client: ApiClient,
  awaited: readonly AwaitedNode[],
  clock: Clock,
  progress: (text: string) => void,
  ended: () => Promise<string | undefined>,
): Promise<void> {
  const deadline = clock.monotonic() + nodesTimeoutMs;
  let last = "";
  for (;;) {
    const { items } = await client.list(nodes);
    const waiting = awaited
      .filter((one) => !items.some((node) => node.metadata.name === one.name && saysReady(node, one.since)))
      .map(({ name }) => name);
    if (waiting.length === 0) return;
    const text = `waiting for ${waiting.join(", ")} to be Ready`;
    if (text !== last) progress(text);
    last = text;
    const problem = await ended();
    if (problem !== undefined) throw new CommandFailure(problem);
    if (clock.monotonic() > deadline)
      throw new CommandFailure(
        `${waiting.join(", ")} not Ready after ${nodesTimeoutMs / 1000} s: see its log in the cluster's folder`,
      );
    await clock.sleep(25);
  }
}
