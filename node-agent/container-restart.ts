import type { Pod } from "#api/generated/types";
import { type ContainerSpec, initContainersOf, isSidecar, restartPolicyOf } from "./pod-spec.ts";

/**
 * Whether a container that ended with this exit code is to run again: by the first of its own rules that fits, else by its own
 * policy, else by the pod's (upstream: ContainerShouldRestart). An init container that succeeded has done its work.
 */
export function shouldRestart(pod: Pod, container: ContainerSpec, exitCode = 0): boolean {
  const isInit = initContainersOf(pod).includes(container);
  if (isInit && isSidecar(container)) return true;
  const { restartPolicy, restartPolicyRules = [] } = container;
  if (
    restartPolicy !== undefined &&
    restartPolicyRules.some(({ action, exitCodes }) => action === "Restart" && fits(exitCodes, exitCode))
  )
    return true;
  if (isInit && exitCode === 0) return false;
  switch (restartPolicy ?? restartPolicyOf(pod)) {
    case "Never":
      return false;
    case "OnFailure":
      return exitCode !== 0;
    default:
      return true;
  }
}

interface ExitCodes {
  readonly operator: string;
  readonly values?: readonly number[];
}

function fits(exitCodes: ExitCodes | undefined, exitCode: number): boolean {
  if (exitCodes === undefined) return false;
  const isListed = (exitCodes.values ?? []).includes(exitCode);
  return exitCodes.operator === "NotIn" ? !isListed : isListed;
}
