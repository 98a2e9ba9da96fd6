import type { EnvFromSource, EnvVar } from "#api/generated/types";
import { configMapData, type ConfigSource, secretData } from "./config-source.ts";
import { fieldValue, type PodFacts, resourceValue } from "./downward-api.ts";
import { expandVariables } from "./expand-variables.ts";
import { type ContainerSpec, initContainersOf, specOf, type StoredPod } from "./pod-spec.ts";
import { RuntimeError } from "./runtime/runtime.ts";

export interface Environment {
  readonly variables: ReadonlyMap<string, string>;
  /** For people: which keys could not become variables. */
  readonly skipped: readonly string[];
}

/**
 * The variables of a container, in the order in which they were defined; later ones win and may use earlier ones.
 *
 * @throws RuntimeError CreateContainerConfigError when something it needs is not there
 */
export async function environmentOf(container: ContainerSpec, facts: PodFacts, source: ConfigSource): Promise<Environment> {
  const variables = new Map<string, string>();
  const skipped: string[] = [];
  for (const from of container.envFrom ?? []) {
    const values = await valuesFrom(from, facts, source);
    for (const [name, value] of values) if (isVariableName(name)) variables.set(name, value);
    const names = values.map(([name]) => name).filter((name) => !isVariableName(name));
    if (names.length > 0) skipped.push(skippedText(names.sort(), from, facts));
  }
  for (const variable of container.env ?? []) {
    const value = await valueOf(variable, variables, { container, facts, source });
    if (value === undefined) continue;
    variables.delete(variable.name);
    variables.set(variable.name, value);
  }
  return { variables, skipped };
}

/** Anything printable but an equals sign (upstream: IsRelaxedEnvVarName). */
function isVariableName(name: string): boolean {
  return /^[\x20-\x3c\x3e-\x7e]+$/.test(name);
}

function skippedText(names: readonly string[], { configMapRef, secretRef }: EnvFromSource, { pod }: PodFacts): string {
  const [kind, name] = configMapRef === undefined ? ["secret", secretRef?.name] : ["configMap", configMapRef.name];
  const from = `${kind} ${pod.metadata.namespace ?? ""}/${name ?? ""}`;
  return `Keys [${names.join(", ")}] from the EnvFrom ${from} were skipped since they are considered invalid environment variable names.`;
}

async function valuesFrom(
  { prefix = "", configMapRef, secretRef }: EnvFromSource,
  facts: PodFacts,
  source: ConfigSource,
): Promise<[string, string][]> {
  const namespace = facts.pod.metadata.namespace ?? "";
  const data = new Map<string, Buffer>();
  if (configMapRef !== undefined) {
    const name = configMapRef.name ?? "";
    const found = await source.configMap(namespace, name);
    if (found === undefined && configMapRef.optional !== true) throw notThere(`configmap "${name}" not found`);
    // Binary data is no text for a variable.
    for (const [key, value] of Object.entries(found?.data ?? {})) data.set(key, Buffer.from(value));
  }
  if (secretRef !== undefined) {
    const name = secretRef.name ?? "";
    const found = await source.secret(namespace, name);
    if (found === undefined && secretRef.optional !== true) throw notThere(`secret "${name}" not found`);
    for (const [key, value] of found === undefined ? [] : secretData(found)) data.set(key, value);
  }
  return [...data].map(([key, value]) => [`${prefix}${key}`, value.toString()]);
}

interface Surroundings {
  readonly container: ContainerSpec;
  readonly facts: PodFacts;
  readonly source: ConfigSource;
}

/** Undefined: an optional reference to what is not there. */
async function valueOf(
  { value, valueFrom }: EnvVar,
  variables: ReadonlyMap<string, string>,
  { container, facts, source }: Surroundings,
): Promise<string | undefined> {
  if (valueFrom === undefined) return expandVariables(value ?? "", variables);
  const { pod } = facts;
  const namespace = pod.metadata.namespace ?? "";
  const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef } = valueFrom;
  if (fieldRef !== undefined) return fieldValue(facts, fieldRef.fieldPath);
  if (resourceFieldRef !== undefined)
    return resourceValue(facts, containerNamed(pod, resourceFieldRef.containerName) ?? container, resourceFieldRef);
  if (configMapKeyRef !== undefined) {
    const { name = "", key, optional } = configMapKeyRef;
    const found = await source.configMap(namespace, name);
    if (found === undefined) return orMissing(optional, `configmap "${name}" not found`);
    return (
      configMapData(found).get(key)?.toString() ??
      orMissing(optional, `couldn't find key ${key} in ConfigMap ${namespace}/${name}`)
    );
  }
  if (secretKeyRef !== undefined) {
    const { name = "", key, optional } = secretKeyRef;
    const found = await source.secret(namespace, name);
    if (found === undefined) return orMissing(optional, `secret "${name}" not found`);
    return (
      secretData(found).get(key)?.toString() ?? orMissing(optional, `couldn't find key ${key} in Secret ${namespace}/${name}`)
    );
  }
  return undefined;
}

function containerNamed(pod: StoredPod, name: string | undefined): ContainerSpec | undefined {
  return [...specOf(pod).containers, ...initContainersOf(pod)].find((container) => container.name === name);
}

function orMissing(optional: boolean | undefined, message: string): string | undefined {
  if (optional !== true) throw notThere(message);
  return undefined;
}

function notThere(message: string): RuntimeError {
  return new RuntimeError("CreateContainerConfigError", message);
}
