import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { loadAll } from "js-yaml";
import { packageRoot } from "#base/package-root";
import type { Deployment, Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { deployments, pods } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { ApiClient } from "#client/api-client";
import { buildBusyboxImage, exampleImageReference } from "../example-image.ts";
import { CommandFailure } from "../failure.ts";
import { findProgram } from "../local-nodes/missing-tools.ts";
import type { ClusterPaths } from "../state/cluster-config.ts";
import { imagesOf } from "./images.ts";

const namespace = "default";

/** Makes the example's image of this machine's busybox, unless the cluster has it. */
export async function ensureExampleImage(paths: ClusterPaths, searchPath: string): Promise<void> {
  const images = await imagesOf(paths);
  if ((await images.status(exampleImageReference)) !== undefined) return;
  const busyboxPath = findProgram("busybox", searchPath);
  // A dynamic one names its loader, and finds it in no container.
  if (busyboxPath === undefined || (await readFile(busyboxPath)).includes("/ld-"))
    throw new CommandFailure("not installed: a static busybox. On Debian and Ubuntu: apt-get install busybox-static");
  const outputDirectory = join(paths.run, "hello-image");
  try {
    await buildBusyboxImage({ outputDirectory, busyboxPath });
    await images.load(outputDirectory, { signal: new AbortController().signal });
  } finally {
    await rm(outputDirectory, { recursive: true, force: true });
  }
}

/** @returns false when it was there already. */
export async function applyExample(client: ApiClient): Promise<boolean> {
  const text = await readFile(join(packageRoot, "manifests/examples/hello.yaml"), "utf8");
  let created = false;
  for (const document of loadAll(text) as Deployment[]) {
    try {
      await client.create(deployments, asApplied({ ...document, metadata: { ...document.metadata, namespace } }), {
        fieldManager: "kubectl-client-side-apply",
      });
      created = true;
    } catch (error) {
      if (!hasReason(error, "AlreadyExists")) throw error;
    }
  }
  return created;
}

/**
 * With what `kubectl apply` remembers of a file, so that the next apply of a changed one knows what changed. It compares the text,
 * which Go writes with keys in order.
 */
function asApplied(object: Deployment): Deployment {
  const applied = JSON.stringify({ ...object, metadata: { annotations: {}, ...object.metadata } }, inKeyOrder);
  const annotations = { ...object.metadata.annotations, "kubectl.kubernetes.io/last-applied-configuration": `${applied}\n` };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function inKeyOrder(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

/** Resolves when every replica is available, telling `progress` each change. Rejects when the deployment says that it gave up. */
export async function waitForExample(client: ApiClient, progress: (text: string) => void, signal: AbortSignal): Promise<void> {
  const fieldSelector = "metadata.name=hello";
  let last = "";
  const isDone = (deployment: Deployment): boolean => {
    const wanted = deployment.spec?.replicas ?? 0;
    const { availableReplicas = 0, updatedReplicas = 0, observedGeneration = 0, conditions = [] } = deployment.status ?? {};
    const gaveUp = conditions.find(({ type, reason }) => type === "Progressing" && reason === "ProgressDeadlineExceeded");
    if (gaveUp !== undefined)
      throw new CommandFailure(`the example does not come up: ${gaveUp.message ?? ""} ("kubectl describe pods" says more)`);
    const text = `hello: ${availableReplicas} of ${wanted} replicas available`;
    if (text !== last) progress(text);
    last = text;
    return (
      observedGeneration >= (deployment.metadata.generation ?? 0) && updatedReplicas === wanted && availableReplicas === wanted
    );
  };
  for (;;) {
    const { items, metadata } = await client.list(deployments, { namespace, fieldSelector });
    const [found] = items;
    if (found === undefined) throw new CommandFailure("somebody deleted the example while it was starting");
    if (isDone(found)) return;
    const watch = client.watch(deployments, {
      namespace,
      fieldSelector,
      resourceVersion: metadata.resourceVersion ?? "0",
      timeoutSeconds: 60,
      signal,
    });
    for await (const event of watch) {
      if (event.type === "DELETED") break;
      if (event.type !== "BOOKMARK" && isDone(event.object)) return;
    }
  }
}

export async function examplePods(client: ApiClient): Promise<readonly Stored<Pod>[]> {
  return (await client.list(pods, { namespace, labelSelector: "app=hello" })).items.filter(
    (pod) => pod.metadata.deletionTimestamp === undefined,
  );
}
