import type { HealthCheck } from "#apiserver/http/health";
import { ensureAuthenticationConfig, ensureNamespaces, ensurePriorityClasses } from "./system-objects.ts";
import { ensureKubernetesService, keepKubernetesService, type KeepKubernetesServiceOptions } from "./keep-kubernetes-service.ts";

export interface BootstrapOptions extends KeepKubernetesServiceOptions {
  /** PEM: whose certificates clients are believed by. */
  readonly clientCa: string;
}

/** Named as upstream names the hooks that do the same. */
const hooks = {
  namespaces: "poststarthook/start-system-namespaces-controller",
  service: "poststarthook/bootstrap-controller",
  priorityClasses: "poststarthook/scheduling/bootstrap-system-priority-classes",
  authentication: "poststarthook/start-cluster-authentication-info-controller",
} as const;

/**
 * What every cluster has before its API server says that it is ready. The checks can be asked before and while `ensure` runs;
 * `keep` goes on afterwards, until its signal aborts.
 */
export class Bootstrap {
  readonly checks: readonly HealthCheck[];
  readonly #done = new Set<string>();

  constructor() {
    this.checks = Object.values(hooks).map((name) => ({
      name,
      check: () => (this.#done.has(name) ? undefined : "not finished"),
    }));
  }

  async ensure(options: BootstrapOptions): Promise<void> {
    const { client, clientCa } = options;
    const run = async (name: string, work: Promise<void>): Promise<void> => {
      await work;
      this.#done.add(name);
    };
    await run(hooks.namespaces, ensureNamespaces(client));
    await Promise.all([
      run(hooks.service, ensureKubernetesService(options)),
      run(hooks.priorityClasses, ensurePriorityClasses(client)),
      run(hooks.authentication, ensureAuthenticationConfig(client, clientCa)),
    ]);
  }

  async keep(options: BootstrapOptions, signal: AbortSignal): Promise<void> {
    await keepKubernetesService(options, signal);
  }
}
