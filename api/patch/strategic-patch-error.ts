/** `notAPatch`: the patch itself is wrong (400); `doesNotApply`: not to this object (422). */
export type PatchProblem = "notAPatch" | "doesNotApply";

/** The patch does not fit the type it is for, e.g. a list item without its merge key. */
export class StrategicPatchError extends Error {
  override readonly name = "StrategicPatchError";
  readonly problem: PatchProblem;

  constructor(message: string, problem: PatchProblem = "notAPatch") {
    super(message);
    this.problem = problem;
  }
}
