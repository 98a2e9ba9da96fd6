import { describe, expect, it } from "vitest";
import { notFound } from "#api/status";
import { CommandFailure } from "#cluster/failure";
import { failureText } from "./report-failure.ts";

const systemError = (code: string, path?: string): Error =>
  Object.assign(new Error(`${code}: something`), { code, ...(path !== undefined && { path }) });

describe("failureText", () => {
  it.each([
    [new CommandFailure("port 1 is in use: choose another"), "port 1 is in use: choose another"],
    [notFound({ group: "", resource: "pods" }, "web"), 'pods "web" not found'],
    [
      systemError("ENOSPC", "/var/lib/skiff"),
      "no space left on the disk that holds /var/lib/skiff: free some and run the same command again",
    ],
    [
      systemError("EACCES", "/var/lib/skiff"),
      "not allowed to use /var/lib/skiff: run it with sudo, or choose another folder with --state-dir",
    ],
    [systemError("EROFS", "/x"), "/x is on a read-only file system: choose another folder with --state-dir"],
  ])("is one line that says what to do", (error, text) => {
    expect(failureText(error)).toBe(text);
  });

  it("shows where the unexpected came from", () => {
    expect(failureText(new TypeError("x is not a function"))).toMatch(/^unexpected: TypeError: x is not a function\n\s+at /);
  });
});
