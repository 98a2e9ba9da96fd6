import type { ContainerPort, Pod } from "#api/generated/types";

/** The ports of its node that a pod wants for itself. */
export function hostPortsOf({ spec }: Pod): readonly ContainerPort[] {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  return [...(spec?.containers ?? []), ...sidecars].flatMap(({ ports = [] }) => ports.filter(({ hostPort = 0 }) => hostPort > 0));
}

/** Whether one node can give only one of them. */
export function portsConflict(left: ContainerPort, right: ContainerPort): boolean {
  if (left.hostPort !== right.hostPort || (left.protocol ?? "TCP") !== (right.protocol ?? "TCP")) return false;
  const [leftAddress, rightAddress] = [addressOf(left), addressOf(right)];
  return leftAddress === rightAddress || leftAddress === everyAddress || rightAddress === everyAddress;
}

const everyAddress = "0.0.0.0";

function addressOf({ hostIP = "" }: ContainerPort): string {
  return hostIP === "" ? everyAddress : hostIP;
}
