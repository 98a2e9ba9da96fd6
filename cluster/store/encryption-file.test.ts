import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readEncryptionFile } from "./encryption-file.ts";

const configuration = `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - aesgcm: {keys: [{name: key1, secret: c2VjcmV0IGlzIHNlY3VyZQ==}]}
  - identity: {}
`;

describe("the file with an EncryptionConfiguration", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "skiff-encryption-"));
    file = join(folder, "encryption.yaml");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("is read when it is its owner's alone", async () => {
    writeFileSync(file, configuration, { mode: 0o600 });
    expect((await readEncryptionFile(file)).rules).toHaveLength(1);
  });

  it.each([0o640, 0o604, 0o660, 0o644])("is refused with mode %o, and what to do is said", async (mode) => {
    writeFileSync(file, configuration);
    chmodSync(file, mode);
    await expect(readEncryptionFile(file)).rejects.toThrow(`chmod 600 ${file}`);
  });

  it("is named when it is gone, no YAML, or not a configuration", async () => {
    await expect(readEncryptionFile(file)).rejects.toThrow(/encryption.yaml cannot be read \(ENOENT\), and without it/);
    writeFileSync(file, "a: [", { mode: 0o600 });
    await expect(readEncryptionFile(file)).rejects.toThrow(/encryption.yaml: yaml: line/);
    writeFileSync(file, configuration.replace("aesgcm", "aescbc"));
    await expect(readEncryptionFile(file)).rejects.toThrow(/encryption.yaml: .*aescbc, which is not supported/);
  });
});
