import { systemRandom } from "#base/random";
import { succeed } from "../e2e/run.ts";

export interface FarHost {
  readonly address: string;
  /** Runs a program there. */
  readonly launcher: readonly string[];
}

/** Hosts of their own, each a network namespace, and wires to this one and between them that can be cut: packets are lost, nobody is told. */
export class FarNetwork {
  readonly hosts: readonly FarHost[];
  /** Of this machine, as they see it. */
  readonly here: string;
  readonly #bridge: string;
  readonly #names: readonly string[];

  private constructor(count: number) {
    const id = Math.floor(systemRandom.float() * 10_000);
    const subnet = `10.213.${id % 250}`;
    this.#bridge = `skfar${id}`;
    this.#names = Array.from({ length: count }, (_, index) => `skiff-far-${id}-${index}`);
    this.here = `${subnet}.1`;
    this.hosts = this.#names.map((name, index) => ({
      address: `${subnet}.${index + 2}`,
      launcher: ["ip", "netns", "exec", name],
    }));
  }

  static async make(count: number): Promise<FarNetwork> {
    const network = new FarNetwork(count);
    try {
      await network.#make();
    } catch (error) {
      await network.remove();
      throw error;
    }
    return network;
  }

  /** What goes between this host and those addresses is lost from now on. */
  async cut(index: number, addresses: readonly string[]): Promise<void> {
    const set = `{ ${addresses.join(", ")} }`;
    await this.#nft(index, `add rule inet cut in ip saddr ${set} drop; add rule inet cut out ip daddr ${set} drop`);
  }

  async mend(): Promise<void> {
    for (const index of this.hosts.keys()) await this.#nft(index, "flush table inet cut");
  }

  /** Takes the wires along. */
  async remove(): Promise<void> {
    for (const name of this.#names) await succeed(["ip", "netns", "delete", name]).catch(() => undefined);
    await succeed(["ip", "link", "delete", this.#bridge]);
  }

  async #make(): Promise<void> {
    const bridge = this.#bridge;
    await succeed(["ip", "link", "add", bridge, "type", "bridge"]);
    await succeed(["ip", "address", "add", `${this.here}/24`, "dev", bridge]);
    await succeed(["ip", "link", "set", bridge, "up"]);
    for (const [index, { address, launcher }] of this.hosts.entries()) {
      const name = this.#names[index] ?? "";
      const wire = `${bridge}-${index}`;
      await succeed(["ip", "netns", "add", name]);
      await succeed(["ip", "link", "add", wire, "master", bridge, "type", "veth", "peer", "name", "eth0", "netns", name]);
      await succeed(["ip", "link", "set", wire, "up"]);
      await succeed([...launcher, "ip", "link", "set", "lo", "up"]);
      await succeed([...launcher, "ip", "address", "add", `${address}/24`, "dev", "eth0"]);
      await succeed([...launcher, "ip", "link", "set", "eth0", "up"]);
      const chain = (hook: string): string => `{ type filter hook ${hook} priority 0; }`;
      await this.#nft(
        index,
        `add table inet cut; add chain inet cut in ${chain("input")}; add chain inet cut out ${chain("output")}`,
      );
    }
  }

  async #nft(index: number, commands: string): Promise<void> {
    await succeed([...(this.hosts[index]?.launcher ?? []), "nft", commands]);
  }
}
