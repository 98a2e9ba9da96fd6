import type { AgentParts } from "./agent-parts.ts";
import { AgentServer, type ServerTls } from "./http/server.ts";
import { rotateLogs } from "./logs/rotate-logs.ts";
import { NodeReporter } from "./node-reporter.ts";
import { PodManager } from "./pod-manager.ts";

export interface NodeAgentParts {
  readonly parts: AgentParts;
  readonly podCidr: string;
  readonly stateDirectory: string;
  readonly server?: { readonly tls: ServerTls; readonly port: number };
}

/** The agent of one node: says how the node is, runs its pods, serves their logs. */
export class NodeAgent {
  readonly #parts: AgentParts;
  readonly #reporter: NodeReporter;
  readonly #pods: PodManager;
  readonly #server: AgentServer | undefined;

  constructor({ parts, podCidr, stateDirectory, server }: NodeAgentParts) {
    this.#parts = parts;
    this.#pods = new PodManager(parts);
    this.#reporter = new NodeReporter({ parts, podCidr, stateDirectory, ...(server && { port: server.port }) });
    this.#server = server && new AgentServer({ ...server, address: parts.nodeAddress, parts, pods: this.#pods });
  }

  /** Resolves when the signal aborts and everything has ended. */
  async run(): Promise<void> {
    await this.#server?.listen();
    try {
      await this.#reporter.register();
      await Promise.all([this.#reporter.run(), this.#pods.run(), rotateLogs(this.#parts)]);
    } finally {
      await this.#server?.close();
    }
  }
}
