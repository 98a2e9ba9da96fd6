import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "#base/package-root";
import { start, stop, type Ran } from "../run.ts";
import { buildInitialRamDisk } from "./initial-ram-disk.ts";
import { fetchKernel } from "./kernel.ts";

export interface BootOptions {
  /** After that long the machine is no more, whatever it does. */
  readonly lifetimeMs: number;
}

/**
 * A virtual machine with nothing but cgroup v2, laid out as systemd does, and this machine's own files for its root: read-only, what
 * it writes stays in its memory. Commands run in it as in a login session, one at a time. No network leads out.
 */
export class V2Machine {
  /** A folder of the host that both can write: /run/machine inside. */
  readonly share: string;
  readonly #folder: string;
  readonly #qemu: ReturnType<typeof start>;
  readonly #lifetime: NodeJS.Timeout;
  #commands = 0;

  private constructor(folder: string, qemu: ReturnType<typeof start>, lifetimeMs: number) {
    this.#folder = folder;
    this.share = join(folder, "share");
    this.#qemu = qemu;
    this.#lifetime = setTimeout(() => qemu.child.kill("SIGKILL"), lifetimeMs);
  }

  static async boot({ lifetimeMs }: BootOptions): Promise<V2Machine> {
    const folder = await mkdtemp(join(tmpdir(), "skiff-v2-machine-"));
    try {
      const kernel = await fetchKernel(join(folder, "kernel"));
      const ramDisk = await buildInitialRamDisk(folder, kernel);
      await mkdir(join(folder, "share"));
      await copyFile(join(packageRoot, "test/e2e/v2-machine/serve.sh"), join(folder, "share/serve.sh"));
      const qemu = start(qemuCommand({ folder, image: kernel.image, modules: kernel.modules, ramDisk }));
      const machine = new V2Machine(folder, qemu, lifetimeMs);
      await machine.#answer("ready").catch(async (error: unknown) => {
        await machine.powerOff();
        throw error;
      });
      return machine;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /**
   * Runs a shell script in the package's folder. Its exit code is for the caller to judge. `onStart` is told where both
   * outputs grow meanwhile. @throws Error when the machine ends first
   */
  async run(script: string, onStart?: (files: { stdout: string; stderr: string }) => void): Promise<Ran> {
    const id = String(++this.#commands);
    const file = (suffix: string): string => join(this.share, `${id}.${suffix}`);
    await writeFile(file("sh"), `${preamble}\n${script}\n`);
    await Promise.all(["out", "err"].map((suffix) => writeFile(file(suffix), "")));
    this.#qemu.child.stdin?.write(`${id}\n`);
    onStart?.({ stdout: file("out"), stderr: file("err") });
    const code = await this.#answer(id);
    const [stdout, stderr] = await Promise.all(["out", "err"].map((suffix) => readFile(file(suffix), "utf8")));
    return { code, stdout: stdout ?? "", stderr: stderr ?? "" };
  }

  /** As `run`, for what must succeed. @returns its standard output */
  async do(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(script);
    if (code !== 0) throw new Error(`${script}\nexited with ${code}:\n${stdout}${stderr}`);
    return stdout;
  }

  /** Nothing in it is worth an orderly end. */
  async powerOff(): Promise<void> {
    clearTimeout(this.#lifetime);
    await stop(this.#qemu);
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** @returns the number after `word` on the line that begins with it */
  async #answer(word: string): Promise<number> {
    const { child, output } = this.#qemu;
    for (;;) {
      const found = new RegExp(`^${word} (\\d+)\\r?$`, "m").exec(output.stdout);
      if (found !== null) return Number(found[1]);
      if (hasEnded(child)) throw new Error(`the machine ended before it answered:\n${await this.#lastWords()}`);
      const seen = new AbortController();
      const { signal } = seen;
      await Promise.race([once(child.stdout ?? child, "data", { signal }), once(child, "close", { signal })]);
      seen.abort();
    }
  }

  async #lastWords(): Promise<string> {
    const console = await readFile(join(this.#folder, "console"), "utf8").catch(() => "");
    return `${this.#qemu.output.stderr}${console.split("\n").slice(-30).join("\n")}`;
  }
}

/** The host's files have no folder for what a program writes beside its data: everything goes to memory. */
const preamble = `
export HOME=/run/tmp TMPDIR=/run/tmp PATH=${process.env["PATH"] ?? ""}:/usr/sbin:/sbin TERM=dumb
cd ${packageRoot}
`;

function qemuCommand(options: {
  readonly folder: string;
  readonly image: string;
  readonly modules: string;
  readonly ramDisk: string;
}): readonly string[] {
  const { folder, image, modules, ramDisk } = options;
  const shared = (tag: string, path: string, access: string): string[] => [
    ...["-fsdev", `local,id=${tag},path=${path},security_model=none,multidevs=remap,${access}`],
    ...["-device", `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`],
  ];
  return [
    // It does not outlive the test, whatever ends that.
    ...["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none"],
    // Emulated throughout: hardware help that is there is not always help that works.
    ...["-machine", "accel=tcg", "-cpu", "max", "-smp", "2", "-m", "3072", "-no-reboot"],
    ...["-kernel", image, "-initrd", ramDisk, "-append", "console=ttyS0 quiet panic=-1 mitigations=off"],
    ...["-serial", `file:${join(folder, "console")}`, "-serial", "stdio"],
    ...shared("host", "/", "readonly=on"),
    ...shared("modules", modules, "readonly=on"),
    ...shared("share", join(folder, "share"), "readonly=off"),
  ];
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
