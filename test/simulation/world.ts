import { ensureNamespaces, ensurePriorityClasses } from "#cluster/bootstrap/system-objects";
import { runApiServer } from "#apiserver/main";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import { ForwardingStorage } from "#apiserver/storage/forwarding-storage.testing";
import { StorageError, type Storage } from "#apiserver/storage/storage";
import { StatusError } from "#api/status";
import type { Handle } from "#api/request";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { type Random, seededRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { inProcessTransport } from "#client/in-process-transport";
import { sharedSignal } from "#client/shared-signal";
import { createClient } from "#client/transport-client";
import type { Call } from "#client/transport";
import { runControllerManager } from "#controller-manager/main";
import { runScheduler } from "#scheduler/main";
import { type Faults, FaultyTransport, noFaults } from "./faulty-transport.ts";
import { ObservedStorage, type Write } from "./history.ts";
import { runHollowNode } from "./hollow-node.ts";

/** The second ones stand by until the lease of the first has run out. */
export type Component = "controller-manager" | "scheduler" | "controller-manager-2" | "scheduler-2";

export interface WorldOptions {
  readonly seed: number;
  readonly nodes: number;
  /** In PEM. Made once: keys are the one thing that is not rolled from the seed. */
  readonly serviceAccountKey: string;
  readonly observe: (write: Write) => void;
  /** Two of each component, of which one leads. */
  readonly standby?: boolean;
  readonly onWrite?: (component: Component, when: "before" | "after", call: Call) => void;
}

/** A process: what ends with it, and the way by which it reaches the API server. */
interface Process {
  readonly stop: AbortController;
  readonly transport: FaultyTransport;
}

/**
 * A whole cluster in one process, on a clock of its own, with dice from one seed: whatever happens in it happens again in the next world
 * with that seed. Its parts are the real ones and meet at the API alone; only the nodes are hollow.
 */
export class World {
  readonly clock = new FakeClock();
  readonly random: Random;
  faults: Faults = noFaults;
  readonly #options: WorldOptions;
  readonly #storage: Storage;
  readonly #processes = new Map<string, Process>();
  #handle: Handle | undefined;
  #stopServer = new AbortController();

  private constructor(options: WorldOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    const shared = { clock: this.clock, log: silentLogger };
    this.#storage = new ObservedStorage(new MemoryStorage(shared), this.clock, options.observe);
  }

  static async create(options: WorldOptions): Promise<World> {
    const world = new World(options);
    await world.startServer();
    await ensureNamespaces(world.admin);
    await ensurePriorityClasses(world.admin);
    for (let index = 0; index < options.nodes; index++) world.startNode(`n${index}`);
    for (const component of world.components) world.start(component);
    await world.clock.advance(1_000);
    return world;
  }

  /** Past all faults, as someone who may do anything. */
  get admin(): ApiClient {
    const handle: Handle = (request) => this.#answer(request);
    return createClient(inProcessTransport({ handle, user: "admin", groups: ["system:masters"] }));
  }

  get nodeNames(): readonly string[] {
    return Array.from({ length: this.#options.nodes }, (_, index) => `n${index}`);
  }

  get components(): readonly Component[] {
    const first = ["controller-manager", "scheduler"] as const;
    return this.#options.standby === true ? [...first, "controller-manager-2", "scheduler-2"] : first;
  }

  isRunning(name: string): boolean {
    return this.#processes.has(name);
  }

  start(component: Component): void {
    const { clock, random } = this;
    const { standby = false } = this.#options;
    const shared = {
      clock,
      random,
      log: silentLogger,
      ...(standby && { leaderElect: { identity: `${component}_${random.uuid()}` } }),
    };
    const onWrite = (when: "before" | "after", call: Call): void => this.#options.onWrite?.(component, when, call);
    const name = component.replace("-2", "");
    this.#run(component, `system:kube-${name}`, [], onWrite, async (client, signal) =>
      name === "scheduler"
        ? runScheduler({ ...shared, client, signal })
        : runControllerManager({ ...shared, client, signal, rootCa: "the root's certificate" }),
    );
  }

  startNode(name: string): void {
    const { clock, random } = this;
    const zone = `z${Number(name.slice(1)) % 2}`;
    const allocatable = { cpu: "4", memory: "8Gi", pods: "6" };
    this.#run(name, `system:node:${name}`, ["system:nodes"], undefined, (client, signal) =>
      runHollowNode({ name, zone, allocatable, client, clock, random }, signal),
    );
  }

  /** As `kill -9` does: nothing is said any more, and what was sent may have been done or not. */
  kill(name: string): void {
    const process = this.#processes.get(name);
    process?.transport.cut();
    process?.stop.abort(new Error("killed"));
    this.#processes.delete(name);
  }

  /** Every request fails until it is started again. */
  killServer(): void {
    this.#handle = undefined;
    this.#stopServer.abort(new Error("killed"));
  }

  async startServer(): Promise<void> {
    this.killServer();
    this.#stopServer = new AbortController();
    const { signal } = this.#stopServer;
    const { handle } = await runApiServer({
      storage: new MortalStorage(this.#storage, signal),
      serviceAccountKey: this.#options.serviceAccountKey,
      checks: [],
      clock: this.clock,
      random: this.random,
      log: silentLogger,
      signal,
    });
    this.#handle = handle;
  }

  async close(): Promise<void> {
    for (const name of [...this.#processes.keys()]) this.kill(name);
    this.killServer();
    await this.#storage.close();
    await this.clock.advance(0);
  }

  #run(
    name: string,
    user: string,
    groups: readonly string[],
    onWrite: ((when: "before" | "after", call: Call) => void) | undefined,
    main: (client: ApiClient, signal: AbortSignal) => Promise<void>,
  ): void {
    const stop = new AbortController();
    const { clock, random } = this;
    const toServer = inProcessTransport({ handle: (request) => this.#answer(request), user, groups });
    const transport = new FaultyTransport({
      transport: toServer,
      faults: () => this.faults,
      clock,
      random,
      ...(onWrite && { onWrite }),
    });
    const process = { stop, transport };
    this.#processes.set(name, process);
    const ended = (): void => {
      if (this.#processes.get(name) === process) this.#processes.delete(name);
    };
    // A leader that loses its lease ends, for whoever looks after it to start it again.
    void main(createClient(transport), sharedSignal(stop.signal)).then(ended, ended);
  }

  readonly #answer: Handle = async (request) => {
    const handle = this.#handle;
    if (handle === undefined) throw gone("connection refused");
    const { signal } = this.#stopServer;
    const response = await handle(request);
    if (signal.aborted) throw gone("connection reset by peer");
    return response;
  };
}

function gone(why: string): StatusError {
  return new StatusError("ServiceUnavailable", `the API server cannot be reached: ${why}`);
}

/** What one server writes through: one that was killed writes no more. */
class MortalStorage extends ForwardingStorage {
  readonly #signal: AbortSignal;

  constructor(storage: Storage, signal: AbortSignal) {
    super(storage);
    this.#signal = signal;
  }

  override async put(...args: Parameters<Storage["put"]>): ReturnType<Storage["put"]> {
    this.#checkAlive();
    return super.put(...args);
  }

  override async delete(...args: Parameters<Storage["delete"]>): ReturnType<Storage["delete"]> {
    this.#checkAlive();
    return super.delete(...args);
  }

  #checkAlive(): void {
    if (this.#signal.aborted) throw new StorageError("Unavailable", "the server that asks was killed");
  }
}
