import { homedir } from "node:os";
import { expect, test } from "vitest";
import { runCommand } from "./run-command.ts";

test("a program has its arguments, input, folder and environment, and answers with its outputs and exit code", async () => {
  const script = 'read -r line; echo "$line $1 $PWD $GREETING"; echo wrong >&2; exit 3';
  const env = { GREETING: "hello", PATH: process.env["PATH"] ?? "" };
  const result = await runCommand(["sh", "-c", script, "sh", "argument"], { input: "input\n", cwd: "/", env });
  expect(result).toEqual({ exitCode: 3, stdout: "input argument / hello\n", stderr: "wrong\n" });
});

test("one that a signal ended has no exit code", async () => {
  expect(await runCommand(["sh", "-c", "kill -9 $$"])).toEqual({ stdout: "", stderr: "" });
});

test("one that cannot be started rejects with the reason", async () => {
  await expect(runCommand(["/no/such/program"])).rejects.toMatchObject({ code: "ENOENT" });
});

test("one whose time is up is killed", async () => {
  await expect(runCommand(["sleep", "100"], { signal: AbortSignal.timeout(50) })).rejects.toThrow("timeout");
});

test("it gets no signal ignored or blocked that this process ignores or blocks", async () => {
  const { stdout } = await runCommand(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]);
  const pipe = 1n << 12n;
  const masks = stdout.trim().split("\n");
  expect(masks).toHaveLength(2);
  for (const mask of masks) expect(BigInt(`0x${mask.split(/\s+/)[1] ?? ""}`) & pipe).toBe(0n);
});

test("large inputs and outputs arrive whole, of many at once", async () => {
  const input = "x".repeat(1_000_000);
  const results = await Promise.all(Array.from({ length: 10 }, () => runCommand(["cat"], { input })));
  for (const { stdout } of results) expect(stdout === input).toBe(true);
});

test("without an environment of its own it has this process's", async () => {
  const { stdout } = await runCommand(["sh", "-c", 'echo "$HOME"']);
  expect(stdout).toBe(`${homedir()}\n`);
});
