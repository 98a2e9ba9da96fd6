import type { PodSpec } from "../generated/types.ts";

export function unimplementedFields(_spec: PodSpec): string[] {
  return [];
}
