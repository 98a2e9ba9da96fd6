/** One figure beside what it is measured against. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: "ms" | "MB" | "% of a core" | "pods/s" | "a pod";
  /** Measured in the same run, so that a slow machine slows both. */
  readonly baseline: number;
  /** Null where the baseline is too small to compare with. */
  readonly ratio: number | null;
  /** The value should stay below it, or, with `more`, reach it. */
  readonly aim: number;
  /** The more the better. */
  readonly more?: true;
}

export function row(name: string, value: number, unit: Row["unit"], baseline: number, aim: number): Row {
  const ratio = baseline < 0.05 ? null : rounded(value / baseline);
  return { name, value: rounded(value), unit, baseline: rounded(baseline), ratio, aim: rounded(aim) };
}

/** One that should be reached. */
export function rowAbove(name: string, value: number, unit: Row["unit"], baseline: number, aim: number): Row {
  return { ...row(name, value, unit, baseline, aim), more: true };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >>> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** For people. What misses its aim is marked. */
export function table(rows: readonly Row[]): string {
  const cells = [
    ["", "value", "unit", "baseline", "ratio", "aim", ""],
    ...rows.map(({ name, value, unit, baseline, ratio, aim, more = false }) => [
      name,
      String(value),
      unit,
      String(baseline),
      ratio === null ? "-" : `${ratio}x`,
      `${more ? ">=" : "<"} ${aim}`,
      (more ? value >= aim : value < aim) ? "" : "MISSED",
    ]),
  ];
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  return cells
    .map((line) =>
      line
        .map((cell, column) => align(cell, widths[column] ?? 0, column))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Numbers stand to the right, words to the left. */
function align(cell: string, width: number, column: number): string {
  return [1, 3, 4, 5].includes(column) ? cell.padStart(width) : cell.padEnd(width);
}

function rounded(value: number): number {
  return value >= 100 ? Math.round(value) : Math.round(value * 100) / 100;
}
