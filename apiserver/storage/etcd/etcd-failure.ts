import { StorageError } from "../storage.ts";

/** Why a request to etcd failed, told apart by what it means for who asked. */
export interface EtcdFailure {
  /** gRPC's number; undefined when it did not come from gRPC. */
  readonly code: number | undefined;
  readonly message: string;
  /** It never left this process, or the server refused it before doing anything: nothing has happened, and nothing will. */
  readonly isRefused: boolean;
  /** Another member may do better. */
  readonly isMembers: boolean;
}

const grpc = {
  invalidArgument: 3,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  unauthenticated: 16,
};

/** Answers of a server that has not done what it was asked. Unavailable, cancelled, unknown, internal and deadlines leave it open. */
const refusals = new Set(Object.values(grpc));

/** What grpc-js says of requests that it could not hand to a connection. */
const neverSent = /No connection established|Name resolution failed|Channel closed before call started|Waiting for LB pick/;

/** What grpc-js adds of its inner life, and of addresses that are nobody's business: health checks repeat these words to anybody. */
const whereItWas = /,(?:metadata filters|LB pick|Waiting for|remote_addr|name resolution).*$/s;

/** `etcd3` keeps gRPC's code in the text alone: `14 UNAVAILABLE: …`. */
export function failureOf(error: unknown): EtcdFailure {
  const text = error instanceof Error ? error.message : String(error);
  const [, number, details = text] = /(?:^|: )(\d+) [A-Z_]+: (.*)$/s.exec(text) ?? [];
  const code = number === undefined ? undefined : Number(number);
  const wasSent = !neverSent.test(details);
  const isAnswer = code !== undefined && refusals.has(code);
  return { code, message: details.replace(whereItWas, ""), isRefused: !wasSent || isAnswer, isMembers: !isAnswer };
}

export function isLeaseNotFound(error: unknown): boolean {
  return failureOf(error).code === grpc.notFound;
}

export function isNoSpace(error: unknown): boolean {
  return /database space exceeded/.test(failureOf(error).message);
}

/** For what changes nothing, or for what came before a write: whatever went wrong, nothing has happened. */
export function readError(error: unknown): unknown {
  if (error instanceof StorageError) return error;
  const { message } = failureOf(error);
  const options = { cause: error };
  if (/has been compacted/.test(message)) return new StorageError("Expired", message, options);
  if (/is a future revision/.test(message)) return new StorageError("Future", message, options);
  return new StorageError("Unavailable", `etcd: ${message}`, options);
}

/** For a write: told apart by whether it can have happened. */
export function writeError(error: unknown): unknown {
  if (error instanceof StorageError) return error;
  const { message, code, isRefused } = failureOf(error);
  const options = { cause: error };
  if (isTooLarge(message, code)) return new StorageError("TooLarge", `etcd: ${message}`, options);
  return new StorageError(isRefused ? "Unavailable" : "OutcomeUnknown", `etcd: ${message}`, options);
}

function isTooLarge(message: string, code: number | undefined): boolean {
  return /request is too large/.test(message) || (code === grpc.resourceExhausted && /larger than max/.test(message));
}
