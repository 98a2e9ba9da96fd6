import { readFileSync } from "node:fs";
import type { Container, Pod } from "#api/generated/types";

/**
 * Pods of several kinds whose containers write one line each time they run, into a file of the machine: what the kubelet would have
 * to be believed for otherwise is then on a disk.
 */
export interface MarkedKind {
  readonly name: string;
  pod(name: string, markers: string): Pod;
  /** How the pod ends up: of each container how often it ran, and what its status says. */
  readonly phase: "Running" | "Succeeded" | "Failed";
  readonly runs: Readonly<Record<string, number>>;
  readonly exitCodes: Readonly<Record<string, number>>;
}

const image = "skiff.local/hello:1";
/** The termination log is a file of one attempt of one container, so its place says which attempt this is. */
const mark = `grep ' /dev/termination-log ' /proc/self/mountinfo | sed 's:.*/pods/\\([^ ]*\\).*:\\1:' >> /markers/runs`;
const serve = `trap 'exit 0' TERM; ${mark}; while :; do sleep 1000 & wait $!; done`;

const container = (name: string, script: string, more: Partial<Container> = {}): Container => ({
  name,
  image,
  imagePullPolicy: "Never",
  command: ["sh", "-c", script],
  ...more,
  volumeMounts: [{ name: "markers", mountPath: "/markers" }, ...(more.volumeMounts ?? [])],
});

const pod = (name: string, markers: string, spec: Partial<Pod["spec"]>): Pod => ({
  metadata: { name, namespace: "default", labels: { test: "killed" } },
  spec: {
    nodeName: "node-1",
    terminationGracePeriodSeconds: 2,
    containers: [],
    ...spec,
    volumes: [{ name: "markers", hostPath: { path: markers } }, ...(spec?.volumes ?? [])],
  },
});

export const markedKinds: readonly MarkedKind[] = [
  {
    name: "plain",
    pod: (name, markers) => pod(name, markers, { containers: [container("main", serve), container("other", serve)] }),
    phase: "Running",
    runs: { main: 1, other: 1 },
    exitCodes: {},
  },
  {
    name: "init",
    pod: (name, markers) =>
      pod(name, markers, {
        initContainers: [container("first", mark), container("second", `${mark}; sleep 0.3`)],
        containers: [container("main", serve)],
      }),
    phase: "Running",
    runs: { first: 1, second: 1, main: 1 },
    exitCodes: { first: 0, second: 0 },
  },
  {
    name: "once",
    pod: (name, markers) =>
      pod(name, markers, { restartPolicy: "Never", containers: [container("main", `${mark}; sleep 0.5; exit 3`)] }),
    phase: "Failed",
    runs: { main: 1 },
    exitCodes: { main: 3 },
  },
  {
    name: "twice",
    pod: (name, markers) => {
      const script = `${mark}; test -e /scratch/ran && exit 0; touch /scratch/ran; exit 7`;
      return pod(name, markers, {
        restartPolicy: "OnFailure",
        containers: [container("main", script, { volumeMounts: [{ name: "scratch", mountPath: "/scratch" }] })],
        volumes: [{ name: "scratch", emptyDir: {} }],
      });
    },
    phase: "Succeeded",
    runs: { main: 2 },
    exitCodes: { main: 0 },
  },
  {
    name: "sidecar",
    pod: (name, markers) =>
      pod(name, markers, {
        restartPolicy: "Never",
        initContainers: [container("beside", serve, { restartPolicy: "Always" })],
        containers: [container("main", `${mark}; sleep 0.3`)],
      }),
    phase: "Succeeded",
    runs: { beside: 1, main: 1 },
    exitCodes: { beside: 0, main: 0 },
  },
  {
    name: "volumes",
    pod: (name, markers) => {
      const names = ["memory", "settings", "token"];
      return pod(name, markers, {
        containers: [
          container("main", `test -e /settings/ca.crt && test -e /token/token && touch /memory/x && ${serve}`, {
            volumeMounts: names.map((volume) => ({ name: volume, mountPath: `/${volume}` })),
          }),
        ],
        volumes: [
          { name: "memory", emptyDir: { medium: "Memory" } },
          { name: "settings", configMap: { name: "kube-root-ca.crt" } },
          { name: "token", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } },
        ],
      });
    },
    phase: "Running",
    runs: { main: 1 },
    exitCodes: {},
  },
];

/** Of each attempt, `UID/containers/NAME/ATTEMPT`, how often its command began. */
export function readMarkers(file: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const line of readFileSync(file, "utf8").split("\n").filter(Boolean)) counts.set(line, (counts.get(line) ?? 0) + 1);
  return counts;
}
