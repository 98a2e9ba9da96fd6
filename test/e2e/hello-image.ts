import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildBusyboxImage } from "#cluster/example-image";
import { findProgram } from "#cluster/local-nodes/missing-tools";
import type { TestCluster } from "./test-cluster.ts";

/** Brings the example's image into a cluster, as a user would: an OCI layout folder and `skiff image load`. */
export async function loadHelloImage(cluster: TestCluster): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "skiff-hello-"));
  try {
    await buildBusyboxImage({ outputDirectory: folder, busyboxPath: findProgram("busybox", process.env["PATH"] ?? "") ?? "" });
    const { code, stderr } = await cluster.skiff(["image", "load", folder]);
    if (code !== 0) throw new Error(stderr);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A Deployment of it. */
export function helloDeployment(name: string, replicas: number): string {
  return JSON.stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 5,
          containers: [
            {
              name: "web",
              image: "skiff.local/hello:1",
              imagePullPolicy: "Never",
              readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  });
}
