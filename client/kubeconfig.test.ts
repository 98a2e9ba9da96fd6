import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "js-yaml";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readKubeconfig, readKubeconfigs, removeFromKubeconfig, writeKubeconfig } from "./kubeconfig.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kubeconfig-"));
  path = join(folder, ".kube", "config");
});
afterEach(() => rmSync(folder, { recursive: true }));

const ours = { name: "skiff", server: "https://127.0.0.1:6443", ca: "CA", cert: "CERT", key: "KEY" };

const theirs = `apiVersion: v1
kind: Config
clusters:
- name: work
  cluster: { server: "https://work.example", certificate-authority: work-ca.pem, extra: { kept: true } }
users:
- name: me
  user: { token: secret }
contexts:
- name: work
  context: { cluster: work, user: me, namespace: team }
current-context: work
preferences: { colors: true }
`;

describe("a kubeconfig that we write", () => {
  test("is read back, and only its owner may read it", () => {
    writeKubeconfig(path, ours, { setCurrent: true });
    expect(readKubeconfig(path)).toEqual({ server: ours.server, ca: "CA", cert: "CERT", key: "KEY" });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("keeps what others put there, and is theirs again when ours is removed", () => {
    writeKubeconfig(path, ours, { setCurrent: true });
    writeFileSync(path, theirs);
    writeKubeconfig(path, ours, { setCurrent: true });
    writeKubeconfig(path, { ...ours, server: "https://127.0.0.1:7443" }, { setCurrent: true });
    expect(readKubeconfig(path).server).toBe("https://127.0.0.1:7443");
    removeFromKubeconfig(path, "skiff");
    expect(load(readFileSync(path, "utf8"))).toEqual({ ...(load(theirs) as object), "current-context": "" });
  });

  test("does not become current unless asked to", () => {
    writeKubeconfig(path, ours, { setCurrent: true });
    writeFileSync(path, theirs);
    writeKubeconfig(path, ours, { setCurrent: false });
    writeFileSync(join(folder, ".kube", "work-ca.pem"), "WORK CA");
    expect(readKubeconfig(path)).toEqual({ server: "https://work.example", ca: "WORK CA", token: "secret" });
    expect(readKubeconfig(path, "skiff").server).toBe(ours.server);
  });

  test("is refused while another program holds kubectl's lock", () => {
    writeKubeconfig(path, ours, { setCurrent: true });
    writeFileSync(`${path}.lock`, "");
    expect(() => writeKubeconfig(path, ours, { setCurrent: true })).toThrow(/config\.lock exists: another program/);
  });

  test("stays a link when it is one", () => {
    writeKubeconfig(path, ours, { setCurrent: true });
    const link = join(folder, "link");
    symlinkSync(path, link);
    writeKubeconfig(link, { ...ours, server: "https://127.0.0.1:7443" }, { setCurrent: true });
    expect(readKubeconfig(path).server).toBe("https://127.0.0.1:7443");
  });

  test.skipIf(process.getuid?.() !== 0)("belongs to whom it is given (needs root to give)", () => {
    writeKubeconfig(path, ours, { setCurrent: true, owner: { uid: 1234, gid: 2345 } });
    writeKubeconfig(path, ours, { setCurrent: true });
    const { uid, gid } = statSync(path);
    expect([uid, gid]).toEqual([1234, 2345]);
  });
});

test("what is missing in a kubeconfig is named", () => {
  writeKubeconfig(path, ours, { setCurrent: false });
  expect(() => readKubeconfig(path)).toThrow(`${path} has no current-context`);
  expect(() => readKubeconfig(path, "other")).toThrow(`${path} has no context "other"`);
});

describe("several kubeconfigs", () => {
  const second = (): string => {
    const other = join(folder, "second");
    writeFileSync(other, theirs);
    writeFileSync(join(folder, "work-ca.pem"), "WORK CA");
    return other;
  };

  test("add to each other, and the first that names a thing wins", () => {
    writeKubeconfig(path, { ...ours, name: "skiff" }, { setCurrent: true });
    const files = [join(folder, "nothing here"), path, second()];
    expect(readKubeconfigs(files)).toMatchObject({ transport: { server: ours.server, cert: "CERT" }, namespace: undefined });
    expect(readKubeconfigs(files.toReversed()).transport.server).toBe("https://work.example");
    expect(readKubeconfigs(files, "work")).toEqual({
      transport: { server: "https://work.example", ca: "WORK CA", token: "secret" },
      namespace: "team",
    });
  });

  test("without any the server is the local one, as for kubectl", () => {
    expect(readKubeconfigs([join(folder, "nothing here")])).toEqual({
      transport: { server: "http://localhost:8080" },
      namespace: undefined,
    });
  });

  test("name what is missing in them", () => {
    const files = [second()];
    expect(() => readKubeconfigs(files, "nope")).toThrow(
      "Error in configuration: context was not found for specified context: nope",
    );
    writeFileSync(join(folder, "broken"), theirs.replace("cluster: work", "cluster: gone"));
    expect(() => readKubeconfigs([join(folder, "broken")])).toThrow('cluster "gone" was not found for context "work"');
    writeFileSync(join(folder, "exec"), theirs.replace("{ token: secret }", "{ exec: { command: x } }"));
    expect(() => readKubeconfigs([join(folder, "exec")])).toThrow('user "me" gets its credentials from another program');
  });
});
