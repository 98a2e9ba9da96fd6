import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { runApiServer } from "#apiserver/main";
import { openEmbeddedStorage } from "#apiserver/storage/embedded/embedded-storage";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";

/**
 * An API server on an embedded store in a process that can be killed. It is given a folder, loads its code, and then does as it is told
 * line by line: `open`, which it answers with its port, and `compact REVISION`. It ends with its input.
 */
const folder = process.argv[2] ?? "";
const file = (name: string): string => readFileSync(join(folder, name), "utf8");
const shared = { clock: systemClock, random: systemRandom, log: silentLogger };

process.stdout.write("loaded\n");
const lines = createInterface(process.stdin)[Symbol.asyncIterator]();
await lines.next();
const storage = await openEmbeddedStorage({ directory: join(folder, "store"), ...shared });
const { port } = await runApiServer({
  ...shared,
  storage,
  serviceAccountKey: file("sa.key"),
  serve: {
    tls: { cert: file("server.crt"), key: file("server.key"), clientCa: file("ca.crt") },
    listeners: [{ address: "127.0.0.1", port: 0 }],
    advertise: "127.0.0.1:0",
  },
  checks: [],
  signal: new AbortController().signal,
});
process.stdout.write(`${port}\n`);
for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
  const [command, revision] = line.value.split(" ");
  if (command === "compact") await storage.compact(Number(revision));
  process.stdout.write("done\n");
}
process.exit();
