import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "#base/package-root";
import { importsOf, sourceFiles, type Import } from "./imports.ts";

/** Who may import whom: docs/architecture.md draws it. Components meet at the API alone. */
const layers: Readonly<Record<string, readonly string[]>> = {
  base: [],
  api: ["base"],
  client: ["api", "base"],
  apiserver: ["api", "base"],
  scheduler: ["client", "api", "base"],
  "controller-manager": ["client", "api", "base"],
  "node-agent": ["client", "api", "base"],
  cluster: ["apiserver", "scheduler", "controller-manager", "node-agent", "client", "api", "base"],
  cli: ["cluster", "client", "api", "base"],
};

/** Inside the API server a request goes one way. The composition at its root sees all of it. */
const apiserverOrder = ["http", "discovery", "authn", "authz", "admission", "registry", "watch", "storage"];

/** Types that a later stage may use of an earlier one: who asks, and what it looks at. */
const sharedTypes = new Set([
  "apiserver/authn/user",
  "apiserver/registry/reader",
  "apiserver/admission/admission",
  "apiserver/api-server",
]);

/** Where each npm package is at home, so that replacing one is a local change. */
const homes: Readonly<Record<string, readonly string[]>> = {
  "@peculiar/x509": ["cluster/pki/"],
  commander: ["cli/"],
  etcd3: ["apiserver/storage/etcd/"],
  express: ["apiserver/http/", "node-agent/http/"],
  "fast-json-patch": ["api/patch/"],
  "ipaddr.js": ["cluster/", "node-agent/network/"],
  jose: ["apiserver/authn/"],
  "js-yaml": ["api/yaml/", "client/", "cluster/commands/", "cli/"],
  koffi: ["node-agent/"],
  lmdb: ["apiserver/storage/embedded/"],
  picocolors: ["cli/"],
  pino: ["base/"],
  "prom-client": ["apiserver/http/"],
  protobufjs: ["api/protobuf/", "apiserver/discovery/"],
  "reflect-metadata": ["cluster/pki/"],
  rxjs: ["client/", "controller-manager/", "scheduler/"],
  "tar-stream": ["node-agent/images/", "cluster/"],
  ws: ["apiserver/http/", "node-agent/http/exec/"],
};

const files = sourceFiles(Object.keys(layers));
const isTest = (file: string): boolean => /\.(real\.)?test\.ts$|conformance\.ts$|\.testing\.ts$/.test(file);
const imports = files.filter((file) => !isTest(file)).flatMap(importsOf);
const folderOf = (path: string): string => path.split("/")[0] ?? "";
const text = ({ from, specifier }: Import): string => `${from} imports ${specifier}`;

describe("layers", () => {
  it("finds the sources it is about", () => {
    expect(files.length).toBeGreaterThan(100);
    expect(imports.length).toBeGreaterThan(files.length);
  });

  it("lets a folder import only what lies below it", () => {
    const wrong = imports.filter(({ kind, from, to }) => {
      if (kind !== "source" || folderOf(from) === folderOf(to)) return false;
      return !(layers[folderOf(from)] ?? []).includes(folderOf(to));
    });
    expect(wrong.map(text)).toEqual([]);
  });

  it("makes every crossing of folders visible by #, and none inside a folder", () => {
    const wrong = imports.filter(
      ({ kind, from, to, specifier }) => kind === "source" && (folderOf(from) !== folderOf(to)) !== specifier.startsWith("#"),
    );
    expect(wrong.map(text)).toEqual([]);
  });

  it("sends a request through the API server one way", () => {
    const stage = (path: string): number => apiserverOrder.indexOf(path.split("/")[1] ?? "");
    const wrong = imports.filter(({ kind, from, to }) => {
      if (kind !== "source" || folderOf(from) !== "apiserver" || folderOf(to) !== "apiserver") return false;
      if (stage(from) === -1 || stage(to) === -1 || sharedTypes.has(to)) return false;
      return stage(to) < stage(from);
    });
    expect(wrong.map(text)).toEqual([]);
  });

  it("names only files that exist", () => {
    const missing = imports.filter(({ kind, to }) => kind === "source" && !existsSync(join(packageRoot, `${to}.ts`)));
    expect(missing.map(text)).toEqual([]);
  });
});

describe("packages", () => {
  const { dependencies } = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };

  it("are imported at home only", () => {
    const wrong = imports.filter(
      ({ kind, from, to }) => kind === "package" && !(homes[to] ?? []).some((home) => from.startsWith(home)),
    );
    expect(wrong.map(text)).toEqual([]);
  });

  it("are all declared, pinned, and written by their node: name when they are Node's own", () => {
    const used = new Set(imports.filter(({ kind }) => kind === "package").map(({ to }) => to));
    expect([...used].filter((name) => !Object.hasOwn(dependencies, name))).toEqual([]);
    expect(Object.entries(dependencies).filter(([, version]) => !/^\d/.test(version))).toEqual([]);
  });
});

describe("docs/architecture.md", () => {
  const page = readFileSync(join(packageRoot, "docs/architecture.md"), "utf8").replace(/ +/g, " ");
  const rowOf = ([name, values]: readonly [string, readonly string[]]): string =>
    `| \`${name}\` | ${values.length === 0 ? "nothing" : values.map((value) => `\`${value}\``).join(", ")} |`;

  it.each([...Object.entries(layers), ...Object.entries(homes)].map((entry) => [rowOf(entry)]))("says %s", (row) => {
    expect(page).toContain(row);
  });
});

describe("hygiene", () => {
  const rules: readonly { pattern: RegExp; instead: string; except: readonly string[] }[] = [
    { pattern: /\bDate\.now\(|\bnew Date\(\)/, instead: "take a Clock from base/ and call now()", except: ["base/clock.ts"] },
    {
      pattern: /\bMath\.random\(|\brandomUUID\(|\brandomBytes\(/,
      instead: "take a Random from base/",
      except: ["base/random.ts"],
    },
    {
      pattern: /\bset(Timeout|Interval|Immediate)\(|timers\/promises|AbortSignal\.timeout/,
      instead: "take a Clock from base/ and call sleep()",
      except: ["base/clock.ts", "base/fake-clock.ts"],
    },
    {
      pattern: /\bprocess\.env\b/,
      instead: "pass it in: only main.ts and cli/ read the environment",
      except: ["cli/", "cluster/state/cluster-config.ts"],
    },
    { pattern: /\b(TODO|FIXME|XXX|HACK)\b/, instead: "do it, or file it", except: [] },
  ];
  it.each(rules)("$pattern is nowhere: $instead", ({ pattern, except }) => {
    const found = files.filter((file) => {
      if (isTest(file) || file.endsWith("/main.ts") || except.some((allowed) => file.startsWith(allowed))) return false;
      return pattern.test(readFileSync(join(packageRoot, file), "utf8"));
    });
    expect(found).toEqual([]);
  });
});
