import { existsSync } from "node:fs";
import { describe } from "vitest";
import { describeRuntime } from "./conformance.ts";
import { openRuntimeInANode } from "./runtime-in-a-node.ts";

const tools = ["/usr/bin/conmon", "/usr/bin/busybox", "/usr/bin/nsenter"];

for (const binary of ["/usr/bin/crun", "/usr/sbin/runc"]) {
  const missing = [binary, ...tools].filter((path) => !existsSync(path));
  const reason = process.getuid?.() !== 0 ? "needs root" : missing.length > 0 ? `needs ${missing.join(", ")}` : undefined;
  const skip = reason !== undefined && process.env["CI"] !== "true";
  describe.skipIf(skip)(skip ? `skipped: ${reason}` : "real containers", () => {
    describeRuntime(binary, () => openRuntimeInANode(binary));
  });
}
