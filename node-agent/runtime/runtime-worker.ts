import { mkdir } from "node:fs/promises";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { detectCgroups } from "../cgroups/detect.ts";
import type { ImageService, ImageStatus } from "../images/image-service.ts";
import { BridgePodNetwork } from "../network/bridge-pod-network.ts";
import { CrunRuntime } from "./crun-runtime.ts";
import type { ContainerRuntime } from "./runtime.ts";
import { RuntimeError } from "./runtime.ts";

/**
 * For tests: a runtime in a process of its own, so that it can live inside a node's namespaces and be killed like an agent. The
 * test calls its methods over the process's IPC channel.
 */
export interface WorkerSettings {
  readonly folder: string;
  readonly runtimeBinary: string;
  readonly image: ImageStatus;
  readonly podRange: string;
  readonly callLimitMs?: number;
}

export type WorkerRequest =
  | { readonly id: number; readonly open: WorkerSettings }
  | {
      readonly id: number;
      readonly method: keyof ContainerRuntime | "ensureCgroup" | "removeCgroup" | "nextChange";
      readonly args: unknown[];
    };

export type WorkerAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly reason: string | undefined; readonly message: string };

let runtime: CrunRuntime | undefined;

process.on("message", (request: WorkerRequest) => {
  answer(request).then(
    (value) => process.send?.({ id: request.id, value: value ?? null }),
    (error: unknown) => {
      const reason = error instanceof RuntimeError ? error.reason : undefined;
      process.send?.({ id: request.id, reason, message: (error as Error).stack });
    },
  );
});

async function answer(request: WorkerRequest): Promise<unknown> {
  if ("open" in request) {
    runtime = await open(request.open);
    return undefined;
  }
  const cgroups = await detectCgroups({ clock: systemClock });
  const [first] = request.args;
  if (request.method === "ensureCgroup") return cgroups.ensure(first as string, request.args[1] as object);
  if (request.method === "removeCgroup") return cgroups.remove(first as string);
  if (runtime === undefined) throw new Error("open it first");
  if (request.method === "nextChange") return nextChange(runtime);
  const methods = runtime as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  return methods[request.method]?.(...request.args);
}

async function nextChange(from: ContainerRuntime): Promise<void> {
  const done = new AbortController();
  for await (const _change of from.changes(done.signal)) break;
  done.abort();
}

async function open({ folder, runtimeBinary, image, podRange, callLimitMs }: WorkerSettings): Promise<CrunRuntime> {
  await mkdir(folder, { recursive: true });
  const log = silentLogger;
  return CrunRuntime.open({
    clock: systemClock,
    log,
    images: onlyImage(image),
    network: await BridgePodNetwork.open({ log, podRange, bridge: "pods", stateFile: `${folder}/network.json` }),
    cgroups: await detectCgroups({ clock: systemClock }),
    rootDirectory: `${folder}/root`,
    runDirectory: `${folder}/run`,
    runtimeBinary,
    conmonBinary: "/usr/bin/conmon",
    ...(callLimitMs !== undefined && { callLimitMs }),
  });
}

function onlyImage(image: ImageStatus): ImageService {
  const refuse = () => Promise.reject(new Error("not in this test"));
  return {
    status: async (reference) => (reference === image.id ? image : undefined),
    list: async () => [image],
    pull: refuse,
    load: refuse,
    remove: refuse,
  };
}
