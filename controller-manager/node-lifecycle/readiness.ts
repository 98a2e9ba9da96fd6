import type { Node } from "#api/generated/types";

/** What a node's Ready condition comes to. One that has said nothing yet is new. */
export function readiness({ status }: Node): "ready" | "notReady" | "unknown" | "new" {
  switch (status?.conditions?.find(({ type }) => type === "Ready")?.status) {
    case undefined:
      return "new";
    case "True":
      return "ready";
    case "False":
      return "notReady";
    default:
      return "unknown";
  }
}
