/** What a node may run out of, by upstream's names of the signals. */
export type Signal = "memory.available" | "nodefs.available" | "nodefs.inodesFree" | "imagefs.available" | "pid.available";

export interface Observation {
  readonly available: number;
  readonly capacity: number;
}

/** Met when less than that is available: an amount, or a part of the capacity. */
export type Threshold = { readonly signal: Signal } & ({ readonly least: number } | { readonly leastFraction: number });

export type PressureType = "MemoryPressure" | "DiskPressure" | "PIDPressure";

const MiB = 2 ** 20;

/**
 * Upstream's for memory. For disks upstream has tenths of their size, which a developer's disk falls short of on most days: all
 * nodes of a cluster would be emptied at once. Here it is what the cluster itself needs to go on (docs/decisions/012).
 */
export const defaultThresholds: readonly Threshold[] = [
  { signal: "memory.available", least: 100 * MiB },
  { signal: "nodefs.available", least: 512 * MiB },
  { signal: "imagefs.available", least: 512 * MiB },
  { signal: "nodefs.inodesFree", leastFraction: 0.01 },
  { signal: "pid.available", least: 100 },
];

export const pressureOf: Readonly<Record<Signal, PressureType>> = {
  "memory.available": "MemoryPressure",
  "nodefs.available": "DiskPressure",
  "nodefs.inodesFree": "DiskPressure",
  "imagefs.available": "DiskPressure",
  "pid.available": "PIDPressure",
};

export interface MetThreshold {
  readonly signal: Signal;
  /** What should be there, in the signal's unit. */
  readonly least: number;
  readonly available: number;
}

/** In the order in which they are acted on: memory first, as upstream has it. What cannot be observed is never met. */
export function metThresholds(
  observations: ReadonlyMap<Signal, Observation>,
  thresholds: readonly Threshold[],
): readonly MetThreshold[] {
  const met = thresholds.flatMap((threshold) => {
    const { signal } = threshold;
    const seen = observations.get(signal);
    if (seen === undefined || seen.capacity === 0) return [];
    const least = "least" in threshold ? threshold.least : threshold.leastFraction * seen.capacity;
    return seen.available < least ? [{ signal, least, available: seen.available }] : [];
  });
  return [
    ...met.filter(({ signal }) => signal === "memory.available"),
    ...met.filter(({ signal }) => signal !== "memory.available"),
  ];
}
