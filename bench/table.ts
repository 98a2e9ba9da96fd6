/** One figure beside what it is measured against. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: "ms" | "s" | "MB" | "KB" | "% of a core" | "pods/s" | "a pod" | "/s" | "MB/s";
  /** Measured in the same run, so that a slow machine slows both. */
  readonly baseline: number;
  /** Null where the baseline is too small to compare with. */
  readonly ratio: number | null;
  /** The value should stay below it, or, with `more`, reach it. */
  readonly aim: number;
  /** The more the better. */
  readonly more?: true;
  /** It is the ratio that is aimed at. */
  readonly relative?: true;
  /** Of single requests, in milliseconds. */
  readonly p50?: number;
  readonly p99?: number;
  /** What the server used, in percent of one core. */
  readonly cpu?: number;
}

/** What is known besides the figure itself. */
export type Details = Pick<Row, "p50" | "p99" | "cpu">;

export function row(name: string, value: number, unit: Row["unit"], baseline: number, aim: number): Row {
  const ratio = baseline < 0.05 ? null : rounded(value / baseline);
  return { name, value: rounded(value), unit, baseline: rounded(baseline), ratio, aim: rounded(aim) };
}

/** One that should be reached. */
export function rowAbove(name: string, value: number, unit: Row["unit"], baseline: number, aim: number): Row {
  return { ...row(name, value, unit, baseline, aim), more: true };
}

/** One that should reach so many times its baseline. */
export function rowTimes(
  name: string,
  value: number,
  unit: Row["unit"],
  baseline: number,
  aim: number,
  { p50, p99, cpu }: Details = {},
): Row {
  return {
    ...rowAbove(name, value, unit, baseline, aim),
    relative: true,
    ...(p50 !== undefined && { p50: rounded(p50) }),
    ...(p99 !== undefined && { p99: rounded(p99) }),
    ...(cpu !== undefined && { cpu: Math.round(cpu) }),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >>> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** For people. What misses its aim is marked. */
export function table(rows: readonly Row[]): string {
  const hasDetails = rows.some(({ p50, cpu }) => p50 !== undefined || cpu !== undefined);
  const details = ({ p50, p99, cpu }: Details): string[] =>
    hasDetails ? [p50, p99, cpu].map((value) => (value === undefined ? "" : String(value))) : [];
  const cells = [
    ["", "value", "unit", "baseline", "ratio", "aim", ...(hasDetails ? ["p50 ms", "p99 ms", "cpu %"] : []), ""],
    ...rows.map((row) => [
      row.name,
      String(row.value),
      row.unit,
      String(row.baseline),
      row.ratio === null ? "-" : `${row.ratio}x`,
      `${row.more === true ? ">=" : "<"} ${row.aim}${row.relative === true ? "x" : ""}`,
      ...details(row),
      isReached(row) ? "" : "MISSED",
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

function isReached({ value, ratio, aim, more, relative }: Row): boolean {
  const reached = relative === true ? (ratio ?? 0) : value;
  return more === true ? reached >= aim : reached < aim;
}

/** Numbers stand to the right, words to the left. */
function align(cell: string, width: number, column: number): string {
  return [1, 3, 4, 5, 6, 7, 8].includes(column) ? cell.padStart(width) : cell.padEnd(width);
}

function rounded(value: number): number {
  return value >= 100 ? Math.round(value) : Math.round(value * 100) / 100;
}
