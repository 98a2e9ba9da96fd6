import { describe, expect, it } from "vitest";
import { StorageError, type Entry } from "../storage.ts";
import { Group, type WriteRequest } from "./group.ts";

const value = Buffer.from("x");

interface Decided {
  readonly group: Group;
  readonly told: readonly string[];
  readonly ask: (name: string, request: { type: "put" | "delete"; key: string; expected: number }) => void;
}

/** A group over a store that holds `/there` at revision 5, and what its writers have been told. */
function grouping(): Decided {
  const there: Entry = { key: "/there", value, revision: 5 };
  const group = new Group(5, (key) => (key === there.key ? there : undefined));
  const told: string[] = [];
  return {
    group,
    told,
    ask: (name, { type, key, expected }) => {
      const resolve = (): void => {
        told.push(`${name} done`);
      };
      const reject = (error: unknown): void => {
        told.push(`${name} ${error instanceof StorageError ? error.reason : String(error)}`);
      };
      const request: WriteRequest =
        type === "put"
          ? { type, key, value, expected, lease: undefined, resolve, reject }
          : { type, key, expected, resolve, reject };
      group.decide(request);
    },
  };
}

describe("writes that become durable together", () => {
  it("refuse at once what does not fit what is on the disk", () => {
    const { told, ask } = grouping();
    ask("create", { type: "put", key: "/there", expected: 0 });
    ask("update", { type: "put", key: "/there", expected: 4 });
    ask("delete", { type: "delete", key: "/gone", expected: 3 });
    expect(told).toEqual(["create AlreadyExists", "update Conflict", "delete Conflict"]);
  });

  it("refuse what does not fit one of them only when that one is on the disk", () => {
    const { group, told, ask } = grouping();
    ask("first", { type: "put", key: "/new", expected: 0 });
    ask("second", { type: "put", key: "/new", expected: 0 });
    ask("winner", { type: "delete", key: "/there", expected: 5 });
    ask("loser", { type: "put", key: "/there", expected: 5 });
    expect(told).toEqual([]);
    group.succeed();
    expect(told).toEqual(["first done", "second AlreadyExists", "winner done", "loser Conflict"]);
  });

  it("tell nobody of a write that has failed", () => {
    const { group, told, ask } = grouping();
    ask("first", { type: "put", key: "/new", expected: 0 });
    ask("second", { type: "put", key: "/new", expected: 0 });
    group.fail(new StorageError("OutcomeUnknown", "the disk failed"));
    expect(told).toEqual(["first OutcomeUnknown", "second OutcomeUnknown"]);
  });
});
