import { systemRandom } from "#base/random";
import { succeed } from "../e2e/run.ts";

/** A network namespace with one address, a wire away, of which single ports can be cut off: packets are lost, nobody is told. */
export class FarNetwork {
  readonly address: string;
  readonly #name: string;

  private constructor(name: string, address: string) {
    this.#name = name;
    this.address = address;
  }

  static async make(): Promise<FarNetwork> {
    const id = Math.floor(systemRandom.float() * 10_000);
    const name = `skiff-far-${id}`;
    const near = `skfar${id}`;
    const subnet = `10.213.${id % 250}`;
    const network = new FarNetwork(name, `${subnet}.2`);
    await succeed(["ip", "netns", "add", name]);
    try {
      await succeed(["ip", "link", "add", near, "type", "veth", "peer", "name", "eth0", "netns", name]);
      await succeed(["ip", "address", "add", `${subnet}.1/24`, "dev", near]);
      await succeed(["ip", "link", "set", near, "up"]);
      for (const args of [
        ["ip", "link", "set", "lo", "up"],
        ["ip", "address", "add", `${subnet}.2/24`, "dev", "eth0"],
        ["ip", "link", "set", "eth0", "up"],
        [
          "nft",
          "add table inet cut; add chain inet cut in { type filter hook input priority 0; }; add chain inet cut out { type filter hook output priority 0; }",
        ],
      ])
        await succeed([...network.launcher, ...args]);
    } catch (error) {
      await network.remove();
      throw error;
    }
    return network;
  }

  /** Runs a program there. */
  get launcher(): readonly string[] {
    return ["ip", "netns", "exec", this.#name];
  }

  /** What goes to and from these ports by the wire is lost from now on; what goes between them in there is not. */
  async cut(ports: readonly number[]): Promise<void> {
    const set = `{ ${ports.join(", ")} }`;
    const rules = `add rule inet cut in iifname eth0 tcp dport ${set} drop; add rule inet cut out oifname eth0 tcp sport ${set} drop`;
    await succeed([...this.launcher, "nft", rules]);
  }

  async mend(): Promise<void> {
    await succeed([...this.launcher, "nft", "flush table inet cut"]);
  }

  /** Takes the wire along. */
  async remove(): Promise<void> {
    await succeed(["ip", "netns", "delete", this.#name]);
  }
}
