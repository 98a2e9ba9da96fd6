import { connect } from "node:net";
import type { Probe } from "#api/generated/types";
import type { ContainerSpec } from "../pod-spec.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";
import { checkGrpcHealth } from "./grpc-health.ts";
import { dialError, portNumber, requestHttp } from "./http-request.ts";

export interface ProbeResult {
  readonly ok: boolean;
  /** What is shown after "Liveness probe failed: ". */
  readonly message: string;
  /** `warning`: succeeded, but people should look at the message. `unknown`: it could not be asked, which counts neither way. */
  readonly remark?: "warning" | "unknown";
}

export interface ProbeTarget {
  readonly container: ContainerSpec;
  readonly containerId: string;
  readonly podIP: string;
}

/** Asks once. Aborting the signal means that its time is up. Never rejects. */
export type Prober = (probe: Probe, target: ProbeTarget, signal: AbortSignal) => Promise<ProbeResult>;

export function networkProber(runtime: ContainerRuntime): Prober {
  return async (probe, target, signal) => {
    try {
      if (probe.httpGet !== undefined) return await askHttp(probe.httpGet, target, signal);
      if (probe.tcpSocket !== undefined) return await askTcp(probe, target, signal);
      if (probe.grpc !== undefined) return await askGrpc(probe, target, signal);
      if (probe.exec !== undefined) return await askExec(probe, target, runtime, signal);
      return { ok: true, message: "" };
    } catch (error) {
      return { ok: false, message: (error as Error).message, remark: "unknown" };
    }
  };
}

/** Keeps what a server says short in events. */
const longestMessage = 1024;

async function askHttp(
  action: NonNullable<Probe["httpGet"]>,
  { container, podIP }: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeResult> {
  // A port that has no number is the pod's mistake, not the server's.
  portNumber(action.port, container);
  try {
    const request = { action, container, podIP, userAgent: "kube-probe/1.36", signal };
    const { status, body, leadsAway } = await requestHttp(request);
    if (leadsAway) {
      const message = `Probe terminated redirects, Response body: ${body}`.slice(0, longestMessage);
      return { ok: true, message, remark: "warning" };
    }
    const ok = status >= 200 && status < 400;
    return { ok, message: ok ? "" : `HTTP probe failed with statuscode: ${status}` };
  } catch (error) {
    return { ok: false, message: (error as Error).message.slice(0, longestMessage) };
  }
}

function askTcp({ tcpSocket }: Probe, target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
  const { host, port } = tcpSocket ?? { port: 0 };
  const hostname = host === undefined || host === "" ? target.podIP : host;
  const number = portNumber(port, target.container);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: number });
    const finish = (result: ProbeResult) => {
      signal.removeEventListener("abort", timedOut);
      socket.destroy();
      resolve(result);
    };
    const timedOut = () => finish({ ok: false, message: `dial tcp ${hostname}:${number}: i/o timeout` });
    signal.addEventListener("abort", timedOut, { once: true });
    socket.on("connect", () => finish({ ok: true, message: "" }));
    socket.on("error", (error) => finish({ ok: false, message: dialError(error, hostname, number) }));
  });
}

async function askGrpc({ grpc, timeoutSeconds = 1 }: Probe, { podIP }: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
  const { port, service } = grpc ?? { port: 0 };
  const failure = await checkGrpcHealth({ host: podIP, port, service: service ?? "", timeoutSeconds, signal });
  return { ok: failure === undefined, message: (failure ?? "").slice(0, longestMessage) };
}

async function askExec(
  { exec, timeoutSeconds = 1 }: Probe,
  { containerId }: ProbeTarget,
  runtime: ContainerRuntime,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const command = exec?.command ?? [];
  const options = { timeoutMs: timeoutSeconds * 1000, signal };
  const { exitCode, stdout, stderr } = await runtime.exec(containerId, command, options).catch((error: unknown) => {
    if (!signal.aborted) throw error;
    return { exitCode: undefined, stdout: "", stderr: "" };
  });
  if (exitCode === undefined)
    return { ok: false, message: `command timed out: "${command.join(" ")}" timed out after ${timeoutSeconds}s` };
  return { ok: exitCode === 0, message: `${stdout}${stderr}`.slice(0, longestMessage) };
}
