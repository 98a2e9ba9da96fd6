import type { ServedDefinition } from "#api/definition";
import type { Random } from "#base/random";
import { EncryptedStorage } from "./storage/encryption/encrypted-storage.ts";
import { EncryptionConfigurationError, type EncryptionConfiguration, type Provider } from "./storage/encryption/configuration.ts";
import { ValueCipher } from "./storage/encryption/value-cipher.ts";
import type { Storage } from "./storage/storage.ts";

type Type = ServedDefinition["type"];

const plain: readonly Provider[] = [{ type: "identity" }];

/**
 * What each kind is read from and written to. Without a configuration only Secrets are looked at, for being encrypted: whoever has
 * lost the configuration is to be told so. @throws EncryptionConfigurationError for a resource that is not there
 */
export function storageForKinds(
  storage: Storage,
  types: readonly Type[],
  configuration: EncryptionConfiguration | undefined,
  random: Random,
): (type: Type) => Storage {
  const encrypted = (providers: readonly Provider[]): Storage =>
    new EncryptedStorage(storage, new ValueCipher(providers, random));
  if (configuration === undefined)
    return ({ group, resource }) => (`${resource}.${group}` === "secrets." ? encrypted(plain) : storage);
  const { rules } = configuration;
  for (const name of rules.flatMap(({ resources }) => resources)) {
    if (!types.some((type) => names(name, type)))
      throw new EncryptionConfigurationError(`resources: there is no ${name} that could be encrypted`);
  }
  return (type) => encrypted(rules.find(({ resources }) => resources.some((name) => names(name, type)))?.providers ?? plain);
}

/** `secrets`, `deployments.apps`, `*.apps`, `*.`, `*.*`. */
function names(name: string, { group, resource }: Type): boolean {
  const dot = name.indexOf(".");
  const [wanted, of] = dot < 0 ? [name, ""] : [name.slice(0, dot), name.slice(dot + 1)];
  return (wanted === "*" || wanted === resource) && (of === group || name === "*.*");
}
