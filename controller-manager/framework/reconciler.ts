import type { ObjectKey } from "#api/object";
import type { ApiReader } from "#client/api-client";
import type { Observable } from "rxjs";
import type { Outcome, Plan, StatusWrite } from "./plan.ts";

/**
 * Drives one kind towards its spec, one object at a time.
 *
 * Level-triggered: a key says which object to look at, never what happened to it. A key may come late, twice, or for an object that is
 * gone, and a pass that is repeated must change nothing. So a Deployment's pass does not ask "was I scaled?", but "how many replicas are
 * there, and how many should be?". A pass that fails comes again, later and later; one that succeeds does not, unless its plan says when.
 *
 * Passes over one key never overlap, and none begins before the informers show what the last one wrote.
 */
export interface Reconciler<View> {
  /** `deployment-controller`: where events come from, and who the log is about. */
  readonly name: string;
  /** Which keys to look at, as things change. May fire while informers fill. */
  readonly requests: Observable<ObjectKey>;
  /** As `requests`, for changes that come in bursts, as when ten pods get ready: what follows a look closely is looked at together. */
  readonly bursts?: Observable<ObjectKey>;
  /** Everything that the plan needs to know, the time included. Undefined: there is nothing to drive. */
  observe(key: ObjectKey, live: ApiReader): Promise<View | undefined>;
  /** Pure. */
  plan(view: View): Plan;
  /** Pure: the status to write, given what became of the steps. */
  conclude?(view: View, outcomes: readonly Outcome[]): StatusWrite | undefined;
}
