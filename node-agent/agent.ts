import type { AgentParts } from "./agent-parts.ts";
import { AgentServer, type ServerTls } from "./http/server.ts";
import { rotateLogs } from "./logs/rotate-logs.ts";
import { type EvictablePods, watchLocalStorage } from "./eviction/local-storage-watch.ts";
import { NodePressure } from "./eviction/node-pressure.ts";
import { NodeReporter } from "./node-reporter.ts";
import { PodManager } from "./pod-manager.ts";

export interface NodeAgentParts {
  readonly parts: AgentParts;
  readonly podCidr: string;
  readonly server?: { readonly tls: ServerTls; readonly port: number };
}

/** The agent of one node: says how the node is, runs its pods, serves their logs. */
export class NodeAgent {
  readonly #parts: AgentParts;
  readonly #reporter: NodeReporter;
  readonly #pods: PodManager;
  readonly #pressure: NodePressure;
  readonly #server: AgentServer | undefined;

  constructor({ parts, podCidr, server }: NodeAgentParts) {
    this.#parts = parts;
    this.#pods = new PodManager(parts);
    this.#pressure = new NodePressure(parts);
    this.#reporter = new NodeReporter({ parts, podCidr, pressure: this.#pressure, ...(server && { port: server.port }) });
    this.#server = server && new AgentServer({ ...server, address: parts.nodeAddress, parts, pods: this.#pods });
  }

  /** Resolves when the signal aborts and everything has ended. */
  async run(): Promise<void> {
    await this.#server?.listen();
    try {
      await this.#pressure.look();
      await this.#reporter.register();
      const evictable: EvictablePods = {
        pods: () => this.#pods.pods,
        evict: (uid, verdict) => this.#pods.evict(uid, verdict),
      };
      await Promise.all([
        this.#reporter.run(),
        this.#pods.run(),
        rotateLogs(this.#parts),
        watchLocalStorage(this.#parts, evictable),
        this.#pressure.run(evictable),
      ]);
    } finally {
      await this.#server?.close();
    }
  }
}
