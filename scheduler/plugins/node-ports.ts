import { hostPortsOf, portsConflict } from "../host-ports.ts";
import type { SchedulerPlugin } from "../plugin.ts";

/** A port of a node can be given to one pod only, for each protocol and address. */
export const nodePorts: SchedulerPlugin = {
  name: "NodePorts",
  wakes: ({ hostPorts }, event) => {
    if (event.type !== "podDeleted") return event.type === "nodeAdded";
    return hostPortsOf(event.pod).some((port) => hostPorts.some((wanted) => portsConflict(wanted, port)));
  },
  prepare: ({ hostPorts: wanted }) => {
    if (wanted.length === 0) return undefined;
    return {
      filter: ({ pods }) => {
        const conflicts = [...pods.values()].some(({ hostPorts }) =>
          hostPorts.some((port) => wanted.some((own) => portsConflict(own, port))),
        );
        const reasons = ["node(s) didn't have free ports for the requested pod ports"];
        return conflicts ? { reasons, resolvableByPreemption: true } : undefined;
      },
    };
  },
};
