import { once } from "node:events";
import type { Request, Response } from "express";
import { timestamp } from "#base/clock";
import { StatusError } from "#api/status";
import type { ContainerStatus } from "#api/generated/types";
import { type LogOptions, readLog } from "../logs/read-log.ts";
import { containerLogFile } from "../pod-environment.ts";
import { findContainer, type StoredPod } from "../pod-spec.ts";
import type { AgentServerOptions } from "./server.ts";

/** `GET /containerLogs/{namespace}/{pod}/{container}` with the options of PodLogOptions. */
export async function serveContainerLogs(
  request: Request,
  response: Response,
  { parts, pods }: AgentServerOptions,
): Promise<void> {
  const { namespace = "", pod: name = "", container = "" } = request.params as Record<string, string | undefined>;
  const query = new URL(request.originalUrl, "https://node").searchParams;
  const pod = pods.find(namespace, name);
  if (pod === undefined) throw new StatusError("NotFound", `pod "${namespace}/${name}" does not exist`);
  const attempt = loggedAttempt(pod, container, isTrue(query.get("previous")));
  const options = logOptions(query, parts.clock.now());
  const left = new AbortController();
  response.on("close", () => left.abort());
  const signal = AbortSignal.any([left.signal, parts.signal]);
  const chunks = readLog({
    path: containerLogFile(parts.directories, pod, container, attempt),
    options,
    clock: parts.clock,
    signal,
    isRunning: async () => {
      const { containers } = await parts.runtimeState.fresh();
      return containers.some(
        (one) => one.podUid === pod.metadata.uid && one.name === container && one.attempt === attempt && one.state === "running",
      );
    },
  });
  response.status(200).type("text/plain");
  response.flushHeaders();
  try {
    for await (const chunk of chunks) if (!response.write(chunk)) await once(response, "drain", { signal });
    response.end();
  } catch (error) {
    if (!signal.aborted) throw error;
    response.end();
  }
}

/** Which attempt's log is meant. @throws StatusError with upstream's words */
export function loggedAttempt(pod: StoredPod, container: string, previous: boolean): number {
  const named = findContainer(pod, container) !== undefined;
  if (!named) throw new StatusError("BadRequest", `container ${container} is not valid for pod ${pod.metadata.name}`);
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {};
  const statuses = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses];
  const status = statuses.find(({ name }) => name === container);
  const words = `container "${container}" in pod "${pod.metadata.name}"`;
  if (status === undefined) throw new StatusError("BadRequest", `${words} is not available`);
  if (previous) return previousAttempt(status, words);
  const { state, restartCount } = status;
  if (state?.running ?? state?.terminated) return restartCount;
  if (status.lastState?.terminated !== undefined) return restartCount;
  const reason = state?.waiting?.reason ?? "";
  const pulling = reason === "ErrImagePull" || reason === "ImagePullBackOff";
  if (pulling) throw new StatusError("BadRequest", `${words} is waiting to start: trying and failing to pull image`);
  throw new StatusError("BadRequest", `${words} is waiting to start: ${reason}`);
}

function previousAttempt({ name: _name, state, lastState, restartCount }: ContainerStatus, words: string): number {
  if (lastState?.terminated === undefined) {
    const what = words.replace(/^container/, "previous terminated container");
    throw new StatusError("BadRequest", `${what} not found`);
  }
  // While the next attempt waits, the one that ended last is both the current and the previous.
  return state?.waiting === undefined ? restartCount - 1 : restartCount;
}

/** @throws StatusError BadRequest */
export function logOptions(query: URLSearchParams, now: number): LogOptions {
  const tailLines = number(query, "tailLines");
  const limitBytes = number(query, "limitBytes");
  const sinceSeconds = number(query, "sinceSeconds");
  const sinceTime = query.get("sinceTime");
  if (sinceTime !== null && Number.isNaN(Date.parse(sinceTime)))
    throw new StatusError("BadRequest", `unable to decode sinceTime "${sinceTime}"`);
  const since = sinceTime ?? (sinceSeconds === undefined ? undefined : timestamp(now - sinceSeconds * 1000));
  const stream = query.get("stream");
  return {
    follow: isTrue(query.get("follow")),
    timestamps: isTrue(query.get("timestamps")),
    ...(tailLines !== undefined && { tailLines }),
    ...(limitBytes !== undefined && { limitBytes }),
    ...(since !== undefined && { since }),
    ...((stream === "Stdout" || stream === "Stderr") && { stream }),
  };
}

function number(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  if (!/^\d+$/.test(text)) throw new StatusError("BadRequest", `${name} must be a non-negative integer`);
  return Number(text);
}

function isTrue(text: string | null): boolean {
  return text === "true" || text === "1";
}
