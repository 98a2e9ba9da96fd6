import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { readFileSync } from "node:fs";
import { discoverResources } from "#client/discovery-client";
import { readKubeconfigs } from "#client/kubeconfig";
import { restClient, type RestClient } from "#client/rest-client";
import type { Environment } from "../environment.ts";
import type { Flag, Flags } from "./arguments/flags.ts";
import { ResourceMapper } from "./arguments/resource-mapper.ts";
import { CliError, PlainError } from "./failures.ts";
import type { Streams } from "./streams.ts";

/** The cluster a command speaks to, and what it has learnt of it. */
export interface Session {
  readonly client: RestClient;
  readonly namespace: string;
  /** Whether the command line named it. */
  readonly namespaceIsGiven: boolean;
  /** Asked of the server once, when first needed. */
  mapper(): Promise<ResourceMapper>;
}

/** Every command has these. */
export const sessionFlags: readonly Flag[] = [
  { name: "namespace", short: "n", type: "string", help: "The namespace to work in; the context's, else default." },
  { name: "kubeconfig", type: "string", help: "The kubeconfig file ($KUBECONFIG, else ~/.kube/config)." },
  { name: "context", type: "string", help: "The context of the kubeconfig; its current one." },
  { name: "server", short: "s", type: "string", help: "The address of the API server, instead of the context's." },
  { name: "token", type: "string", help: "A bearer token, instead of the context's credentials." },
  { name: "certificate-authority", type: "string", help: "A file with the certificates to trust the server by." },
  { name: "insecure-skip-tls-verify", type: "bool", help: "Do not check the server's certificate." },
  { name: "help", short: "h", type: "bool", help: "Show this." },
];

/** @throws CliError, PlainError */
export function openSession(flags: Flags, env: Environment, streams: Streams): Session {
  const files = kubeconfigFiles(flags, env);
  const { transport, namespace } = readConfiguration(files, flags);
  const warned = new Set<string>();
  const client = restClient({ ...transport, userAgent: "skiff-cli" }, (text) => {
    if (!warned.has(text)) streams.err(`Warning: ${text}\n`);
    warned.add(text);
  });
  let mapper: Promise<ResourceMapper> | undefined;
  return {
    client,
    namespace: flags.string("namespace") === "" ? (namespace ?? "default") : flags.string("namespace"),
    namespaceIsGiven: flags.string("namespace") !== "",
    mapper: () => (mapper ??= discoverResources(client).then((resources) => new ResourceMapper(resources))),
  };
}

function kubeconfigFiles(flags: Flags, env: Environment): readonly string[] {
  const given = flags.string("kubeconfig");
  if (given !== "") {
    try {
      readFileSync(given);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      throw new CliError(code === "ENOENT" ? `stat ${given}: no such file or directory` : `cannot read ${given}: ${code ?? ""}`);
    }
    return [given];
  }
  const listed = (env["KUBECONFIG"] ?? "").split(delimiter).filter((file) => file !== "");
  return listed.length > 0 ? listed : [join(env["HOME"] ?? homedir(), ".kube/config")];
}

function readConfiguration(files: readonly string[], flags: Flags): ReturnType<typeof readKubeconfigs> {
  const context = flags.string("context");
  try {
    const found = readKubeconfigs(files, context === "" ? undefined : context);
    const authority = flags.string("certificate-authority");
    return {
      ...found,
      transport: {
        ...found.transport,
        ...(flags.string("server") !== "" && { server: serverUrl(flags.string("server")) }),
        ...(flags.string("token") !== "" && { token: flags.string("token") }),
        ...(authority !== "" && { ca: readFileSync(authority, "utf8") }),
        ...(flags.bool("insecure-skip-tls-verify") && { insecureSkipTlsVerify: true }),
      },
    };
  } catch (error) {
    const { message } = error as Error;
    // Asked for a namespace first, kubectl finds the context missing in another place.
    if (context !== "" && flags.string("namespace") !== "" && message.includes("context was not found")) {
      throw new CliError(`context "${context}" does not exist`, { cause: error });
    }
    throw message.startsWith("Error in configuration") ? new PlainError(message) : new CliError(message, { cause: error });
  }
}

function serverUrl(text: string): string {
  const url = text.includes("://") ? text : `http://${text}`;
  if (!URL.canParse(url)) throw new Error(`--server: ${JSON.stringify(text)} is no address`);
  return url;
}
