/** What can be told without running anything: the linter, which takes longest, beside everything else. */
import { spawn } from "node:child_process";

/** @param {string} script of package.json @returns {Promise<boolean>} whether all is well */
function run(script) {
  return new Promise((resolve) => {
    const child = spawn("npm", ["run", "--silent", script], { stdio: ["ignore", "inherit", "inherit"] });
    child.once("error", () => resolve(false));
    child.once("close", (code) => resolve(code === 0));
  });
}

/** @param {readonly string[]} scripts */
async function oneByOne(scripts) {
  let isWell = true;
  for (const script of scripts) isWell = (await run(script)) && isWell;
  return isWell;
}

const results = await Promise.all([run("lint"), oneByOne(["types", "format", "unused"])]);
if (results.includes(false)) process.exitCode = 1;
