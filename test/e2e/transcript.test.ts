import { describe, expect, it } from "vitest";
import { compare, readTranscript } from "./transcript.ts";

const step = (stdout: string[], stderr: string[] = [], code = 0) => ({ command: "c", stdout, stderr, code });
const agrees = (wanted: ReturnType<typeof step>, outcome: { stdout?: string; stderr?: string; code?: number }): boolean => {
  const { expected, actual } = compare(wanted, { stdout: "", stderr: "", code: 0, ...outcome });
  return expected === actual;
};

describe("a transcript", () => {
  const text = [
    "# Why.",
    "$ kubectl create -f - <<E",
    "> kind: X",
    "> E",
    "! warned",
    "{1.30+} new",
    "{-1.30} old",
    "(exit 1)",
    "{1.27,1.30} $ second",
    "{}",
  ].join("\n");

  it("is read into commands with what each prints, for one version", () => {
    const first = { command: "kubectl create -f - <<E\nkind: X\nE", stderr: ["warned"], code: 1 };
    const second = { command: "second", stdout: ["{}"], stderr: [], code: 0 };
    expect(readTranscript("f", text, "1.27")).toEqual([{ ...first, stdout: ["old"] }, second]);
    expect(readTranscript("f", text, "1.33")).toEqual([{ ...first, stdout: ["new"] }]);
    expect(() => readTranscript("f", "output", "1.27")).toThrow('f:1: no command before "output"');
  });

  it("does not mind what differs each time, blank lines, or the width of columns", () => {
    expect(agrees(step(["NAME  AGE", "web-<hash>  <age>"]), { stdout: "NAME        AGE\n\nweb-7bc9d   2m5s  \n" })).toBe(true);
    expect(agrees(step(["a", "<...>", "z"]), { stdout: "a\nb\nc\nz\n" })).toBe(true);
    expect(agrees(step(["a", "<...>"]), { stdout: "a\n" })).toBe(true);
    expect(agrees(step([], ["w"], 1), { stderr: "w\n", code: 1 })).toBe(true);
  });

  it("minds everything else", () => {
    expect(agrees(step(["a"]), { stdout: "a\nb" })).toBe(false);
    expect(agrees(step(["a", "b"]), { stdout: "a" })).toBe(false);
    expect(agrees(step(["a", "b"]), { stdout: "b\na" })).toBe(false);
    expect(agrees(step(["a"]), { stderr: "a" })).toBe(false);
    expect(agrees(step(["a"]), { stdout: "a", code: 1 })).toBe(false);
    expect(agrees(step(["  a: b"]), { stdout: "a: b" })).toBe(false);
    expect(agrees(step(["a.b"]), { stdout: "axb" })).toBe(false);
    expect(agrees(step(["<age>"]), { stdout: "soon" })).toBe(false);
  });

  it("shows of a difference what differs, and the rest in the words expected", () => {
    const { actual } = compare(step(["a  <age>", "b  <age>"]), { stdout: "a  3s\nc  3s", stderr: "", code: 0 });
    expect(actual).toBe("$ c\na  <age>\nc  3s");
  });
});
