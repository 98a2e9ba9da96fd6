import type { Scenario } from "./random-cluster.ts";

/** Takes away nodes and pods as long as the scenario still shows the mistake, so that what is left can be understood. */
export function smallest(scenario: Scenario, isWrong: (candidate: Scenario) => boolean): Scenario {
  const smaller = withOneLess(scenario).find(isWrong);
  return smaller === undefined ? scenario : smallest(smaller, isWrong);
}

function withOneLess({ pod, world }: Scenario): Scenario[] {
  return (["nodes", "placed", "waiting", "services"] as const).flatMap((list) =>
    world[list].map((one) => ({ pod, world: { ...world, [list]: world[list].filter((other: unknown) => other !== one) } })),
  );
}
