import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "#base/clock";
import type { Logger } from "#base/logger";
import { systemRandom } from "#base/random";
import { httpTransport } from "#client/http-transport";
import { createClient } from "#client/transport-client";
import { detectCgroups } from "#node-agent/cgroups/detect";
import { remoteImageService } from "#node-agent/images/image-socket";
import { runNodeAgent } from "#node-agent/main";
import { BridgePodNetwork } from "#node-agent/network/bridge-pod-network";
import { CrunRuntime } from "#node-agent/runtime/crun-runtime";
import { findProgram } from "../local-nodes/missing-tools.ts";
import type { ClusterPaths } from "../state/cluster-config.ts";
import { enterClusterCgroup } from "./enter-cgroup.ts";

export interface NodeProcessOptions {
  readonly node: string;
  readonly address: string;
  readonly podCidr: string;
  /** Below each controller's root. */
  readonly cgroup: string;
  /** URL of the API server. */
  readonly server: string;
  /** To look for the runtime in. */
  readonly path: string;
}

const agentPort = 10250;
/** All nodes share one machine, mostly somebody's own: a fork bomb in a pod must not take it down. */
const podPidsLimit = 4096;

/** The agent of one node, in that node's namespaces. It reads its own key and the cluster's certificate, nothing else of the PKI. */
export async function runNode(paths: ClusterPaths, options: NodeProcessOptions, log: Logger, signal: AbortSignal): Promise<void> {
  const { node, address, podCidr, cgroup, server } = options;
  const clock = systemClock;
  await enterClusterCgroup(paths, { clock, log });
  const pem = (name: string): Promise<string> => readFile(join(paths.pki, name), "utf8");
  const [ca, cert, key] = await Promise.all([pem("ca.crt"), pem(`${node}.crt`), pem(`${node}.key`)]);
  const stateDirectory = join(paths.nodes, node);
  const runDirectory = join(stateDirectory, "run");
  // The image service makes it, too, and is started at the same time: whoever looks at the disk below it may be first.
  await mkdir(paths.images, { recursive: true, mode: 0o711 });
  const images = remoteImageService(paths.imageSocket);
  const cgroups = await detectCgroups({ clock });
  const network = await BridgePodNetwork.open({
    podRange: podCidr,
    bridge: "pods",
    stateFile: join(stateDirectory, "addresses.json"),
    log,
  });
  const runtime = await CrunRuntime.open({
    clock,
    log,
    images,
    network,
    cgroups,
    rootDirectory: join(stateDirectory, "runtime"),
    runDirectory,
    runtimeBinary: program("crun", options.path),
    conmonBinary: program("conmon", options.path),
  });
  const client = createClient(httpTransport({ server, ca, cert, key, userAgent: `kubelet/${node}` }));
  await runNodeAgent({
    nodeName: node,
    nodeAddress: address,
    podCidr,
    client,
    runtime,
    images,
    cgroups,
    stateDirectory,
    cgroupRoot: cgroup,
    podPidsLimit,
    imageDirectory: paths.images,
    server: { tls: { cert, key, ca }, port: agentPort },
    clock,
    random: systemRandom,
    log,
    signal,
  });
}

function program(name: string, path: string): string {
  const found = findProgram(name, path);
  if (found === undefined) throw new Error(`${name} is not installed`);
  return found;
}
