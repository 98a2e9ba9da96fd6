import type { LifecycleHandler } from "#api/generated/types";
import type { Clock } from "#base/clock";
import type { ContainerSpec } from "./pod-spec.ts";
import { requestHttp } from "./probes/http-request.ts";
import type { ContainerRuntime } from "./runtime/runtime.ts";

export interface HookOptions {
  readonly handler: LifecycleHandler;
  readonly container: ContainerSpec;
  readonly containerId: string;
  readonly podIP: string;
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  /** Ends the hook, which then counts as failed. */
  readonly signal: AbortSignal;
}

/** A command in a container has no limit of its own but the grace or the container's life. */
const noTimeLimitMs = 2 ** 31 - 1;

/**
 * Runs a postStart or preStop hook to its end. Of an HTTP request only that it is answered counts, whatever the status (upstream:
 * pkg/kubelet/lifecycle). @returns why it failed, if it did. Never rejects.
 */
export async function runHook(options: HookOptions): Promise<string | undefined> {
  const { handler, clock, signal } = options;
  try {
    if (handler.sleep !== undefined) await clock.sleep(handler.sleep.seconds * 1000, signal);
    else if (handler.exec !== undefined) return await runCommand(handler.exec.command ?? [], options);
    else if (handler.httpGet !== undefined) await askHttp(handler.httpGet, options);
    else return "Cannot run handler: invalid handler";
    return undefined;
  } catch (error) {
    return signal.aborted ? "the hook was ended before it was done" : (error as Error).message;
  }
}

async function runCommand(
  command: readonly string[],
  { runtime, containerId, signal }: HookOptions,
): Promise<string | undefined> {
  const { exitCode, stdout, stderr } = await runtime.exec(containerId, command, { timeoutMs: noTimeLimitMs, signal });
  if (exitCode === 0) return undefined;
  const why = `command '${command.join(" ")}' exited with ${exitCode ?? 137}: ${stderr}`;
  return `Exec lifecycle hook ([${command.join(" ")}]) failed - error: ${why}, message: ${JSON.stringify(stdout + stderr)}`;
}

async function askHttp(
  action: NonNullable<LifecycleHandler["httpGet"]>,
  { container, podIP, signal }: HookOptions,
): Promise<void> {
  const request = { action, container, podIP, userAgent: "kube-lifecycle/1.36", signal };
  try {
    await requestHttp(request);
  } catch (error) {
    // The server speaks plain HTTP: upstream tries that, too, and does not carry credentials there.
    if ((error as NodeJS.ErrnoException).code !== "EPROTO") throw error;
    const httpHeaders = (action.httpHeaders ?? []).filter(({ name }) => name.toLowerCase() !== "authorization");
    await requestHttp({ ...request, action: { ...action, scheme: "HTTP", httpHeaders } });
  }
}
