/** `%N` for the load's own numbers. */
export function podPath(namespace: string, number: number | "%N"): string {
  return `/api/v1/namespaces/${namespace}/pods/p-${number}`;
}

/** A pod as people write them, with probes, resources, variables and volumes: stored, its spec has some more than 2 KB. Its name is `p-%N`. */
export function podBody(namespace: string, fields: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "p-%N",
      namespace,
      labels: { app: "shop", "app.kubernetes.io/name": "shop", "app.kubernetes.io/component": "frontend", tier: "web" },
      annotations: { "example.com/revision": "7f3c9a1", "example.com/team": "storefront" },
    },
    spec: {
      ...fields,
      serviceAccountName: "default",
      // Nobody's: what is measured is the server, not what somebody would make of them.
      schedulerName: "nobody",
      terminationGracePeriodSeconds: 30,
      tolerations: [{ operator: "Exists" }],
      containers: [container("web", 8080)],
      volumes: [
        { name: "settings", configMap: { name: "shop-settings", items: [{ key: "settings.yaml", path: "settings.yaml" }] } },
        { name: "scratch", emptyDir: { sizeLimit: "64Mi" } },
      ],
    },
  });
}

function container(name: string, port: number): object {
  const probe = { httpGet: { path: "/healthz", port }, periodSeconds: 10, timeoutSeconds: 1, failureThreshold: 3 };
  return {
    name,
    image: `registry.example.com/shop/${name}:1.42.0`,
    args: ["--listen", `:${port}`, "--config", "/etc/shop/settings.yaml"],
    ports: [{ name: "http", containerPort: port, protocol: "TCP" }],
    env: [
      { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      { name: "CATALOGUE_URL", value: "http://catalogue.shop.svc.cluster.local:8080/v1" },
      { name: "CHECKOUT_URL", value: "http://checkout.shop.svc.cluster.local:8080/v1" },
    ],
    resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { cpu: "500m", memory: "256Mi" } },
    readinessProbe: probe,
    livenessProbe: { ...probe, initialDelaySeconds: 15 },
    volumeMounts: [
      { name: "settings", mountPath: "/etc/shop", readOnly: true },
      { name: "scratch", mountPath: "/tmp" },
    ],
    securityContext: { allowPrivilegeEscalation: false, runAsNonRoot: true, runAsUser: 1000, capabilities: { drop: ["ALL"] } },
  };
}

/** What an agent says of such a pod, as a strategic merge patch of its status. `%N` makes each one another. */
export function statusPatch(): string {
  const time = "2026-01-01T00:00:00Z";
  const condition = (type: string): object => ({ type, status: "True", lastProbeTime: null, lastTransitionTime: time });
  const types = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
  return JSON.stringify({
    status: {
      phase: "Running",
      message: "turn %N",
      startTime: time,
      hostIP: "10.200.0.1",
      hostIPs: [{ ip: "10.200.0.1" }],
      podIP: "10.244.1.7",
      podIPs: [{ ip: "10.244.1.7" }],
      qosClass: "Burstable",
      conditions: types.map(condition),
      containerStatuses: ["web"].map((name) => ({
        name,
        image: `registry.example.com/shop/${name}:1.42.0`,
        imageID: `registry.example.com/shop/${name}@sha256:${"5f".repeat(32)}`,
        containerID: `skiff://${"7a".repeat(32)}`,
        ready: true,
        started: true,
        restartCount: 0,
        state: { running: { startedAt: time } },
        lastState: {},
      })),
    },
  });
}
