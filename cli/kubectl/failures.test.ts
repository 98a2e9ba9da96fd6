import { expect, it } from "vitest";
import { invalid, notFound, StatusError } from "#api/status";
import { CliError, SeveralErrors, textOfFailure, UsageError, withContext } from "./failures.ts";

const pods = { group: "", resource: "pods" };
const cause = (field: string): { reason: string; field: string; message: string } => ({
  reason: "FieldValueInvalid",
  field,
  message: "bad",
});

it.each([
  [notFound(pods, "x"), 'Error from server (NotFound): pods "x" not found'],
  [
    withContext(notFound(pods, "x"), 'error when deleting "f"'),
    'Error from server (NotFound): error when deleting "f": pods "x" not found',
  ],
  [new StatusError("Unauthorized", "Unauthorized"), "error: You must be logged in to the server (Unauthorized)"],
  [invalid({ group: "apps", kind: "Deployment" }, "d", [cause("a")]), 'The Deployment "d" is invalid: a: bad'],
  [invalid({ group: "", kind: "Pod" }, "d", [cause("a"), cause("b")]), 'The Pod "d" is invalid: \n* a: bad\n* b: bad'],
  [new CliError("no"), "error: no"],
  [
    new UsageError("unknown flag: --x", "See 'skiff get --help' for usage."),
    "error: unknown flag: --x\nSee 'skiff get --help' for usage.",
  ],
  [new SeveralErrors([notFound(pods, "x"), new CliError("no")]), 'Error from server (NotFound): pods "x" not found\nerror: no'],
  [
    new StatusError(
      "ServiceUnavailable",
      "https://127.0.0.1:1 cannot be reached: refused",
      {},
      { cause: Object.assign(new Error("refused"), { code: "ECONNREFUSED" }) },
    ),
    "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?",
  ],
  [new TypeError("a mistake of ours"), undefined],
])("%s", (error, text) => {
  expect(textOfFailure(error)).toBe(text);
});
