import type { UserInfo } from "../authn/user.ts";

/** What a write must know of the request it belongs to. */
export interface WriteContext {
  readonly user: UserInfo;
  readonly subresource: string | undefined;
  /** Under which name the changes are booked in managedFields. */
  readonly fieldManager: string;
  /** Do everything but the write itself. */
  readonly dryRun: boolean;
  /** A PUT that names no version: whatever is there is to be replaced. */
  readonly isBlindReplacement?: boolean;
  warn(text: string): void;
  readonly signal: AbortSignal;
}

export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}
