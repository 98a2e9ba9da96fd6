import { describe, expect, it } from "vitest";
import { helpOf } from "./help.ts";
import { loadCommand, objectCommands, runsOnObjects } from "./registry.ts";
import { sessionFlags } from "./session.ts";

describe("skiff delete", () => {
  it.each([
    [[], false],
    [["--name", "two"], false],
    [["--name=two", "--state-dir", "/x", "--kubeconfig", "/y"], false],
    [["--help"], false],
    [["pod", "web"], true],
    [["-f", "web.yaml"], true],
    [["--kubeconfig", "/y", "pod/web"], true],
    [["--all"], true],
  ])("%j is about objects: %s", (argv, expected) => {
    expect(runsOnObjects("delete", argv)).toBe(expected);
  });
});

describe.each(Object.entries(objectCommands))("skiff %s", (name, summary) => {
  it("has a help with its examples and flags, and flags of different names", async () => {
    const commands = await loadCommand(name);
    expect(commands.length).toBeGreaterThan(0);
    if (name !== "rollout") expect(commands.map((command) => command.summary)).toEqual([summary]);
    for (const command of commands) {
      const help = helpOf(command);
      expect(command.examples.length).toBeGreaterThan(0);
      for (const [, example] of command.examples) expect(help).toContain(`skiff ${example}`);
      const flags = [...command.flags, ...sessionFlags];
      for (const flag of flags) expect(help).toContain(`--${flag.name}`);
      expect(new Set(flags.map((flag) => flag.name)).size).toBe(flags.length);
      const letters = flags.flatMap(({ short }) => (short === undefined ? [] : [short]));
      expect(new Set(letters).size).toBe(letters.length);
    }
  });
});
