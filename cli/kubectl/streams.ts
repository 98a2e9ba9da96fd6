/** Where a command reads and writes. */
export interface Streams {
  out(text: string | Uint8Array): void;
  err(text: string): void;
  /** All of the standard input. */
  input(): Promise<string>;
}

/** Those of this process. A reader that goes away ends it quietly, as `head` expects. */
export function processStreams(): Streams {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    input: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString();
    },
  };
}
