import type { Flag } from "./flags.ts";

/** Flags that several commands share. */
export const selectorFlag: Flag = {
  name: "selector",
  short: "l",
  type: "string",
  help: "Only objects whose labels match, e.g. -l app=web,tier!=db or -l 'app in (a,b)'.",
};
export const fieldSelectorFlag: Flag = {
  name: "field-selector",
  type: "string",
  help: "Only objects whose fields match, e.g. status.phase=Running. Servers know few fields per kind.",
};
export const allNamespacesFlag: Flag = { name: "all-namespaces", short: "A", type: "bool", help: "In all namespaces." };
export const fileFlags: readonly Flag[] = [
  {
    name: "filename",
    short: "f",
    type: "strings",
    help: "A file, a folder, a URL, or - for the standard input. May be repeated.",
  },
  { name: "recursive", short: "R", type: "bool", help: "Look into the folders of a folder given with -f too." },
  { name: "kustomize", short: "k", type: "string", help: "A kustomization folder (not supported)." },
];
export const outputFlag: Flag = {
  name: "output",
  short: "o",
  type: "string",
  help: "json, yaml, name, jsonpath=TEMPLATE, jsonpath-as-json=TEMPLATE or custom-columns=SPEC.",
};
export const showManagedFieldsFlag: Flag = {
  name: "show-managed-fields",
  type: "bool",
  help: "Keep metadata.managedFields in json and yaml.",
};
export const chunkSizeFlag: Flag = {
  name: "chunk-size",
  type: "int",
  fallback: "500",
  help: "Read long lists in pieces of this size; 0: all at once.",
};
export const dryRunFlag: Flag = {
  name: "dry-run",
  type: "string",
  fallback: "none",
  bare: "unchanged",
  help: "client: only show what would be sent. server: let the server do everything but keep it. none.",
};
export function fieldManagerFlag(fallback: string): Flag {
  return { name: "field-manager", type: "string", fallback, help: "Who is noted in metadata.managedFields." };
}
