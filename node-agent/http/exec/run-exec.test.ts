import { PassThrough } from "node:stream";
import { beforeEach, describe, expect, it } from "vitest";
import type { Status } from "#api/generated/types";
import { systemClock } from "#base/clock";
import { RuntimeError, type ExecProcess, type TerminalSize } from "../../runtime/runtime.ts";
import { parseTerminalSize, type ExecStreams } from "./exec-streams.ts";
import { runAttach, runExec } from "./run-exec.ts";

describe("an exec", () => {
  const ran = { containerId: "c", command: ["cat"], tty: false };
  let process: { stdin: PassThrough; stdout: PassThrough; stderr: PassThrough; exit(code: number): void; killed: boolean };
  let client: {
    stdin: PassThrough;
    stdout: PassThrough;
    stderr: PassThrough;
    status?: Status;
    leave(): void;
    resize(size: TerminalSize): void;
  };
  let sizes: TerminalSize[];
  let openExec: () => Promise<ExecProcess>;
  let streams: ExecStreams;

  beforeEach(() => {
    const exited = withResolvers<number>();
    sizes = [];
    process = {
      stdin: new PassThrough(),
      stdout: new PassThrough(),
      stderr: new PassThrough(),
      exit: exited.resolve,
      killed: false,
    };
    const { stdin, stdout, stderr } = process;
    openExec = async () => ({
      stdin,
      stdout,
      stderr,
      exit: exited.promise,
      resize: (size) => void sizes.push(size),
      kill: async () => {
        process.killed = true;
        exited.resolve(137);
      },
    });
    const gone = new AbortController();
    let onResize: (size: TerminalSize) => void = () => undefined;
    client = {
      stdin: new PassThrough(),
      stdout: new PassThrough(),
      stderr: new PassThrough(),
      leave: () => gone.abort(),
      resize: (size) => onResize(size),
    };
    streams = {
      stdin: client.stdin,
      stdout: client.stdout,
      stderr: client.stderr,
      onResize: (listener) => (onResize = listener),
      finish: async (status) => {
        client.status = status;
      },
      ping: () => undefined,
      closed: gone.signal,
      destroy: () => gone.abort(),
    };
  });

  const end = (code: number): void => {
    process.stdout.end();
    process.stderr.end();
    process.exit(code);
  };

  it("carries input and both outputs, and ends with success", async () => {
    const over = runExec({ openExec }, ran, streams, systemClock);
    client.stdin.end("in");
    process.stdout.write("out");
    process.stderr.write("err");
    await expect.poll(() => String(process.stdin.read() ?? "")).toBe("in");
    end(0);
    await over;
    expect([client.stdout, client.stderr].map((stream) => String(stream.read()))).toEqual(["out", "err"]);
    expect(client.status).toEqual({ metadata: {}, status: "Success" });
    expect(process.killed).toBe(false);
  });

  it("tells an exit code as upstream does", async () => {
    const over = runExec({ openExec }, ran, streams, systemClock);
    end(3);
    await over;
    expect(client.status).toEqual({
      metadata: {},
      status: "Failure",
      message: "command terminated with non-zero exit code: exit status 3",
      reason: "NonZeroExitCode",
      details: { causes: [{ reason: "ExitCode", message: "3" }] },
    });
  });

  it("attaches: says nothing of an exit code, only disconnects when the client leaves, and tells why it could not", async () => {
    const attach = openExec;
    const over = runAttach({ attach }, ran, streams, systemClock);
    process.stdout.write("hello");
    await expect.poll(() => String(client.stdout.read() ?? "")).toBe("hello");
    client.leave();
    await over;
    expect([process.killed, client.status]).toEqual([true, undefined]);
    const gone = () => Promise.reject(new RuntimeError("AttachError", "container c is not running"));
    const { closed: _, ...open } = streams;
    await runAttach({ attach: gone }, ran, { ...open, closed: new AbortController().signal }, systemClock);
    expect(client.status?.message).toBe("Internal error occurred: error attaching to container: container c is not running");
  });

  it("waits for the outputs of what the command left behind", async () => {
    const over = runExec({ openExec }, ran, streams, systemClock);
    process.exit(0);
    process.stderr.end();
    await systemClock.sleep(20);
    expect(client.status).toBeUndefined();
    process.stdout.end("late");
    await over;
    expect(String(client.stdout.read())).toBe("late");
  });

  it("kills the command when its client goes", async () => {
    const over = runExec({ openExec }, ran, streams, systemClock);
    client.leave();
    await over;
    expect(process.killed).toBe(true);
    expect(client.status).toBeUndefined();
  });

  it("goes on reading a client whose command has closed its input", async () => {
    const over = runExec({ openExec }, ran, streams, systemClock);
    await expect.poll(() => client.stdin.listenerCount("data")).toBe(1);
    process.stdin.destroy();
    const dropped = new Promise((resolve) => client.stdin.once("end", resolve));
    client.stdin.end(Buffer.alloc(1024 * 1024));
    await dropped;
    end(0);
    await over;
  });

  it("passes sizes of the terminal on", async () => {
    const over = runExec({ openExec }, { ...ran, tty: true }, streams, systemClock);
    await expect.poll(() => process.stdout.listenerCount("data") + process.stdout.listenerCount("readable")).toBeGreaterThan(0);
    client.resize({ columns: 80, rows: 24 });
    end(0);
    await over;
    expect(sizes).toEqual([{ columns: 80, rows: 24 }]);
  });

  it("says why a command cannot be started", async () => {
    const fail = async (): Promise<ExecProcess> => {
      throw new RuntimeError("ExecError", "no such file");
    };
    await runExec({ openExec: fail }, ran, streams, systemClock);
    expect(client.status).toMatchObject({
      status: "Failure",
      reason: "InternalError",
      code: 500,
      message: "Internal error occurred: error executing command in container: no such file",
    });
  });
});

describe("a terminal's size", () => {
  it.each([
    ['{"Width":80,"Height":24}', { columns: 80, rows: 24 }],
    ['{"Width":80}', undefined],
    ['{"Width":0,"Height":24}', undefined],
    ['{"Width":70000,"Height":24}', undefined],
    ['{"Width":"80","Height":24}', undefined],
    ["null", undefined],
    ["x", undefined],
  ])("is read from %s", (text, size) => {
    expect(parseTerminalSize(text)).toEqual(size);
  });
});

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}
