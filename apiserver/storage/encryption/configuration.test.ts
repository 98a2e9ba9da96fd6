import { describe, expect, it } from "vitest";
import { readYaml } from "#api/yaml/read-yaml";
import { EncryptionConfigurationError, parseEncryptionConfiguration } from "./configuration.ts";

const secret = Buffer.alloc(32, 7).toString("base64");
const of = (rest: string): string => `apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n${rest}`;
const rule = (providers: string, resources = "[secrets]"): string =>
  of(`resources:\n- resources: ${resources}\n  providers: ${providers}\n`);
const key = (fields = `name: key1, secret: ${secret}`): string => rule(`[{aesgcm: {keys: [{${fields}}]}}, {identity: {}}]`);

describe("an EncryptionConfiguration", () => {
  it("is read as upstream's documentation writes it", () => {
    const text = of(`
resources:
  - resources:
      - secrets
      - configmaps
    providers:
      - aesgcm:
          keys:
            - name: key2
              secret: c2VjcmV0IGlzIHNlY3VyZQ==
            - name: key1
              secret: ${secret}
      - identity: {}
  - resources: ["*.apps", "*.", "*.*", "leases.coordination.k8s.io"]
    providers:
      - identity: {}
`);
    expect(parseEncryptionConfiguration(readYaml(text))).toEqual({
      rules: [
        {
          resources: ["secrets", "configmaps"],
          providers: [
            {
              type: "aesgcm",
              keys: [
                { name: "key2", secret: Buffer.from("secret is secure") },
                { name: "key1", secret: Buffer.alloc(32, 7) },
              ],
            },
            { type: "identity" },
          ],
        },
        { resources: ["*.apps", "*.", "*.*", "leases.coordination.k8s.io"], providers: [{ type: "identity" }] },
      ],
    });
  });

  it.each([16, 24, 32])("takes keys of %i bytes", (size) => {
    const secretOfSize = Buffer.alloc(size, 1).toString("base64");
    expect(() => parseEncryptionConfiguration(readYaml(key(`name: a, secret: ${secretOfSize}`)))).not.toThrow();
  });

  it.each<[string, string]>([
    ["", "the configuration is an object"],
    ["apiVersion: v1\nkind: EncryptionConfig\nresources: []", "is not a EncryptionConfiguration of apiserver.config.k8s.io/v1"],
    [of(""), "resources is a list of at least one"],
    [of("resources: []"), "resources is a list of at least one"],
    [of("resource: []"), "unknown field: resource"],
    [rule("[]"), "resources[0].providers is a list of at least one"],
    [rule("[{identity: {}}]", "[]"), "resources[0].resources is a list of at least one"],
    [rule("[{identity: {}}]", '["*"]'), "is *. of all core resources, or *.* of all resources, and not *"],
    [rule("[{identity: {}}]", '["deployments.*"]'), "is no resource: deployments.*"],
    [rule("[{identity: {}}]", '["Secrets"]'), "is no resource: Secrets"],
    [rule("[{identity: {}}]", "[secrets, secrets]"), "names a resource twice"],
    [rule("[{identity: {a: b}}]"), "resources[0].providers[0].identity has an unknown field: a"],
    [rule("[{identity: {}, aesgcm: {}}]"), "resources[0].providers[0] has one provider"],
    [rule("[{}]"), "resources[0].providers[0] has one provider"],
    [rule("[{aescbc: {keys: []}}]"), "has the provider aescbc, which is not supported: aesgcm and identity are"],
    [rule("[{secretbox: {keys: []}}]"), "has the provider secretbox, which is not supported"],
    [rule("[{kms: {name: a, endpoint: unix:///a}}]"), "has the provider kms, which is not supported"],
    [rule("[{aesgcm: {keys: []}}]"), "aesgcm.keys is a list of at least one"],
    [key("name: a"), "keys[0].secret is text"],
    [key(`name: a, secret: ${secret}, more: 1`), "keys[0] has an unknown field: more"],
    [key(`name: "a:b", secret: ${secret}`), "keys[0].name has at least one character and no colon"],
    [key("name: a, secret: not base64!"), "keys[0].secret is base64"],
    [key("name: a, secret: c2hvcnQ="), "keys[0].secret has 16, 24 or 32 bytes, and not 5"],
  ])("is refused in words that name the field: %s", (text, words) => {
    const parse = (): unknown => parseEncryptionConfiguration(readYaml(text));
    expect(parse).toThrow(EncryptionConfigurationError);
    expect(parse).toThrow(words);
  });

  it("is refused without saying what the key is", () => {
    const almost = `${secret.slice(0, -2)}!!`;
    const parse = (): unknown => parseEncryptionConfiguration(readYaml(key(`name: a, secret: "${almost}"`)));
    expect(parse).toThrow(/^(?!.*BwcHBw)/s);
  });
});
