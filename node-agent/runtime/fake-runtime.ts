import { PassThrough, Readable } from "node:stream";
import type { Clock } from "#base/clock";
import {
  type Container,
  type ContainerConfig,
  type ContainerRuntime,
  type ContainerStats,
  type ExecOptions,
  type ExecProcess,
  type ExecResult,
  RuntimeError,
  type Sandbox,
  type SandboxConfig,
} from "./runtime.ts";

/** What the program in a container does. Absent parts: it runs for ever, and ends at once when told to stop. */
export interface FakeProgram {
  /** Ends by itself after so long, with this code. */
  readonly exits?: { readonly afterMs: number; readonly code: number };
  /** Takes so long to end after SIGTERM; more than the grace means that it is killed. */
  readonly stopsAfterMs?: number;
  readonly createFailure?: string;
  readonly startFailure?: string;
}

export interface FakeRuntimeOptions {
  readonly clock: Clock;
  /** Chosen for each container when it is created. */
  readonly program?: (config: ContainerConfig, sandbox: Sandbox) => FakeProgram;
  /** The first three parts of the pods' addresses. */
  readonly addressPrefix?: string;
}

/**
 * Containers that exist in memory only, on the given clock: for nodes without a machine, and for tests of what drives a runtime.
 * Keeps the contract's promises: every call may be repeated, what is not there can be stopped and removed.
 */
export class FakeRuntime implements ContainerRuntime {
  readonly #clock: Clock;
  readonly #program: NonNullable<FakeRuntimeOptions["program"]>;
  readonly #addressPrefix: string;
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #containers = new Map<string, Container & { readonly config: ContainerConfig }>();
  readonly #programs = new Map<string, FakeProgram>();
  readonly #running = new Map<string, AbortController>();
  readonly #addresses = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  /** Every call that changed something, for tests: `start web/0`. */
  readonly calls: string[] = [];
  /** Fails everything while set. */
  unavailable: string | undefined;
  sandboxFailure: string | undefined;
  execResult: (id: string, command: readonly string[]) => ExecResult = () => ({ exitCode: 0, stdout: "", stderr: "" });

  constructor({ clock, program = () => ({}), addressPrefix = "10.244.0" }: FakeRuntimeOptions) {
    this.#clock = clock;
    this.#program = program;
    this.#addressPrefix = addressPrefix;
  }

  async info() {
    this.#throwIfUnavailable();
    return { version: "fake://1.0.0" };
  }

