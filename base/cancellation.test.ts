import { describe, expect, it } from "vitest";
import { Cancellation } from "./cancellation.ts";

const gone = new Error("gone");

describe("a cancellation", () => {
  it("tells a signal that was asked for before it, and one that was asked for after", () => {
    const early = new Cancellation(gone);
    const { signal } = early;
    expect(signal.aborted).toBe(false);
    early.abort();
    expect(signal.reason).toBe(gone);

    const late = new Cancellation(gone);
    late.abort();
    expect(late.signal.reason).toBe(gone);
  });

  it("keeps the first reason", () => {
    const cancellation = new Cancellation(gone);
    const { signal } = cancellation;
    cancellation.abort(new Error("late"));
    cancellation.abort();
    expect((signal.reason as Error).message).toBe("late");
    expect(cancellation.aborted).toBe(true);
  });
});
