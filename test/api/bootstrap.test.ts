import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ConfigMap, EndpointSlice, Service } from "#api/generated/types";
import { configMaps, endpointSlices, namespaces, priorityClasses, serviceAccounts, services } from "#api/resource-type";
import { hasReason } from "#api/status";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { startControlPlane, type ControlPlane } from "#cluster/control-plane";
import { memoryPki, type Pki } from "#cluster/pki/pki";

const shared = { clock: systemClock, random: systemRandom, log: silentLogger };
const kubernetes = { namespace: "default", name: "kubernetes" };

// Source: pkg/controlplane/instance.go and its hooks; what upstream's end-to-end tests wait for.
describe("a control plane that has started", () => {
  let storage: MemoryStorage;
  let pki: Pki;
  let plane: ControlPlane;
  let admin: ApiClient;

  const start = async (options: { serviceRange?: string } = {}): Promise<void> => {
    plane = await startControlPlane({ ...shared, storage, pki, ...options });
    admin = plane.clientFor("admin", ["system:masters"]);
  };
  beforeEach(async () => {
    storage = new MemoryStorage(shared);
    pki = await memoryPki(systemClock, systemRandom);
  });
  afterEach(() => plane.close());

  async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
    for (let attempt = 0; attempt < 3_000; attempt++) {
      const found = await look().catch((error: unknown) => {
        if (hasReason(error, "NotFound")) return undefined;
        throw error;
      });
      if (found !== undefined) return found;
      await systemClock.sleep(10);
    }
    throw new Error("never seen");
  }
  const service = (): Promise<Service> => admin.get(services, kubernetes);
  const slice = (): Promise<EndpointSlice> => admin.get(endpointSlices, kubernetes);

  test("has what every cluster has, at once", async () => {
    await start();
    const names = async (type: typeof namespaces | typeof priorityClasses): Promise<unknown[]> =>
      (await admin.list(type as typeof namespaces)).items.map(({ metadata }) => metadata.name);
    expect(await names(namespaces)).toEqual(["default", "kube-node-lease", "kube-public", "kube-system"]);
    expect(await names(priorityClasses)).toEqual(["system-cluster-critical", "system-node-critical"]);
    const config: ConfigMap = await admin.get(configMaps, {
      namespace: "kube-system",
      name: "extension-apiserver-authentication",
    });
    expect(config.data).toEqual({ "client-ca-file": pki.ca });
    expect(await service()).toMatchObject({
      metadata: { labels: { component: "apiserver", provider: "kubernetes" } },
      spec: {
        type: "ClusterIP",
        clusterIP: "10.96.0.1",
        clusterIPs: ["10.96.0.1"],
        ports: [{ name: "https", port: 443, protocol: "TCP", targetPort: 6443 }],
      },
    });
    expect(await slice()).toMatchObject({
      metadata: { labels: { "kubernetes.io/service-name": "kubernetes" } },
      addressType: "IPv4",
      ports: [{ name: "https", port: 6443, protocol: "TCP" }],
    });
    await eventually(() => admin.get(serviceAccounts, { namespace: "default", name: "default" }));
  });

  test("takes the first address of the range it is given", async () => {
    await start({ serviceRange: "10.43.7.9/16" });
    expect((await service()).spec?.clusterIP).toBe("10.43.0.1");
  });

  test("mends the way to itself when somebody changes or deletes it", async () => {
    await start();
    const patch = {
      type: "merge",
      patch: { metadata: { labels: { "kubernetes.io/service-name": "mine" } }, ports: [] },
    } as const;
    await admin.patch(endpointSlices, kubernetes, patch);
    await eventually(async () =>
      (await slice()).metadata.labels?.["kubernetes.io/service-name"] === "kubernetes" ? true : undefined,
    );
    expect((await slice()).ports).toHaveLength(1);
    await admin.delete(endpointSlices, kubernetes);
    await admin.delete(services, kubernetes);
    await eventually(slice);
    await eventually(service);
  });

  test("corrects on its next start what was true of the last", async () => {
    await start();
    await plane.close();
    await start({ serviceRange: "10.43.0.0/16" });
    expect((await service()).spec?.clusterIP).toBe("10.43.0.1");
    const reads = plane.clientFor("system:serviceaccount:default:default", ["system:serviceaccounts"]);
    await expect(reads.get(services, kubernetes)).rejects.toThrow("forbidden");
  });
});
