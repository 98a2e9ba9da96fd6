import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { benchApiServer } from "./apiserver/apiserver.ts";
import { benchControllers } from "./controllers.ts";
import { benchNode } from "./node.ts";
import { benchStart } from "./start.ts";
import { table, type Row } from "./table.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    json: { type: "string" },
    only: { type: "string" },
    report: { type: "string", default: "bench-apiserver.svg" },
  },
});
/**
 * `npm run bench -- NAME [--rounds N] [--json FILE]`: each bench has clusters of its own and leaves nothing behind. `apiserver` also
 * takes `--only PART,…` and `--report FILE`, an SVG of what it costs to grow.
 */
const benches: Readonly<Record<string, (rounds: number, say: (text: string) => void) => Promise<readonly Row[]>>> = {
  apiserver: (rounds, say) => benchApiServer({ rounds, say, only: values.only?.split(","), report: values.report }),
  start: benchStart,
  node: benchNode,
  controllers: benchControllers,
};

const bench = benches[positionals[0] ?? ""];
const rounds = Number(values.rounds);
if (bench === undefined || positionals.length !== 1 || !Number.isInteger(rounds) || rounds < 1) {
  console.error(`usage: npm run bench -- ${Object.keys(benches).join("|")} [--rounds N] [--json FILE]`);
  process.exit(2);
}
const rows = await bench(rounds, (text) => console.error(text));
console.log(table(rows));
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(rows, null, 2)}\n`);
