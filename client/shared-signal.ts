import { setMaxListeners } from "node:events";

/** Aborts with `signal`, and lets any number of requests and loops listen to it without a warning about a leak. */
export function sharedSignal(signal: AbortSignal): AbortSignal {
  const shared = AbortSignal.any([signal]);
  setMaxListeners(0, shared);
  return shared;
}
