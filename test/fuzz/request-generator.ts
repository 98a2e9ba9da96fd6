import type { Random } from "#base/random";
import { samples } from "../golden/samples/samples.ts";

/** A request as it goes over the wire, well-formed or not. */
export interface FuzzedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Requests from a seed: mostly almost right, so that they get deep into the server before something is wrong with them. */
export class RequestGenerator {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  next(): FuzzedRequest {
    const kind = this.#pick(kinds);
    const isNamed = this.#chance(0.6);
    const method = this.#chance(0.97) ? this.#pick(isNamed ? namedMethods : collectionMethods) : this.#pick(strayMethods);
    const path = `${this.#path(kind, isNamed)}${this.#query()}`;
    const accept = this.#chance(0.8) ? "application/json" : this.#pick(accepts);
    if (method === "GET") return { method, path, headers: { accept } };
    const { contentType, body } = method === "PATCH" ? this.#patch() : this.#body(kind, method);
    return { method, path, headers: { accept, "content-type": contentType }, body };
  }

  #path({ root, resource, namespaced }: FuzzedKind, isNamed: boolean): string {
    const base = this.#chance(0.97) ? root : this.#pick(strayRoots);
    const inNamespace = this.#chance(0.97) ? namespaced : !namespaced;
    const namespace = inNamespace ? `/namespaces/${this.#chance(0.95) ? "default" : this.#word()}` : "";
    const name = isNamed ? `/${this.#chance(0.93) ? this.#pick(names) : this.#word()}` : "";
    const part = isNamed && this.#chance(0.25) ? `/${this.#chance(0.9) ? this.#pick(parts) : this.#word()}` : "";
    // Node sends no others; as bytes they arrive all the same.
    const path = `${base}${namespace}/${this.#chance(0.97) ? resource : this.#word()}${name}${part}`;
    return path.replace(/[^\x21-\x7e]/g, percentEncoded);
  }

  #query(): string {
    const count = this.#chance(0.5) ? 0 : this.#below(4);
    const options = Array.from({ length: count }, () => {
      const [option, values] = this.#pick(queries);
      const value = this.#chance(0.8) ? this.#pick(values) : this.#word();
      return `${option}=${this.#chance(0.9) ? percentEncoded(value) : value.replace(/[^\x21-\x7e]|[#\s]/g, "")}`;
    });
    return count === 0 ? "" : `?${options.join("&")}`;
  }

  #body(kind: FuzzedKind, method: string): { contentType: string; body: Buffer } {
    if (method === "DELETE" && this.#chance(0.5)) return { contentType: "application/json", body: Buffer.alloc(0) };
    const sample = this.#chance(0.8) ? sampleOf(kind.kind) : this.#pick(samples);
    if (this.#chance(0.15)) {
      return { contentType: "application/vnd.kubernetes.protobuf", body: this.#spoiled(Buffer.from(sample.protobuf)) };
    }
    const named = this.#chance(0.8)
      ? { ...kind.small, metadata: { name: this.#pick(names), ...kind.metadata } }
      : this.#options();
    const object = this.#mutated(structuredClone(this.#chance(0.7) ? (named as Json) : (sample.json as Json)));
    if (this.#chance(0.1)) return { contentType: "application/yaml", body: this.#yaml(object) };
    const contentType = this.#chance(0.95) ? "application/json" : this.#pick(accepts);
    return { contentType, body: this.#json(object) };
  }

  #patch(): { contentType: string; body: Buffer } {
    const contentType = this.#pick(patchTypes);
    const patch = contentType.includes("json-patch") ? this.#operations() : this.#mutated(this.#directives());
    return { contentType, body: this.#json(patch) };
  }

  #operations(): Json {
    return Array.from({ length: this.#below(5) }, () => ({
      op: this.#pick(["add", "remove", "replace", "move", "copy", "test", "burn", "__proto__"]),
      path: this.#pick(pointers),
      from: this.#pick(pointers),
      ...(this.#chance(0.8) && { value: this.#value() }),
    }));
  }

  #directives(): Json {
    return {
      metadata: {
        labels: { [this.#word()]: this.#pick<Json>([null, "x"]) },
        $patch: this.#pick(["merge", "replace", "delete", "eat"]),
      },
      spec: {
        $retainKeys: this.#pick<Json>([["containers"], "x", 1]),
        containers: this.#pick<Json>([[{ name: "c", image: "i" }], [{ $patch: "delete", name: "c" }], [{}], "x", null, [null]]),
        "$setElementOrder/containers": this.#pick<Json>([[{ name: "c" }], ["x"], 7]),
        "$deleteFromPrimitiveList/finalizers": this.#pick<Json>([["x"], "x", { a: 1 }]),
      },
      data: { a: this.#value() },
    };
  }

  #options(): object {
    return this.#pick<object>([
      { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Foreground", gracePeriodSeconds: 1 },
      { kind: "DeleteOptions", apiVersion: "v1", preconditions: { uid: "x", resourceVersion: "1" } },
      { kind: "TokenRequest", apiVersion: "authentication.k8s.io/v1", spec: { audiences: ["a"], expirationSeconds: 600 } },
      { kind: "Binding", apiVersion: "v1", metadata: {}, target: { kind: "Node", name: "a" } },
      { kind: "Scale", apiVersion: "autoscaling/v1", metadata: {}, spec: { replicas: 3 } },
    ]);
  }

  #mutated(object: Json): Json {
    let result = object;
    for (let count = this.#chance(0.4) ? 0 : this.#below(4); count > 0; count--) result = this.#changedSomewhere(result);
    return result;
  }

  /** Goes down a random way and puts something else there. */
  #changedSomewhere(value: Json): Json {
    if (typeof value !== "object" || value === null || this.#chance(0.15)) return this.#value();
    if (Array.isArray(value)) {
      if (value.length === 0) return [this.#value()];
      const at = this.#below(value.length);
      return value.map((item, index) => (index === at ? this.#changedSomewhere(item) : item));
    }
    const keys = Object.keys(value);
    if (keys.length === 0 || this.#chance(0.1)) return withKey(value, this.#word(), this.#value());
    const key = this.#pick(keys);
    return withKey(value, key, this.#changedSomewhere(value[key] ?? null));
  }

  #value(): Json {
    return this.#chance(0.05) ? this.#nested(this.#pick([50, 2_000, 100_000])) : this.#pick<Json>(values);
  }

  /** So deep that whoever descends into it carelessly runs out of stack. */
  #nested(depth: number): Json {
    return this.#chance(0.5) ? `${deepMarker}[${depth}` : `${deepMarker}{${depth}`;
  }

  #json(value: Json): Buffer {
    const text = JSON.stringify(value)
      .replace(/"⤵(\[|\{)(\d+)"/g, (_whole, kind: string, depth: string) => deepText(kind, Number(depth)))
      .replace(/"#(-?[\d.eE+]+)"/g, "$1");
    const repeated = this.#chance(0.03) ? text.replace("{", '{"metadata":{"name":"twice"},"kind":"Twice",') : text;
    return this.#chance(0.12) ? this.#spoiled(Buffer.from(repeated)) : Buffer.from(repeated);
  }

  #yaml(value: Json): Buffer {
    if (this.#chance(0.3)) return Buffer.from(bomb);
    return this.#spoiled(Buffer.from(`# flow style is YAML, too\n${JSON.stringify(value)}\n`));
  }

  /** Cut, or with bytes that are not UTF-8, or with some exchanged. */
  #spoiled(bytes: Buffer): Buffer {
    const result = Buffer.from(bytes);
    switch (this.#below(4)) {
      case 0:
        return result.subarray(0, this.#below(result.length + 1));
      case 1:
        return Buffer.concat([result.subarray(0, this.#below(result.length + 1)), Buffer.from([0xc3, 0x28, 0xff]), result]);
      case 2:
        for (let count = 0; count < 5 && result.length > 0; count++) result[this.#below(result.length)] = this.#below(256);
        return result;
      default:
        return result;
    }
  }

  #word(): string {
    return this.#pick(words);
  }

  #below(limit: number): number {
    return Math.floor(this.#random.float() * limit);
  }

  #chance(probability: number): boolean {
    return this.#random.float() < probability;
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#below(choices.length)] as T;
  }
}

/** Unlike encodeURIComponent it takes half a surrogate pair. */
function percentEncoded(text: string): string {
  return Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
}

function withKey(object: { [key: string]: Json }, key: string, value: Json): Json {
  // Assigned, `__proto__` would change the object's prototype instead.
  return Object.fromEntries([...Object.entries(object).filter(([other]) => other !== key), [key, value]]);
}

const deepMarker = "⤵";

function deepText(kind: string, depth: number): string {
  return kind === "[" ? "[".repeat(depth) + "]".repeat(depth) : '{"a":'.repeat(depth) + "1" + "}".repeat(depth);
}

/** A few lines that stand for a thousand million. */
const bomb = [
  'a: &a ["x","x","x","x","x","x","x","x","x","x"]',
  ...Array.from("bcdefghi", (letter, index) => {
    const before = "abcdefgh".charAt(index);
    return `${letter}: &${letter} [${Array.from({ length: 10 }, () => `*${before}`).join(",")}]`;
  }),
  "metadata: {name: bomb, annotations: {a: *i}}",
].join("\n");

interface FuzzedKind {
  readonly root: string;
  readonly resource: string;
  readonly namespaced: boolean;
  readonly kind: string;
  /** The least that is accepted. */
  readonly small: object;
  readonly metadata?: object;
}

const podSpec = { containers: [{ name: "c", image: "i" }] };
const workload = { selector: { matchLabels: { a: "b" } }, template: { metadata: { labels: { a: "b" } }, spec: podSpec } };
const kinds: readonly FuzzedKind[] = [
  kind("/api/v1", "configmaps", "ConfigMap", { data: { a: "b" } }),
  kind("/api/v1", "secrets", "Secret", { stringData: { a: "b" } }),
  kind("/api/v1", "pods", "Pod", { spec: podSpec }),
  kind("/api/v1", "pods", "Pod", { spec: podSpec }),
  kind("/api/v1", "services", "Service", { spec: { ports: [{ port: 80 }] } }),
  kind("/api/v1", "serviceaccounts", "ServiceAccount", {}),
  kind("/api/v1", "events", "Event", { involvedObject: { namespace: "default" } }, { namespace: "default" }),
  kind("/apis/apps/v1", "deployments", "Deployment", { spec: workload }),
  kind("/apis/apps/v1", "replicasets", "ReplicaSet", { spec: workload }),
  kind("/apis/coordination.k8s.io/v1", "leases", "Lease", { spec: { holderIdentity: "x" } }),
  kind("/apis/discovery.k8s.io/v1", "endpointslices", "EndpointSlice", { addressType: "IPv4", endpoints: [] }),
  { ...kind("/api/v1", "nodes", "Node", {}), namespaced: false },
  { ...kind("/api/v1", "namespaces", "Namespace", {}), namespaced: false },
  { ...kind("/apis/scheduling.k8s.io/v1", "priorityclasses", "PriorityClass", { value: 1 }), namespaced: false },
];

function kind(root: string, resource: string, name: string, small: object, metadata: object = {}): FuzzedKind {
  const apiVersion = root.replace(/^\/apis?\//, "");
  return { root, resource, namespaced: true, kind: name, small: { apiVersion, kind: name, ...small }, metadata };
}

function sampleOf(kindName: string): (typeof samples)[number] {
  const found = samples.find(({ name }) => name.endsWith(`.${kindName}`));
  if (found === undefined) throw new Error(`there is no sample of a ${kindName}`);
  return found;
}

const namedMethods = ["GET", "PUT", "PUT", "PATCH", "PATCH", "PATCH", "DELETE"];
const collectionMethods = ["GET", "POST", "POST", "POST", "POST", "POST"];
/** No DELETE of whole collections but by accident: without the account of its namespace no pod could be made. */
const strayMethods = ["GET", "POST", "PUT", "PATCH", "PROPFIND", "OPTIONS"];
const strayRoots = ["/api/v2", "/apis/none/v9", "/apis/apps/v1beta1", "/api/v1"];
const parts = ["status", "scale", "log", "binding", "token", "exec", "finalize", "proxy/x/y", "ephemeralcontainers"];
const names = ["a", "b", "c", "d"];
const words = [
  "__proto__",
  "constructor",
  "toString",
  "..",
  "%2e%2e",
  "%00",
  "%",
  "a b",
  "ä",
  "💥",
  "A",
  "x".repeat(300),
  "",
  "-",
  "a/b",
  "{}",
  "[]",
  "null",
  "'\"<>",
  "a\u0000b",
  "\uD800",
];
const accepts = [
  "application/json",
  "application/json",
  "*/*",
  "",
  "application/yaml",
  "application/json;as=Table;v=v1;g=meta.k8s.io",
  "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json",
  "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
  "application/vnd.kubernetes.protobuf",
  "text/html",
  ";;;=,,,q=9",
  "application/json;q=x;as=__proto__",
];
const patchTypes = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
  "application/nonsense",
];
const pointers = [
  "",
  "/",
  "/metadata",
  "/metadata/labels/a",
  "/metadata/name",
  "/spec",
  "/spec/containers/0",
  "/spec/containers/-",
  "/data/a",
  "/__proto__/x",
  "/constructor/prototype/x",
  "no",
  "/a~2b",
  "/spec/containers/99999999999999999999",
  "/metadata/resourceVersion",
];
/** Versions stay in the past, that no request waits. */
const queries: readonly (readonly [string, readonly string[]])[] = [
  ["limit", ["1", "0", "-1", "500", "9999999999999999999999", "1.5", "x"]],
  [
    "continue",
    [
      "x",
      "e30",
      Buffer.from('{"v":"meta.k8s.io/v1","rv":1,"start":"/registry/"}').toString("base64url"),
      Buffer.from('{"v":"meta.k8s.io/v1","rv":-1,"start":""}').toString("base64url"),
    ],
  ],
  ["resourceVersion", ["0", "1", "", "-1", "1e3", "0x1", "00000000000000000000001"]],
  ["resourceVersionMatch", ["Exact", "NotOlderThan", "Nonsense", ""]],
  ["labelSelector", ["a=b", "a in (b,c)", "!a", "a notin ()", "((((", "a=b,,", "a>1", "a in (b", "x".repeat(2000)]],
  [
    "fieldSelector",
    [
      "metadata.name=a",
      "metadata.namespace!=x",
      "spec.nodeName=",
      "status.phase=Running",
      "x=y",
      "a\\",
      "metadata.name=a\\,b",
      "==",
      "__proto__=x",
    ],
  ],
  ["dryRun", ["All", "all", "", "None"]],
  ["fieldValidation", ["Strict", "Warn", "Ignore", "strict"]],
  ["fieldManager", ["m", "x".repeat(200), "\u0007"]],
  ["force", ["true", "x"]],
  ["gracePeriodSeconds", ["0", "-5", "x", "1e400", "99999999999"]],
  ["propagationPolicy", ["Foreground", "Orphan", "Background", "Nonsense"]],
  ["orphanDependents", ["true", "x"]],
  ["timeoutSeconds", ["1", "-1", "x"]],
  ["timeout", ["1s", "x", "-1s", "1h"]],
  ["includeObject", ["None", "Metadata", "Object", "Everything"]],
  ["pretty", ["true"]],
  ["container", ["c", ".."]],
  ["tailLines", ["-1", "x", "99999999999999"]],
  ["sendInitialEvents", ["true", "x"]],
];
/** `#` marks numbers that JavaScript would not write like that. */
const values: readonly Json[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  "#1e400",
  "#-0",
  "#99999999999999999999999999",
  "#1E-400",
  "",
  "x",
  "x".repeat(5_000),
  "1e999999999",
  "9".repeat(400),
  "0.000000000000000000000000000001",
  "1Ei",
  "\u0000",
  "\uD800",
  "💥",
  [],
  {},
  [[]],
  [null],
  [{}],
  { a: null },
  { "": "" },
  Object.fromEntries([["__proto__", { polluted: true }]]),
  { constructor: { prototype: { polluted: true } } },
  { toString: 1, valueOf: null, hasOwnProperty: "x" },
  "2026-13-45T99:99:99Z",
  "9999-12-31T23:59:59Z",
  "${jndi}",
];
