import { CliError } from "../failures.ts";

/** The text at a URL. @throws CliError */
export async function fetchManifest(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    const { cause, message } = error as Error;
    throw new CliError(`unable to read URL "${url}": ${cause instanceof Error ? cause.message : message}`, { cause: error });
  });
  if (!response.ok) {
    throw new CliError(
      `unable to read URL "${url}", server reported ${response.status} ${response.statusText}, status code=${response.status}`,
    );
  }
  return response.text();
}
