import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { packageRoot } from "#base/package-root";
import { succeed } from "../run.ts";
import { V2Machine } from "./v2-machine.ts";

/**
 * `npm run test:v2 [COMMAND …]`: runs a command on a machine with cgroup v2 alone and ends with its exit code. Without one, what this
 * package's containers and control groups promise, which takes minutes where every instruction is emulated.
 */
const conformance =
  "CI=true node node_modules/vitest/vitest.mjs run --project e2e --testTimeout 180000 --hookTimeout 180000 node-agent/cgroups node-agent/runtime -t 'control groups|crun'";
const command = process.argv.slice(2).join(" ") || conformance;

await succeed([`${packageRoot}/skiff`, "--version"]);
const machine = await V2Machine.boot({ lifetimeMs: 30 * 60_000 });
try {
  const ended = new AbortController();
  let following: Promise<unknown> = Promise.resolve();
  const { code } = await machine
    .run(command, ({ stdout, stderr }) => {
      following = Promise.all([follow(stdout, process.stdout, ended.signal), follow(stderr, process.stderr, ended.signal)]);
    })
    .finally(() => ended.abort());
  await following;
  process.exitCode = code;
} finally {
  await machine.powerOff();
}

/** Passes on what is appended to a file until told to stop, and then the rest of it. */
async function follow(path: string, target: NodeJS.WritableStream, signal: AbortSignal): Promise<void> {
  const file = await open(path);
  try {
    for (let last = false; ;) {
      const { bytesRead, buffer } = await file.read();
      if (bytesRead > 0) target.write(buffer.subarray(0, bytesRead));
      else if (last) return;
      last = signal.aborted;
      if (bytesRead === 0 && !last) await sleep(200);
    }
  } finally {
    await file.close();
  }
}
