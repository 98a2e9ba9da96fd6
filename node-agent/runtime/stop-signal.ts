import { constants } from "node:os";

const firstRealTime = 34;
const lastRealTime = 64;

/** The number of an image's stop signal: `SIGQUIT`, `quit`, `3` or `SIGRTMIN+3`. Unknown or absent: SIGTERM. */
export function stopSignalNumber(name: string | undefined): number {
  const text = (name ?? "").trim().toUpperCase();
  if (/^\d+$/.test(text) && Number(text) > 0 && Number(text) <= lastRealTime) return Number(text);
  const bare = text.replace(/^SIG/, "");
  const realTime = /^RT(MIN|MAX)([+-]\d+)?$/.exec(bare);
  if (realTime !== null) return (realTime[1] === "MIN" ? firstRealTime : lastRealTime) + Number(realTime[2] ?? 0);
  const known: Readonly<Record<string, number | undefined>> = constants.signals;
  return known[`SIG${bare}`] ?? constants.signals.SIGTERM;
}
