import { Readable } from "node:stream";
import type { Clock } from "#base/clock";
import type { RegistryAuth } from "./image-service.ts";
import { ImageError } from "./image-service.ts";
import type { Endpoint } from "./registry-endpoints.ts";

/** A registry that says nothing for so long is taken for dead. */
const silenceMs = 30_000;
const largestManifest = 4 * 1024 * 1024;

export interface RegistryClientOptions {
  readonly clock: Clock;
  readonly endpoint: Endpoint;
  readonly repository: string;
  readonly auth?: RegistryAuth;
  readonly signal: AbortSignal;
}

/** Carries the status, so that a caller can tell an image that is not there from a registry that is not. */
export class RegistryResponseError extends Error {
  override readonly name = "RegistryResponseError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Reads one repository of one registry over the distribution API (v2). */
export class RegistryClient {
  readonly #options: RegistryClientOptions;
  #authorization: string | undefined;

  constructor(options: RegistryClientOptions) {
    this.#options = options;
  }

  /** @param reference a tag or a digest */
  async manifest(reference: string, accept: readonly string[]): Promise<{ bytes: Buffer; mediaType: string }> {
    const response = await this.#get(`manifests/${reference}`, { accept: accept.join(", ") });
    const bytes = await readAll(this.#body(response), largestManifest);
    return { bytes, mediaType: response.headers.get("content-type")?.split(";")[0] ?? "" };
  }

  async blob(digest: string): Promise<Readable> {
    return this.#body(await this.#get(`blobs/${digest}`, {}));
  }

  async #get(path: string, headers: Readonly<Record<string, string>>): Promise<Response> {
    const url = `${this.#options.endpoint.origin}/v2/${this.#options.repository}/${path}`;
    let response = await this.#fetch(url, headers);
    const challenge = response.headers.get("www-authenticate");
    if (response.status === 401 && challenge !== null) {
      await response.body?.cancel();
      this.#authorization = await this.#answer(challenge);
      response = await this.#fetch(url, headers);
    }
    if (response.ok) return response;
    throw new RegistryResponseError(response.status, await describe(response, url));
  }

  async #fetch(url: string, headers: Readonly<Record<string, string>>): Promise<Response> {
    const silent = new AbortController();
    const answered = new AbortController();
    void this.#options.clock.sleep(silenceMs, answered.signal).then(
      () => silent.abort(new Error(`no answer within ${silenceMs / 1000} s`)),
      () => undefined,
    );
    const authorization = this.#authorization;
    try {
      return await fetch(url, {
        headers: { ...headers, "user-agent": "skiff", ...(authorization !== undefined && { authorization }) },
        signal: AbortSignal.any([this.#options.signal, silent.signal]),
      });
    } catch (error) {
      this.#options.signal.throwIfAborted();
      throw new ImageError("ErrImagePull", `failed to do request: Get "${url}": ${rootCause(error)}`, { cause: error });
    } finally {
      answered.abort();
    }
  }

  /** Fails when nothing comes for a while, so that no pull hangs. */
  #body(response: Response): Readable {
    const body = Readable.fromWeb(response.body ?? new Blob([]).stream());
    const { clock, signal } = this.#options;
    let last = clock.monotonic();
    body.on("data", () => (last = clock.monotonic()));
    body.pause();
    const ended = new AbortController();
    body.once("close", () => ended.abort());
    const watch = async () => {
      for (;;) {
        await clock.sleep(silenceMs / 3, ended.signal);
        if (!body.isPaused() && clock.monotonic() - last > silenceMs)
          body.destroy(new Error(`nothing came for ${silenceMs / 1000} s`));
      }
    };
    watch().catch(() => undefined);
    signal.addEventListener("abort", () => body.destroy(signal.reason as Error), { once: true });
    return body;
  }

  /** Credentials only ever go to this endpoint, and to the token service that it names itself over a connection no less safe. */
  async #answer(challenge: string): Promise<string> {
    const { auth, endpoint, repository } = this.#options;
    const basic = auth === undefined ? undefined : `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString("base64")}`;
    const { scheme, parameters } = parseChallenge(challenge);
    if (scheme === "basic") {
      if (basic === undefined) throw new RegistryResponseError(401, "authorization failed: no basic auth credentials");
      return basic;
    }
    const realm = parameters["realm"];
    if (scheme !== "bearer" || realm === undefined) throw new RegistryResponseError(401, `unsupported challenge "${challenge}"`);
    const url = new URL(realm);
    if (url.protocol !== "https:" && !endpoint.origin.startsWith("http:")) {
      throw new RegistryResponseError(401, `refusing to ask for a token without encryption at ${url.origin}`);
    }
    if (parameters["service"] !== undefined) url.searchParams.set("service", parameters["service"]);
    url.searchParams.set("scope", parameters["scope"] ?? `repository:${repository}:pull`);
    this.#authorization = basic;
    const response = await this.#fetch(url.href, {});
    if (!response.ok)
      throw new RegistryResponseError(
        401,
        `failed to fetch ${basic === undefined ? "anonymous" : "oauth"} token: ${await describe(response, url.href)}`,
      );
    const token = (await response.json()) as { token?: string; access_token?: string };
    return `Bearer ${token.token ?? token.access_token ?? ""}`;
  }
}

/** `Bearer realm="…",service="…",scope="a,b"`: commas occur inside the quotes too. */
export function parseChallenge(text: string): { scheme: string; parameters: Readonly<Record<string, string>> } {
  const [scheme = "", ...rest] = text.trim().split(/\s+/);
  const pairs = [...rest.join(" ").matchAll(/([a-zA-Z_]+)=(?:"([^"]*)"|([^\s,]*))/g)];
  const parameters = Object.fromEntries(pairs.map((pair) => [(pair[1] ?? "").toLowerCase(), pair[2] ?? pair[3] ?? ""]));
  return { scheme: scheme.toLowerCase(), parameters };
}

async function readAll(stream: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > limit) throw new Error(`a manifest of more than ${limit} bytes`);
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}

/** The registry's own words, when it has any. */
async function describe(response: Response, url: string): Promise<string> {
  const status = `unexpected status from GET request to ${url}: ${response.status} ${response.statusText}`.trim();
  const text = await response.text().catch(() => "");
  try {
    const { errors } = JSON.parse(text) as { errors?: { code?: string; message?: string }[] };
    const words = errors?.map(({ code, message }) => [code, message].filter(Boolean).join(": ")).join(", ");
    return words ? `${status}: ${words}` : status;
  } catch {
    return status;
  }
}

/** fetch only says that it failed; its cause says why. */
function rootCause(error: unknown): string {
  const cause = (error as Error).cause;
  return cause instanceof Error
    ? cause.message || ((cause as NodeJS.ErrnoException).code ?? cause.name)
    : (error as Error).message;
}
