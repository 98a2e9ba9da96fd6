import { chmodSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemRandom } from "#base/random";
import { whyNot } from "./requirements.ts";
import { TestCluster, type Kubectl } from "./test-cluster.ts";

const reason = whyNot({ tools: ["etcd"], kubectl: ["1.33"] });

/** Neither as it is, nor as JSON has it, nor as a last-applied annotation would. */
const plain = "hunter2-is-the-password";
const forms = [plain, Buffer.from(plain).toString("base64"), "hunter2"];

describe.skipIf(reason !== "").each(["embedded", "etcd"])(
  `secrets at rest in the %s store${reason && ` (skipped: ${reason})`}`,
  (store) => {
    let cluster: TestCluster;
    let kubectl: Kubectl;
    let file: string;
    const secrets = ["one", "two"].map((name) => ({ name, secret: Buffer.from(systemRandom.bytes(32)).toString("base64") }));

    const configure = (providers: readonly object[]): void => {
      const resources = [{ resources: ["secrets"], providers }];
      writeFileSync(
        file,
        JSON.stringify({ apiVersion: "apiserver.config.k8s.io/v1", kind: "EncryptionConfiguration", resources }),
      );
      chmodSync(file, 0o600);
    };
    const filesBelow = (folder: string): string[] =>
      readdirSync(folder).flatMap((name) => {
        const path = join(folder, name);
        return statSync(path).isDirectory() ? filesBelow(path) : [path];
      });
    /** In which of the forms it is in the store's files. */
    const found = (): string[] => {
      const bytes = filesBelow(join(cluster.folder, "state", cluster.name, "store")).map((path) => readFileSync(path));
      expect(bytes.some((content) => content.includes("open-to-everybody"))).toBe(true);
      return forms.filter((form) => bytes.some((content) => content.includes(form)));
    };
    const restart = async (): Promise<void> => {
      expect((await cluster.skiff(["down"])).code).toBe(0);
      await cluster.up();
    };

    beforeAll(async () => {
      cluster = await TestCluster.create(`e2e-encrypted-${store}`);
      file = join(cluster.folder, "encryption.yaml");
      configure([{ aesgcm: { keys: secrets.slice(0, 1) } }, { identity: {} }]);
      await cluster.up("--nodes", "0", "--store", store, "--encryption-provider-config", file);
      kubectl = cluster.kubectl("1.33");
      await kubectl.do(["create", "configmap", "open", "--from-literal=a=open-to-everybody"]);
    });
    afterAll(() => (cluster as TestCluster | undefined)?.remove());

    it("are nowhere in its files or in a snapshot, and kubectl does not notice", async () => {
      await kubectl.do(["create", "secret", "generic", "s", `--from-literal=password=${plain}`]);
      await kubectl.do(["label", "secret", "s", "changed=yes"]);
      expect(await kubectl.do(["get", "secret", "s", "-o", "jsonpath={.data.password}"])).toBe(forms[1]);
      expect(found()).toEqual([]);
      const snapshot = join(cluster.folder, "one.snapshot");
      expect((await cluster.skiff(["snapshot", "save", snapshot])).code).toBe(0);
      const saved = readFileSync(snapshot);
      expect(forms.filter((form) => saved.includes(form))).toEqual([]);
      expect(saved.includes("k8s:enc:aesgcm:v1:one:")).toBe(true);
    });

    it("go over to a new key by upstream's recipe, and need the old one no more", async () => {
      configure([{ aesgcm: { keys: [...secrets].reverse() } }]);
      await restart();
      await kubectl.do(["replace", "-f", "-"], await kubectl.do(["get", "secrets", "--all-namespaces", "-o", "json"]));
      configure([{ aesgcm: { keys: secrets.slice(1) } }]);
      await restart();
      expect(await kubectl.do(["get", "secret", "s", "-o", "jsonpath={.data.password}"])).toBe(forms[1]);
      expect(found()).toEqual([]);
    });

    it("are not lost with the file in silence", async () => {
      expect((await cluster.skiff(["down"])).code).toBe(0);
      renameSync(file, `${file}.aside`);
      const lost = await cluster.skiff(["up"]);
      expect(lost.code).toBe(1);
      expect(lost.stderr).toMatch(/encryption\.yaml cannot be read \(ENOENT\), and without it what it encrypts is lost/);
      renameSync(`${file}.aside`, file);
      chmodSync(file, 0o644);
      expect((await cluster.skiff(["up"])).stderr).toContain("chmod 600");
      chmodSync(file, 0o600);
      await cluster.up();
      const other = await cluster.skiff(["up"], ["--encryption-provider-config", `${file}.aside`]);
      expect(other.code).toBe(1);
      expect(await kubectl.do(["get", "secret", "s", "-o", "jsonpath={.data.password}"])).toBe(forms[1]);
    });
  },
);
