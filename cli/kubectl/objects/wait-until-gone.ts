import { hasReason } from "#api/status";
import type { CommandContext } from "../command.ts";
import { CliError } from "../failures.ts";
import { getObject, type ObjectAddress } from "./requests.ts";

const shortestPauseMs = 50;
const longestPauseMs = 1000;

/**
 * Waits until the object with this uid is there no more, even if another has its name by then.
 * @throws CliError when it takes longer than `timeoutMs`
 */
export async function waitUntilGone(
  { session, clock, signal }: CommandContext,
  address: ObjectAddress,
  uid: string | undefined,
  timeoutMs: number,
): Promise<void> {
  const deadline = clock.monotonic() + timeoutMs;
  for (let pause = shortestPauseMs; ; pause = Math.min(pause * 1.5, longestPauseMs)) {
    try {
      const found = await getObject(session.client, address, { signal });
      if (uid !== undefined && found.metadata.uid !== uid) return;
    } catch (error) {
      if (hasReason(error, "NotFound")) return;
      throw error;
    }
    const left = deadline - clock.monotonic();
    if (left <= 0) throw new CliError(`timed out waiting for the condition on ${address.resource.resource}/${address.name}`);
    await clock.sleep(Math.min(pause, left), signal);
  }
}
