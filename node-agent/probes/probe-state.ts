/** What the probes of one running container have found so far. */
export interface ProbeState {
  /** The startup probe has succeeded, or there is none. */
  readonly started: boolean;
  /** The readiness probe says so, or there is none; never before it has started. */
  readonly ready: boolean;
  /** The probe that gave the container up. */
  readonly failure?: "startup" | "liveness";
}