  async runPodSandbox(config: SandboxConfig): Promise<Sandbox> {
    this.#throwIfUnavailable();
    if (this.sandboxFailure !== undefined) throw new RuntimeError("CreatePodSandboxError", this.sandboxFailure);
    const id = `sandbox-${config.podUid}-${config.attempt}`;
    const found = this.#sandboxes.get(id);
    if (found?.state === "ready") return found;
    const { podUid, podNamespace, podName, attempt, hostNetwork } = config;
    const ip = hostNetwork ? "" : `${this.#addressPrefix}.${this.#addressOf(id)}`;
    const sandbox: Sandbox = { id, podUid, podNamespace, podName, attempt, state: "ready", createdAt: this.#clock.now(), ip };
    this.#sandboxes.set(id, sandbox);
    this.calls.push(`run sandbox ${podName}/${attempt}`);
    return sandbox;
  }

  async stopPodSandbox(id: string): Promise<void> {
    this.#throwIfUnavailable();
    for (const container of this.#of(id)) this.#exit(container.id, 137, "Error");
    const sandbox = this.#sandboxes.get(id);
    if (sandbox?.state !== "ready") return;
    this.#addresses.delete(id);
    this.#sandboxes.set(id, { ...sandbox, state: "notReady", ip: "" });
    this.calls.push(`stop sandbox ${sandbox.podName}/${sandbox.attempt}`);
  }

  async removePodSandbox(id: string): Promise<void> {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) return;
    await this.stopPodSandbox(id);
    for (const container of this.#of(id)) this.#containers.delete(container.id);
    this.#sandboxes.delete(id);
    this.calls.push(`remove sandbox ${sandbox.podName}/${sandbox.attempt}`);
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    this.#throwIfUnavailable();
    const sandbox = this.#sandboxes.get(sandboxId);
    if (sandbox?.state !== "ready") throw new RuntimeError("CreateContainerError", `sandbox ${sandboxId} is not ready`);
    const { name, attempt, image, imageId } = config;
    const id = `${name}-${sandbox.podUid}-${attempt}`;
    if (this.#containers.has(id)) return id;
    const program = this.#program(config, sandbox);
    if (program.createFailure !== undefined) throw new RuntimeError("CreateContainerError", program.createFailure);
    const { podUid } = sandbox;
    const createdAt = this.#clock.now();
    this.#programs.set(id, program);
    this.#containers.set(id, { id, sandboxId, podUid, name, attempt, image, imageId, state: "created", createdAt, config });
    return id;
  }

  async startContainer(id: string): Promise<void> {
    this.#throwIfUnavailable();
    const container = this.#containers.get(id);
    if (container === undefined) throw new RuntimeError("RunContainerError", `container ${id} does not exist`);
    if (container.state !== "created") return;
    const program = this.#programs.get(id) ?? {};
    if (program.startFailure !== undefined) throw new RuntimeError("RunContainerError", program.startFailure);
    this.calls.push(`start ${container.name}/${container.attempt}`);
    this.#containers.set(id, { ...container, state: "running", startedAt: this.#clock.now() });
    const running = new AbortController();
    this.#running.set(id, running);
    if (program.exits !== undefined) {
      const { afterMs, code } = program.exits;
      void this.#clock.sleep(afterMs, running.signal).then(
        () => this.exit(id, code),
        () => undefined,
      );
    }
  }

  async stopContainer(id: string, graceMs: number): Promise<void> {
    this.#throwIfUnavailable();
    const running = this.#running.get(id);
    const container = this.#containers.get(id);
    if (running === undefined || container === undefined) return;
    this.calls.push(`stop ${container.name}/${container.attempt} within ${graceMs}ms`);
    const takes = this.#programs.get(id)?.stopsAfterMs ?? 0;
    if (takes > 0) await this.#clock.sleep(Math.min(takes, graceMs), running.signal).catch(() => undefined);
    this.#exit(id, takes > graceMs ? 137 : 143, "Error");
  }

  async removeContainer(id: string): Promise<void> {
    const container = this.#containers.get(id);
    if (container === undefined) return;
    this.#exit(id, 137, "Error");
    this.#containers.delete(id);
    this.calls.push(`remove ${container.name}/${container.attempt}`);
  }

  async updateContainer(): Promise<void> {
    this.#throwIfUnavailable();
  }

  async reopenLog(): Promise<void> {
    this.#throwIfUnavailable();
  }

  async list() {
    this.#throwIfUnavailable();
    const containers = [...this.#containers.values()].map(({ config: _config, ...container }): Container => container);
    return { sandboxes: [...this.#sandboxes.values()], containers };
  }

  async stats(): Promise<readonly ContainerStats[]> {
    return [...this.#running.keys()].map((id) => ({ id, cpuNanoseconds: 0, workingSetBytes: 0 }));
  }

  async writtenBytes(): Promise<number> {
    return 0;
  }

  async exec(
    id: string,
    command: readonly string[],
    _options?: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<ExecResult> {
    this.#throwIfUnavailable();
    return this.execResult(id, command);
  }

  async openExec(id: string, { command, stdin }: ExecOptions): Promise<ExecProcess> {
    this.#throwIfUnavailable();
    const { exitCode = 137, stdout, stderr } = this.execResult(id, command);
    return {
      ...(stdin && { stdin: new PassThrough().resume() }),
      stdout: Readable.from([stdout]),
      stderr: Readable.from([stderr]),
      exit: Promise.resolve(exitCode),
      resize: () => undefined,
      kill: async () => undefined,
    };
  }

  async attach(id: string): Promise<ExecProcess> {
    return this.openExec(id, { command: [], stdin: this.configOf(id)?.stdin !== undefined, tty: false });
  }

  async *changes(signal: AbortSignal): AsyncGenerator<void> {
    const state = { pending: false, wake: (): void => undefined };
    const changed = () => {
      state.pending = true;
      state.wake();
    };
    this.#listeners.add(changed);
    signal.addEventListener("abort", changed, { once: true });
    try {
      for (;;) {
        if (!state.pending) await new Promise<void>((resolve) => (state.wake = resolve));
        signal.throwIfAborted();
        state.pending = false;
        yield;
      }
    } finally {
      this.#listeners.delete(changed);
      signal.removeEventListener("abort", changed);
    }
  }

  /** The program in a running container ends. */
  exit(id: string, code: number, reason?: string): void {
    this.#exit(id, code, reason ?? (code === 0 ? "Completed" : "Error"));
  }

  /** A pod's network and processes are lost, as by a crash of the machine. */
  loseSandbox(id: string): void {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) return;
    this.#sandboxes.set(id, { ...sandbox, state: "notReady" });
    for (const container of this.#of(id)) this.#exit(container.id, 137, "Error");
    this.#announce();
  }

  /** The name of the pod that a container is of. */
  podOf(id: string): string | undefined {
    return this.#sandboxes.get(this.#containers.get(id)?.sandboxId ?? "")?.podName;
  }

  configOf(id: string): ContainerConfig | undefined {
    return this.#containers.get(id)?.config;
  }

  #exit(id: string, exitCode: number, reason: string): void {
    const container = this.#containers.get(id);
    if (container?.state !== "running") return;
    this.#running.get(id)?.abort();
    this.#running.delete(id);
    this.#containers.set(id, { ...container, state: "exited", exitCode, reason, finishedAt: this.#clock.now() });
    this.#announce();
  }

  #of(sandboxId: string): readonly Container[] {
    return [...this.#containers.values()].filter((container) => container.sandboxId === sandboxId);
  }

  #addressOf(sandboxId: string): number {
    const taken = new Set(this.#addresses.values());
    let address = 2;
    while (taken.has(address)) address++;
    this.#addresses.set(sandboxId, address);
    return address;
  }

  #announce(): void {
    for (const listener of this.#listeners) listener();
  }

  #throwIfUnavailable(): void {
    if (this.unavailable !== undefined) throw new RuntimeError("RuntimeUnavailable", this.unavailable);
  }
}
