import type { TableColumn } from "./definition.ts";
import type { LabelSelector, PodTemplateSpec } from "./generated/types.ts";
import { compileLabelSelector, formatLabelSelector } from "./label-selector.ts";

/** Columns and cells that several kinds print alike. */
export const ageColumn: TableColumn = {
  name: "Age",
  type: "string",
  description: "Time since the object was created",
  priority: 0,
};

export function column(
  name: string,
  description: string,
  options: Partial<Pick<TableColumn, "type" | "format" | "priority">> = {},
): TableColumn {
  return { name, type: "string", description, priority: 0, ...options };
}

/** How long ago, as kubectl prints ages; `<unknown>` without a time. */
export function age(time: string | undefined, now: number): string {
  return time === undefined ? "<unknown>" : humanDuration(now - Date.parse(time));
}

/** Upstream's apimachinery/pkg/util/duration.HumanDuration: two units at most, fewer the longer it is. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return withRest(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return withRest(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return withRest(days, "d", hours % 24, "h");
  if (hours < 24 * 365 * 2) return `${days}d`;
  const years = Math.floor(days / 365);
  return hours < 24 * 365 * 8 ? withRest(years, "y", days % 365, "d") : `${years}y`;
}

function withRest(whole: number, unit: string, rest: number, restUnit: string): string {
  return rest === 0 ? `${whole}${unit}` : `${whole}${unit}${rest}${restUnit}`;
}

export const workloadColumns: readonly TableColumn[] = [
  column("Containers", "Names of each container in the template.", { priority: 1 }),
  column("Images", "Images referenced by each container in the template.", { priority: 1 }),
  column("Selector", "Selects the pods of this workload.", { priority: 1 }),
];

export function workloadCells(template: PodTemplateSpec | undefined, selector: LabelSelector | undefined): string[] {
  const containers = template?.spec?.containers ?? [];
  const names = containers.map((container) => container.name).join(",");
  return [
    names,
    containers.map((container) => container.image ?? "").join(","),
    formatLabelSelector(compileLabelSelector(selector)),
  ];
}
