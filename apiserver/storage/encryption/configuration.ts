/** What values are written by, and read by: the first writes, all read. */
export type Provider = { readonly type: "identity" } | { readonly type: "aesgcm"; readonly keys: readonly EncryptionKey[] };

export interface EncryptionKey {
  readonly name: string;
  readonly secret: Uint8Array;
}

export interface EncryptionRule {
  /** `secrets`, `deployments.apps`; `*.apps`, `*.` (of the core group) and `*.*` stand for many. */
  readonly resources: readonly string[];
  readonly providers: readonly Provider[];
}

/** Of a resource that several rules name, the first counts. */
export interface EncryptionConfiguration {
  readonly rules: readonly EncryptionRule[];
}

/** Says which field is wrong, and never what a key is. */
export class EncryptionConfigurationError extends Error {
  override readonly name = "EncryptionConfigurationError";
}

const apiVersion = "apiserver.config.k8s.io/v1";
const kind = "EncryptionConfiguration";
const keySizes = [16, 24, 32];

/**
 * Upstream's EncryptionConfiguration (apiserver.config.k8s.io/v1), with the providers aesgcm and identity. What is not understood is
 * refused: a setting of this kind must not be dropped in silence. @throws EncryptionConfigurationError
 */
export function parseEncryptionConfiguration(document: unknown): EncryptionConfiguration {
  const root = record(document, "the configuration", ["apiVersion", "kind", "resources"]);
  if (root["apiVersion"] !== apiVersion || root["kind"] !== kind) refuse("it", `is not a ${kind} of ${apiVersion}`);
  return { rules: list(root["resources"], "resources").map((item, index) => ruleOf(item, `resources[${index}]`)) };
}

function ruleOf(item: unknown, path: string): EncryptionRule {
  const { resources, providers } = record(item, path, ["resources", "providers"]);
  const names = list(resources, `${path}.resources`).map((name, index) => resourceOf(name, `${path}.resources[${index}]`));
  if (new Set(names).size < names.length) refuse(`${path}.resources`, "names a resource twice");
  return {
    resources: names,
    providers: list(providers, `${path}.providers`).map((provider, index) => providerOf(provider, `${path}.providers[${index}]`)),
  };
}

function resourceOf(name: unknown, path: string): string {
  const text = string(name, path);
  if (text === "*") refuse(path, "is *. of all core resources, or *.* of all resources, and not *");
  if (!/^(\*|[a-z0-9-]+)(\.[a-z0-9.-]*|\.\*)?$/.test(text) || /^[^*].*\.\*$/.test(text)) refuse(path, `is no resource: ${text}`);
  return text;
}

function providerOf(item: unknown, path: string): Provider {
  const provider = record(item, path);
  const [type, ...others] = Object.keys(provider);
  if (type === undefined || others.length > 0) refuse(path, "has one provider");
  if (type === "aesgcm") return { type, keys: keysOf(provider[type], `${path}.aesgcm`) };
  if (type !== "identity") refuse(path, `has the provider ${type}, which is not supported: aesgcm and identity are`);
  record(provider[type], `${path}.identity`, []);
  return { type };
}

function keysOf(aesgcm: unknown, path: string): EncryptionKey[] {
  const { keys } = record(aesgcm, path, ["keys"]);
  return list(keys, `${path}.keys`).map((item, index) => {
    const at = `${path}.keys[${index}]`;
    const { name, secret } = record(item, at, ["name", "secret"]);
    return { name: keyName(name, `${at}.name`), secret: secretOf(secret, `${at}.secret`) };
  });
}

/** It stands before a colon in what is stored. */
function keyName(value: unknown, path: string): string {
  const name = string(value, path);
  if (name === "" || name.includes(":")) refuse(path, "has at least one character and no colon");
  return name;
}

function secretOf(value: unknown, path: string): Uint8Array {
  const text = string(value, path);
  const secret = Buffer.from(text, "base64");
  if (secret.toString("base64") !== text) refuse(path, "is base64, of 16, 24 or 32 bytes");
  if (!keySizes.includes(secret.length)) refuse(path, `has 16, 24 or 32 bytes, and not ${secret.length}`);
  return secret;
}

function record(value: unknown, path: string, fields?: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(path, "is an object");
  const unknown = fields === undefined ? undefined : Object.keys(value).find((field) => !fields.includes(field));
  if (unknown !== undefined) refuse(path, `has an unknown field: ${unknown}`);
  return value as Record<string, unknown>;
}

function list(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0) refuse(path, "is a list of at least one");
  return value as readonly unknown[];
}

function string(value: unknown, path: string): string {
  if (typeof value !== "string") refuse(path, "is text");
  return value;
}

function refuse(path: string, problem: string): never {
  throw new EncryptionConfigurationError(`${path} ${problem}`);
}
