import { pressureOf, type MetThreshold, type PressureType } from "./thresholds.ts";

/** When each was last seen, monotonic. */
export type Pressure = ReadonlyMap<PressureType, number>;

/** Upstream's evictionPressureTransitionPeriod: a node that was short of something gets no pods that want it for so long. */
const transitionMs = 300_000;

export function nextPressure(before: Pressure, met: readonly MetThreshold[], now: number): Pressure {
  const seen = met.map(({ signal }) => [pressureOf[signal], now] as const);
  const remembered = [...before].filter(([, at]) => now - at < transitionMs);
  return new Map([...remembered, ...seen]);
}
