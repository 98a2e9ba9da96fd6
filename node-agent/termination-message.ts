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
  const lastLines = text
    .split("\n")
    .slice(-mostLines - 1)
    .join("\n");
  return lastBytes(lastLines, longestFromLog);
}

/** At most so many bytes of UTF-8, and no half character. */
export function firstBytes(text: string, most: number): string {
  const bytes = Buffer.from(text);
  let end = Math.min(most, bytes.length);
  while (end < bytes.length && isInside(bytes, end)) end--;
  return bytes.subarray(0, end).toString();
}

function lastBytes(text: string, most: number): string {
  const bytes = Buffer.from(text);
  let start = Math.max(bytes.length - most, 0);
  while (start < bytes.length && isInside(bytes, start)) start++;
  return bytes.subarray(start).toString();
}

/** In the middle of a character. */
function isInside(bytes: Buffer, at: number): boolean {
  return ((bytes[at] ?? 0) & 0xc0) === 0x80;
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
