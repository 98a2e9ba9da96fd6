import type { Readable, Writable } from "node:stream";
import type { Status } from "#api/generated/types";
import type { TerminalSize } from "../../runtime/runtime.ts";

/** The client's side of an exec or attach, whatever carries it. Only the streams that were asked for are there. */
export interface ExecStreams {
  readonly stdin?: Readable;
  /** A write is done when it is on its way to the client. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** The sizes of the client's terminal, from the first on. */
  onResize(listener: (size: TerminalSize) => void): void;
  /** Tells how it ended and closes the connection, once what was written before has been sent. */
  finish(status: Status): Promise<void>;
  /** Makes a connection that is broken, and of which nothing is read at the moment, fail. */
  ping(): void;
  /** Aborts when the connection is over, whoever ended it. */
  readonly closed: AbortSignal;
  /** Cuts the connection. */
  destroy(): void;
}

/** Which streams a client wants. */
export interface WantedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** The client's terminal as it describes itself; undefined for what is none. */
export function parseTerminalSize(text: string): TerminalSize | undefined {
  try {
    const { Width, Height } = JSON.parse(text) as { Width?: unknown; Height?: unknown };
    return isLength(Width) && isLength(Height) ? { columns: Width, rows: Height } : undefined;
  } catch {
    return undefined;
  }
}

function isLength(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= 0xffff;
}
