import type { ContainerPort, Pod } from "#api/generated/types";
import type { SchedulerPlugin } from "../plugin.ts";

/** A port of a node can be given to one pod only, for each protocol and address. */
export const nodePorts: SchedulerPlugin = {
  name: "NodePorts",
  wakesOn: ["podDeleted", "nodeAdded"],
  prepare: (pod) => {
    const wanted = hostPortsOf(pod);
    if (wanted.length === 0) return undefined;
    return {
      filter: ({ pods }) => {
        const taken = [...pods.values()].flatMap(hostPortsOf);
        const conflict = wanted.some((port) => taken.some((other) => conflicts(port, other)));
        const reasons = ["node(s) didn't have free ports for the requested pod ports"];
        return conflict ? { reasons, resolvableByPreemption: true } : undefined;
      },
    };
  },
};

function hostPortsOf({ spec }: Pod): readonly ContainerPort[] {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  return [...(spec?.containers ?? []), ...sidecars].flatMap(({ ports = [] }) => ports.filter(({ hostPort = 0 }) => hostPort > 0));
}

function conflicts(left: ContainerPort, right: ContainerPort): boolean {
  if (left.hostPort !== right.hostPort || (left.protocol ?? "TCP") !== (right.protocol ?? "TCP")) return false;
  const [leftAddress, rightAddress] = [addressOf(left), addressOf(right)];
  return leftAddress === rightAddress || leftAddress === everyAddress || rightAddress === everyAddress;
}

const everyAddress = "0.0.0.0";

function addressOf({ hostIP = "" }: ContainerPort): string {
  return hostIP === "" ? everyAddress : hostIP;
}
