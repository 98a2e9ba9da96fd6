import { readFile, stat } from "node:fs/promises";
import { readYaml, YamlError } from "#api/yaml/read-yaml";
import {
  EncryptionConfigurationError,
  parseEncryptionConfiguration,
  type EncryptionConfiguration,
} from "#apiserver/storage/encryption/configuration";
import { CommandFailure } from "../failure.ts";

/** @throws CommandFailure when it is not there, can be read by others, or is no configuration. Nothing of a key is said. */
export async function readEncryptionFile(file: string): Promise<EncryptionConfiguration> {
  const text = await read(file);
  try {
    return parseEncryptionConfiguration(readYaml(text));
  } catch (error) {
    if (error instanceof YamlError || error instanceof EncryptionConfigurationError)
      throw new CommandFailure(`${file}: ${error.message}`, { cause: error });
    throw error;
  }
}

async function read(file: string): Promise<string> {
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0)
      throw new CommandFailure(`${file} holds keys, and others than its owner may use it: chmod 600 ${file}`);
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"}), and without it what it encrypts is lost: bring it back, or name another with --encryption-provider-config`,
      { cause: error },
    );
  }
}
