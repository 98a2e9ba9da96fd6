/** One line of a log in the CRI's format: `time stream F|P text`. */
export interface LogLine {
  /** RFC 3339 with nanoseconds, as written. */
  readonly time: string;
  readonly stream: string;
  /** The container's line goes on in the next. */
  readonly partial: boolean;
  readonly content: Buffer;
}

const space = 0x20;

/** `line` is without its newline. Undefined for what is not such a line, e.g. the cut end of a file. */
export function parseLogLine(line: Buffer): LogLine | undefined {
  const first = line.indexOf(space);
  const second = line.indexOf(space, first + 1);
  if (first < 0 || second < 0) return undefined;
  const third = line.indexOf(space, second + 1);
  const tag = line.subarray(second + 1, third < 0 ? undefined : third).toString();
  if (!/^[FP](:|$)/.test(tag)) return undefined;
  return {
    time: line.subarray(0, first).toString(),
    stream: line.subarray(first + 1, second).toString(),
    partial: tag.startsWith("P"),
    content: third < 0 ? Buffer.alloc(0) : line.subarray(third + 1),
  };
}
