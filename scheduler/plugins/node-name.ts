import type { SchedulerPlugin } from "../plugin.ts";

/** A pod that names its node goes nowhere else. */
export const nodeName: SchedulerPlugin = {
  name: "NodeName",
  wakes: ({ pod }, event) => event.type === "nodeAdded" && event.node.metadata.name === pod.spec?.nodeName,
  prepare: ({ pod }) => {
    const name = pod.spec?.nodeName ?? "";
    if (name === "") return undefined;
    return {
      filter: ({ node }) =>
        node.metadata.name === name
          ? undefined
          : { reasons: ["node(s) didn't match the requested node name"], resolvableByPreemption: false },
    };
  },
};
