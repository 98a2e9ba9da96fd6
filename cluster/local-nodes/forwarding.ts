import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

const setting = "/proc/sys/net/ipv4/ip_forward";

/**
 * Forwarding between the machine's networks, which all clusters of the machine share: turned on by the first, and put back to what
 * it was before by the last. The memory lies in a folder that a reboot empties, as it resets the setting itself.
 */
export class Forwarding {
  readonly #folder: string;

  constructor({ machineDirectory }: { machineDirectory: string }) {
    this.#folder = join(machineDirectory, "forwarding");
  }

  /** @param bridge stands for the cluster: while it exists, the cluster needs forwarding */
  async acquire(bridge: string): Promise<void> {
    await mkdir(this.#users, { recursive: true });
    await writeFile(join(this.#users, bridge), "");
    await this.#turnOn();
  }

  async release(bridge: string): Promise<void> {
    await rm(join(this.#users, bridge), { force: true });
    if (await this.#isNeeded()) return;
    const original = await readFile(this.#original, "utf8").catch(() => undefined);
    if (original === undefined) return;
    await writeFile(setting, original);
    await rm(this.#original, { force: true });
    // Another cluster may have come up between the look and the change.
    if (await this.#isNeeded()) await this.#turnOn();
    else {
      await rm(this.#folder, { recursive: true, force: true });
      // Others may keep something of theirs in it.
      await rmdir(dirname(this.#folder)).catch(() => undefined);
    }
  }

  async #turnOn(): Promise<void> {
    const now = await readFile(setting, "utf8");
    await writeFile(this.#original, now, { flag: "wx" }).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    });
    await writeFile(setting, "1");
  }

  /** A cluster whose bridge is gone left without saying so. */
  async #isNeeded(): Promise<boolean> {
    const users = await readdir(this.#users).catch(() => []);
    return users.some((bridge) => existsSync(`/sys/class/net/${bridge}`));
  }

  get #users(): string {
    return join(this.#folder, "clusters");
  }

  get #original(): string {
    return join(this.#folder, "before");
  }
}
