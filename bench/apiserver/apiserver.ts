import type { Row } from "../table.ts";
import { broadcast } from "./broadcast.ts";
import { growth } from "./growth.ts";
import { inProcess } from "./in-process.ts";
import { reads } from "./reads.ts";
import { writes } from "./writes.ts";

export interface BenchOptions {
  readonly rounds: number;
  readonly say: (text: string) => void;
  /** Of the parts, by name; absent: all. */
  readonly only: readonly string[] | undefined;
  /** Where the drawing of what growing costs goes. */
  readonly report: string;
}

const parts: Readonly<Record<string, (options: BenchOptions) => Promise<readonly Row[]>>> = {
  writes: (options) => writes("embedded", 1, options),
  "writes-etcd": (options) => writes("etcd", 0.6, options),
  reads,
  broadcast,
  "in-process": inProcess,
  growth,
};

/**
 * A control plane as `skiff up` makes it (TLS, authentication, authorization, admission, managedFields), loaded by processes of their
 * own over connections that are kept, beside what node:https and etcd do by themselves on the same two cores in the same run. 100
 * watches are open all the time, as of 100 agents: each of the pods of one node.
 */
export async function benchApiServer(options: BenchOptions): Promise<readonly Row[]> {
  const names = options.only ?? Object.keys(parts);
  const rows: Row[] = [];
  for (const name of names) {
    const part = parts[name];
    if (part === undefined) throw new Error(`--only ${name}: known are ${Object.keys(parts).join(", ")}`);
    rows.push(...(await part(options)));
  }
  return rows;
}
