import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import type { Probe } from "#api/generated/types";
import type { ContainerSpec } from "../pod-spec.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";

export interface ProbeResult {
  readonly ok: boolean;
  /** What is shown after "Liveness probe failed: ". */
  readonly message: string;
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
      if (probe.httpGet !== undefined) return await askHttp(probe, target, signal);
      if (probe.tcpSocket !== undefined) return await askTcp(probe, target, signal);
      if (probe.exec !== undefined) return await askExec(probe, target, runtime, signal);
      return { ok: true, message: "" };
    } catch (error) {
      return { ok: false, message: (error as Error).message };
    }
  };
}

/** Keeps what a server says short in events. */
const longestMessage = 1024;

function askHttp({ httpGet }: Probe, target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
  const { scheme = "HTTP", path = "/", host, port, httpHeaders = [] } = httpGet ?? { port: 0 };
  const hostname = host === undefined || host === "" ? target.podIP : host;
  const number = portNumber(port, target.container);
  const url = `${scheme.toLowerCase()}://${hostname}:${number}${path.startsWith("/") ? path : `/${path}`}`;
  const given = httpHeaders.map(({ name, value }) => [name.toLowerCase(), value] as const);
  const headers = { "user-agent": "kube-probe/1.36", accept: "*/*", connection: "close", ...Object.fromEntries(given) };
  const ask = scheme.toUpperCase() === "HTTPS" ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    const sent = ask(
      url,
      { headers, signal, agent: false, ...(scheme.toUpperCase() === "HTTPS" && { rejectUnauthorized: false }) },
      (response) => {
        const code = response.statusCode ?? 0;
        const ok = code >= 200 && code < 400;
        response.destroy();
        resolve({ ok, message: ok ? "" : `HTTP probe failed with statuscode: ${code}` });
      },
    );
    sent.on("error", (error) => {
      const why = signal.aborted
        ? "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        : dialError(error, hostname, number);
      resolve({ ok: false, message: `Get "${url}": ${why}`.slice(0, longestMessage) });
    });
    sent.end();
  });
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

async function askExec(
  { exec, timeoutSeconds = 1 }: Probe,
  { containerId }: ProbeTarget,
  runtime: ContainerRuntime,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const command = exec?.command ?? [];
  const { exitCode, stdout, stderr } = await runtime.exec(containerId, command, { timeoutMs: timeoutSeconds * 1000, signal });
  if (exitCode === undefined)
    return { ok: false, message: `command timed out: "${command.join(" ")}" timed out after ${timeoutSeconds}s` };
  return { ok: exitCode === 0, message: `${stdout}${stderr}`.slice(0, longestMessage) };
}

function dialError(error: Error, host: string, port: number): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ECONNREFUSED") return `dial tcp ${host}:${port}: connect: connection refused`;
  if (code === "EHOSTUNREACH") return `dial tcp ${host}:${port}: connect: no route to host`;
  return error.message;
}

/** A port by number or by its name in the container. */
function portNumber(port: string | number, { ports = [] }: ContainerSpec): number {
  if (typeof port === "number") return port;
  const named = ports.find(({ name }) => name === port);
  const number = named?.containerPort ?? Number.parseInt(port, 10);
  if (Number.isNaN(number)) throw new Error(`couldn't find port: ${port}`);
  return number;
}
