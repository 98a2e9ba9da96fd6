import { createHash } from "node:crypto";
import { mkdir, statfs, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Logger } from "#base/logger";
import { KeyedLock } from "../runtime/keyed-lock.ts";
import { readJsonFile, writeJsonFile } from "../runtime/json-file.ts";
import { runChecked, runCommand } from "../runtime/run-command.ts";
import type { PodNetwork } from "../runtime/runtime.ts";
import type { AddressPool } from "./address-pool.ts";
import { makeWire, removeWire, type Wire } from "./wire.ts";
import { allocate, emptyPool, gatewayOf, prefixLength, release } from "./address-pool.ts";

const namespaceMagic = 0x6e736673;

export interface BridgePodNetworkOptions {
  readonly log: Logger;
  /** Of this node, e.g. `10.244.1.0/24`; the bridge has its first address. */
  readonly podRange: string;
  readonly bridge: string;
  readonly mtu?: number;
  /** Addresses held, by sandbox. Beside the node's other state, so that no restart hands one out twice. */
  readonly stateFile: string;
}

interface State {
  readonly pool: AddressPool;
  /** Path of the namespace of each holder: what says whether it still lives. */
  readonly namespaces: Readonly<Record<string, string>>;
}

/**
 * Pods on a bridge in the node's network namespace, in which this process runs. An address belongs to one pod sandbox, from before
 * it is wired until after its wire is gone.
 */
export class BridgePodNetwork implements PodNetwork {
  readonly #options: BridgePodNetworkOptions;
  readonly #lock = new KeyedLock();
  #state: State = { pool: emptyPool, namespaces: {} };

  private constructor(options: BridgePodNetworkOptions) {
    this.#options = options;
  }

  /** Makes the bridge, or finds it, and gives back the addresses of sandboxes that are no more. */
  static async open(options: BridgePodNetworkOptions): Promise<BridgePodNetwork> {
    const network = new BridgePodNetwork(options);
    await network.#load();
    await network.#ensureBridge();
    await network.#reconcile();
    return network;
  }

  async attach(podUid: string, namespacePath: string): Promise<{ ip: string }> {
    const holder = holderOf(podUid, namespacePath);
    return this.#lock.run(holder, async () => {
      const known = this.#state.pool.held[holder];
      if (known !== undefined && (await this.#isWired(namespacePath, known))) return { ip: known };
      const ip = await this.#hold(holder, namespacePath);
      await this.#wire(holder, namespacePath, ip);
      return { ip };
    });
  }

  async detach(podUid: string, namespacePath: string): Promise<void> {
    const holder = holderOf(podUid, namespacePath);
    await this.#lock.run(holder, async () => {
      await this.#unwire(holder);
      await this.#release(holder);
    });
  }

  async #load(): Promise<void> {
    const { stateFile, podRange } = this.#options;
    await mkdir(dirname(stateFile), { recursive: true });
    const state = await readJsonFile<State & { range: string }>(stateFile);
    if (state?.range === podRange) this.#state = { pool: state.pool, namespaces: state.namespaces };
  }

  async #ensureBridge(): Promise<void> {
    const { bridge, podRange, mtu = 1500 } = this.#options;
    const exists = (await runCommand(["ip", "link", "show", bridge])).exitCode === 0;
    const create = exists ? [] : [`link add name ${bridge} type bridge`];
    const address = `address replace ${gatewayOf(podRange)}/${prefixLength(podRange)} dev ${bridge}`;
    await ipBatch(["ip"], [...create, `link set ${bridge} mtu ${mtu} up`, address, "link set lo up"]);
    await writeFile("/proc/sys/net/ipv4/ip_forward", "1");
    // Per network namespace; without it the node's rules for Services do not see traffic between pods of one bridge.
    await writeFile("/proc/sys/net/bridge/bridge-nf-call-iptables", "1").catch((error: unknown) => {
      this.#options.log.warn("br_netfilter is missing: a Service will not reach a pod on the client's own node", { error });
    });
  }

  async #reconcile(): Promise<void> {
    for (const [holder, path] of Object.entries(this.#state.namespaces)) {
      const statistics = await statfs(path).catch(() => undefined);
      if (statistics?.type === namespaceMagic) continue;
      await this.#unwire(holder);
      await this.#release(holder);
    }
  }

  /** Written before the address is used. */
  async #hold(holder: string, namespacePath: string): Promise<string> {
    return this.#lock.run("state", async () => {
      const { pool, address } = allocate(this.#state.pool, this.#options.podRange, holder);
      await this.#save({ pool, namespaces: { ...this.#state.namespaces, [holder]: namespacePath } });
      return address;
    });
  }

  async #release(holder: string): Promise<void> {
    await this.#lock.run("state", async () => {
      if (this.#state.pool.held[holder] === undefined) return;
      const { [holder]: _gone, ...namespaces } = this.#state.namespaces;
      await this.#save({ pool: release(this.#state.pool, holder), namespaces });
    });
  }

  async #save(state: State): Promise<void> {
    await writeJsonFile(this.#options.stateFile, { range: this.#options.podRange, ...state });
    this.#state = state;
  }

  async #isWired(namespacePath: string, ip: string): Promise<boolean> {
    const result = await runCommand([...inNamespace(namespacePath), "ip", "-4", "-brief", "address", "show", "dev", "eth0"]);
    return result.exitCode === 0 && result.stdout.includes(` ${ip}/`);
  }

  /** A wire that a crash left half made is made anew. */
  async #wire(holder: string, namespacePath: string, ip: string): Promise<void> {
    const { bridge, podRange, mtu = 1500 } = this.#options;
    const wire: Wire = {
      link: linkName(holder),
      bridge,
      mtu,
      namespacePath,
      ip,
      prefixLength: prefixLength(podRange),
      gateway: gatewayOf(podRange),
    };
    try {
      await makeWire(wire);
    } catch {
      await this.#unwire(holder);
      await makeWire(wire);
    }
  }

  async #unwire(holder: string): Promise<void> {
    try {
      await removeWire(linkName(holder));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENODEV") throw error;
    }
  }
}

/** One per sandbox: a pod's second sandbox gets an address of its own, whatever happens to the first. */
function holderOf(podUid: string, namespacePath: string): string {
  return createHash("sha256").update(`${podUid}\n${namespacePath}`).digest("hex").slice(0, 16);
}

/** At most 15 characters. */
function linkName(holder: string): string {
  return `pod${holder.slice(0, 12)}`;
}

function inNamespace(path: string): readonly string[] {
  return ["nsenter", `--net=${path}`];
}

async function ipBatch(program: readonly string[], lines: readonly string[]): Promise<void> {
  await runChecked([...program, "-batch", "-"], { input: `${lines.join("\n")}\n` });
}
