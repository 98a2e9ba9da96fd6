/** `Sat, 21 Nov 2026 13:17:45 +0000`. */
export function longTime(time: string | undefined): string {
  if (time === undefined) return "<unset>";
  return new Date(time).toUTCString().replace("GMT", "+0000");
}
