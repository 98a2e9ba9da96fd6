import type { ConfigMap } from "#api/generated/types";
import type { Stored } from "#api/object";
import { configMaps } from "#api/resource-type";
import { hasReason, StatusError } from "#api/status";
import { systemClock } from "#base/clock";
import type { ApiClient } from "#client/api-client";

/** What became of one attempt to write, as its client was told. */
export interface Attempt {
  readonly name: string;
  readonly value: string;
  readonly outcome: "acknowledged" | "refused" | "unknown";
  readonly resourceVersion?: number;
  readonly answer?: string;
  readonly tookMs: number;
}

/** One event, or that everything was listed anew. */
export type Seen =
  | {
      readonly type: "ADDED" | "MODIFIED" | "DELETED";
      readonly name: string;
      readonly value: string;
      readonly resourceVersion: number;
    }
  | { readonly type: "LISTED"; readonly values: ReadonlyMap<string, string>; readonly resourceVersion: number };

export const namespace = "default";
const prefix = "load-";

/** Each of them creates an object of its own, and updates it as fast as it is answered; of what is unknown it finds out by reading. */
export async function write(client: ApiClient, writer: number, attempts: Attempt[], signal: AbortSignal): Promise<void> {
  const key = { namespace, name: `${prefix}${writer}` };
  let current: string | undefined = "";
  for (let turn = 0; !signal.aborted; turn++) {
    const value = `${writer}.${turn}`;
    const began = systemClock.monotonic();
    const note = (rest: Pick<Attempt, "outcome" | "resourceVersion" | "answer">): void => {
      attempts.push({ name: key.name, value, ...rest, tookMs: systemClock.monotonic() - began });
    };
    try {
      current ??= await versionOf(client, key.name);
      const object: ConfigMap = { metadata: { ...key, ...(current !== "" && { resourceVersion: current }) }, data: { value } };
      const written: Stored<ConfigMap> = await (current === ""
        ? client.create(configMaps, object)
        : client.update(configMaps, object));
      current = written.metadata.resourceVersion;
      note({ outcome: "acknowledged", resourceVersion: Number(current) });
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      const isUnread = current === undefined;
      const answer = `${error.code} ${error.reason}`;
      // A conflict: an earlier one, of which nobody knew, took effect only after the reading.
      const isRefused = hasReason(error, "ServiceUnavailable", "Conflict", "AlreadyExists");
      const outcome = isUnread || isRefused ? "refused" : "unknown";
      note({ outcome, answer: isUnread ? `${answer} (reading)` : answer });
      if (!hasReason(error, "ServiceUnavailable")) current = undefined;
      await systemClock.sleep(50);
    }
  }
}

async function versionOf(client: ApiClient, name: string): Promise<string> {
  try {
    return (await client.get(configMaps, { namespace, name })).metadata.resourceVersion;
  } catch (error) {
    if (hasReason(error, "NotFound")) return "";
    throw error;
  }
}

/** As an informer does: resumes from what it saw last, and lists anew only when it is told to. */
export async function watch(client: ApiClient, seen: Seen[], signal: AbortSignal): Promise<void> {
  const ended = (): boolean => signal.aborted;
  let version = "";
  while (!ended()) {
    try {
      if (version === "") {
        const { items, metadata } = await client.list(configMaps, { namespace, signal });
        version = metadata.resourceVersion ?? "";
        const own = items.filter(({ metadata: { name } }) => name.startsWith(prefix));
        const values = new Map(own.map((item) => [item.metadata.name, item.data?.["value"] ?? ""]));
        seen.push({ type: "LISTED", values, resourceVersion: Number(version) });
      }
      for await (const event of client.watch(configMaps, {
        namespace,
        resourceVersion: version,
        signal,
        allowWatchBookmarks: true,
      })) {
        if (event.type === "BOOKMARK") {
          version = event.resourceVersion;
          continue;
        }
        const { metadata, data } = event.object;
        version = metadata.resourceVersion;
        if (!metadata.name.startsWith(prefix)) continue;
        seen.push({ type: event.type, name: metadata.name, value: data?.["value"] ?? "", resourceVersion: Number(version) });
      }
    } catch (error) {
      if (ended()) return;
      if (!(error instanceof StatusError)) throw error;
      if (hasReason(error, "Expired", "Gone")) version = "";
      await systemClock.sleep(50);
    }
  }
}
