import type { SchedulerPlugin } from "../plugin.ts";

/** A pod that names its node goes nowhere else. */
export const nodeName: SchedulerPlugin = {
  name: "NodeName",
  wakesOn: ["nodeAdded"],
  prepare: ({ spec }) => {
    const name = spec?.nodeName ?? "";
    if (name === "") return undefined;
    return {
      filter: ({ node }) =>
        node.metadata.name === name
          ? undefined
          : { reasons: ["node(s) didn't match the requested node name"], resolvableByPreemption: false },
    };
  },
};
