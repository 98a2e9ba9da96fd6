import { describe, expect, it } from "vitest";
import type { PodSpec } from "#api/generated/types";
import { hostnameOf, hostsFile, kernelHostname, missesClusterDns, resolvConf } from "./pod-files.ts";
import type { StoredPod } from "./pod-spec.ts";

const pod = (spec: Partial<PodSpec> = {}, name = "web"): StoredPod => ({
  metadata: { namespace: "shop", name, uid: "u", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" },
  spec: { containers: [], ...spec },
});
const host = "# a comment\nsearch example.com\nnameserver 192.168.1.1\noptions timeout:1 rotate\n";
const settings = { clusterDns: "10.96.0.10", clusterDomain: "cluster.local", hostResolvConf: host };
const { clusterDns: _none, ...withoutDns } = settings;

describe("/etc/resolv.conf", () => {
  it.each<[string, Partial<PodSpec>, string]>([
    [
      "the cluster's by default",
      {},
      "nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local example.com\noptions ndots:5\n",
    ],
    [
      "the machine's with Default",
      { dnsPolicy: "Default" },
      "nameserver 192.168.1.1\nsearch example.com\noptions timeout:1 rotate\n",
    ],
    [
      "the machine's with the node's network",
      { hostNetwork: true },
      "nameserver 192.168.1.1\nsearch example.com\noptions timeout:1 rotate\n",
    ],
    [
      "the cluster's with ClusterFirstWithHostNet",
      { hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" },
      "nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local example.com\noptions ndots:5\n",
    ],
    [
      "the pod's own with None",
      {
        dnsPolicy: "None",
        dnsConfig: { nameservers: ["1.1.1.1"], searches: ["a.b"], options: [{ name: "ndots", value: "2" }, { name: "edns0" }] },
      },
      "nameserver 1.1.1.1\nsearch a.b\noptions ndots:2 edns0\n",
    ],
    [
      "merged with dnsConfig, which wins",
      { dnsConfig: { nameservers: ["1.1.1.1"], options: [{ name: "ndots", value: "1" }] } },
      "nameserver 10.96.0.10\nnameserver 1.1.1.1\nsearch shop.svc.cluster.local svc.cluster.local cluster.local example.com\noptions ndots:1\n",
    ],
  ])("is %s", (_name, spec, expected) => {
    expect(resolvConf(pod(spec), settings)).toBe(expected);
  });

  it("falls back to the machine's where the cluster has no DNS, which is worth an event", () => {
    expect(resolvConf(pod(), withoutDns)).toContain("192.168.1.1");
    expect(missesClusterDns(pod(), withoutDns)).toBe(true);
    expect(missesClusterDns(pod({ dnsPolicy: "Default" }), withoutDns)).toBe(false);
    expect(missesClusterDns(pod(), settings)).toBe(false);
  });
});

describe("/etc/hosts", () => {
  it("names the pod, its subdomain and its aliases", () => {
    const text = hostsFile(
      pod({ hostname: "db", subdomain: "data", hostAliases: [{ ip: "1.2.3.4", hostnames: ["a", "b"] }] }),
      "10.0.0.2",
      "",
      "cluster.local",
    );
    expect(text).toContain("10.0.0.2\tdb.data.shop.svc.cluster.local\tdb\n");
    expect(text.endsWith("# Entries added by HostAliases.\n1.2.3.4\ta\tb\n")).toBe(true);
  });

  it("is the node's for pods on the node's network", () => {
    const text = hostsFile(pod({ hostNetwork: true }), "172.30.0.2", "127.0.0.1\tlocalhost\n", "cluster.local");
    expect(text).toBe("# Kubernetes-managed hosts file (host network).\n127.0.0.1\tlocalhost\n");
  });
});

describe("the host name", () => {
  it("is cut to 63 characters, with no dot or dash at its end", () => {
    expect(hostnameOf(pod({}, `${"a".repeat(62)}-bcd`))).toBe("a".repeat(62));
    expect(hostnameOf(pod({ hostname: "db" }))).toBe("db");
  });

  // Source: GeneratePodHostNameAndDomain and truncatePodHostnameIfNeeded in pkg/kubelet.
  it.each<[string, Partial<PodSpec>, string]>([
    ["the pod's", {}, "web"],
    ["with its domain where that is asked for", { subdomain: "db", setHostnameAsFQDN: true }, "web.db.shop.svc.cluster.local"],
    ["without one where there is none", { setHostnameAsFQDN: true }, "web"],
    ["whatever is asked for instead", { hostnameOverride: "else.where" }, "else.where"],
  ])("is to the kernel %s", (_name, spec, expected) => {
    expect(kernelHostname(pod(spec), "cluster.local")).toBe(expected);
  });

  it("is nothing the kernel would not take", () => {
    const long = pod({ subdomain: "d".repeat(40), setHostnameAsFQDN: true });
    expect(() => kernelHostname(long, "cluster.local")).toThrow(
      "is too long (64 characters is the max, 67 characters requested)",
    );
  });
});
