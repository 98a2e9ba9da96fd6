import { connect } from "node:http2";
import { isIPv6 } from "node:net";

export interface HealthQuestion {
  readonly host: string;
  readonly port: number;
  /** Empty: the server as a whole. */
  readonly service: string;
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

/** The statuses of grpc.health.v1.HealthCheckResponse, by number. */
const servingStatuses = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/** By number, as Go's gRPC names its codes. */
const codeNames =
  "OK Canceled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists PermissionDenied ResourceExhausted FailedPrecondition Aborted OutOfRange Unimplemented Internal Unavailable DataLoss Unauthenticated".split(
    " ",
  );

const [deadlineExceeded, unimplemented] = [4, 12];

/**
 * One call of grpc.health.v1.Health/Check, in the clear. @returns why the server is not healthy, in upstream's words; undefined
 * when it is serving. Never rejects.
 */
export async function checkGrpcHealth(question: HealthQuestion): Promise<string | undefined> {
  const { host, port, timeoutSeconds, signal } = question;
  const address = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const answer = await ask(question, address);
  switch (answer.type) {
    case "not connected":
      return signal.aborted
        ? `timeout: failed to connect service "${address}" within ${timeoutSeconds}s: context deadline exceeded`
        : `error: failed to connect service at "${address}": ${answer.message}`;
    case "failed":
      if (signal.aborted || answer.code === deadlineExceeded)
        return `timeout: health rpc did not complete within ${timeoutSeconds}s`;
      if (answer.code === unimplemented)
        return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${answer.message}`;
      return `error: health rpc probe failed: rpc error: code = ${codeNames[answer.code] ?? `Code(${answer.code})`} desc = ${answer.message}`;
    case "answered": {
      const status = servingStatuses[answer.status] ?? `${answer.status}`;
      return status === "SERVING" ? undefined : `service unhealthy (responded with "${status}")`;
    }
  }
}

type Answer =
  | { readonly type: "not connected"; readonly message: string }
  | { readonly type: "failed"; readonly code: number; readonly message: string }
  | { readonly type: "answered"; readonly status: number };

const unavailable = 14;

function ask({ service, signal }: HealthQuestion, address: string): Promise<Answer> {
  return new Promise((resolve) => {
    const session = connect(`http://${address}`);
    let isConnected = false;
    const finish = (answer: Answer) => {
      signal.removeEventListener("abort", giveUp);
      session.destroy();
      resolve(answer);
    };
    const fail = (message: string) =>
      finish(isConnected ? { type: "failed", code: unavailable, message } : { type: "not connected", message });
    const giveUp = () => fail("context deadline exceeded");
    if (signal.aborted) {
      giveUp();
      return;
    }
    signal.addEventListener("abort", giveUp, { once: true });
    session.on("error", (error: Error) => fail(error.message));
    session.on("close", () => fail("the connection was closed"));
    // Only a server's settings show that it speaks HTTP/2 at all.
    session.once("remoteSettings", () => {
      isConnected = true;
      const stream = session.request({
        ":method": "POST",
        ":path": "/grpc.health.v1.Health/Check",
        ":authority": address,
        "content-type": "application/grpc",
        "user-agent": "kube-probe/1.36",
        te: "trailers",
      });
      let code: number | undefined;
      let message = "";
      const chunks: Buffer[] = [];
      const readStatus = (headers: Readonly<Record<string, unknown>>) => {
        if (headers["grpc-status"] === undefined) return;
        code = Number(headers["grpc-status"]);
        message = decodeURIComponent(textOf(headers["grpc-message"]));
      };
      stream.on("response", (headers) => {
        readStatus(headers);
        const status = headers[":status"];
        if (status !== 200) fail(`unexpected HTTP status code received from server: ${status ?? 0}`);
      });
      stream.on("trailers", readStatus);
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("error", (error: Error) => fail(error.message));
      stream.on("end", () => {
        if (code === 0) finish({ type: "answered", status: readServingStatus(Buffer.concat(chunks)) });
        else finish({ type: "failed", code: code ?? unavailable, message: code === undefined ? "no status was sent" : message });
      });
      stream.end(healthRequest(service));
    });
  });
}

function textOf(header: unknown): string {
  return typeof header === "string" ? header : "";
}

/** A gRPC message of one field: `string service = 1`. */
function healthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** `ServingStatus status = 1`; what is not sent is 0. */
function readServingStatus(frame: Buffer): number {
  const message = frame.subarray(5);
  return message[0] === 0x08 ? (message[1] ?? 0) : 0;
}

function varint(number: number): number[] {
  return number < 0x80 ? [number] : [(number & 0x7f) | 0x80, ...varint(number >>> 7)];
}
