import { open, readFile } from "node:fs/promises";
import { parseLogLine } from "./logs/log-line.ts";

/** Upstream: kubecontainer.MaxContainerTerminationMessage… */
const longest = 4096;
const longestFromLog = 2048;
const mostLines = 80;

/** What a container left in its termination log; else, if it failed and asked for that, the end of its log. */
export async function terminationMessage(files: {
  readonly terminationLog: string;
  readonly log: string;
  readonly fallBackToLog: boolean;
}): Promise<string> {
  const message = (await readEnd(files.terminationLog, longest, "start")).toString();
  if (message !== "" || !files.fallBackToLog) return message;
  const end = (await readEnd(files.log, longestFromLog * 4, "end")).toString();
  const lines = end.split("\n").map((line) => parseLogLine(Buffer.from(line)));
  const text = lines.map((line) => (line === undefined ? "" : `${line.content.toString()}${line.partial ? "" : "\n"}`)).join("");
  return text
    .split("\n")
    .slice(-mostLines - 1)
    .join("\n")
    .slice(-longestFromLog);
}

async function readEnd(path: string, bytes: number, from: "start" | "end"): Promise<Buffer> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return Buffer.alloc(0);
  try {
    const { size } = await file.stat();
    if (size <= bytes) return await readFile(file);
    const buffer = Buffer.alloc(bytes);
    await file.read(buffer, 0, bytes, from === "start" ? 0 : size - bytes);
    return buffer;
  } finally {
    await file.close();
  }
}
