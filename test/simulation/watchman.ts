import { createHash, type Hash } from "node:crypto";
import type { Cluster } from "./cluster.ts";
import type { Write } from "./history.ts";
import type { Rule } from "./rules.ts";

const mostViolations = 5;
const storyLength = 150;

/** Sees every write, and remembers what was wrong with it. */
export class Watchman {
  readonly cluster: Cluster;
  readonly violations: string[] = [];
  readonly story: string[] = [];
  readonly #rules: readonly Rule[];
  readonly #log: Hash = createHash("sha256");
  writes = 0;
  lastWriteAt = 0;

  constructor(cluster: Cluster, rules: readonly Rule[]) {
    this.cluster = cluster;
    this.#rules = rules;
  }

  see(write: Write): void {
    this.writes++;
    this.#log.update(`${write.revision} ${write.at} ${write.key} ${JSON.stringify(write.after ?? null)}\n`);
    this.cluster.apply(write);
    // Leases are written for ever, and nobody tells stories of them.
    if (!write.key.startsWith("/registry/coordination.k8s.io/leases/")) {
      this.lastWriteAt = write.at;
      this.note(describe(write));
    }
    for (const rule of this.#rules) {
      const wrong = rule.check(write, this.cluster);
      if (wrong !== undefined) this.violate(rule.name, `${write.key}: ${wrong}`);
    }
  }

  violate(rule: string, what: string): void {
    if (this.violations.length < mostViolations) this.violations.push(`${rule}: ${what}`);
    this.note(`VIOLATION ${rule}: ${what}`);
  }

  note(what: string): void {
    if (this.violations.length >= mostViolations) return;
    this.story.push(`${new Date(this.cluster.now).toISOString().slice(14, 23)} ${what}`);
    if (this.story.length > storyLength) this.story.shift();
  }

  digest(): string {
    return this.#log.digest("hex");
  }
}

function describe({ key, before, after, revision }: Write): string {
  const what = before === undefined ? "created" : after === undefined ? "removed" : "changed";
  const { spec, status } = (after ?? {}) as { spec?: Record<string, unknown>; status?: Record<string, unknown> };
  const facts = { replicas: spec?.["replicas"], node: spec?.["nodeName"], phase: status?.["phase"] };
  const going = after?.metadata.deletionTimestamp === undefined ? "" : " going";
  return `${revision} ${what} ${key.replace("/registry/", "")} ${JSON.stringify(facts)}${going}`;
}
