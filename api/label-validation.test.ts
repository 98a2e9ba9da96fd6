import { describe, expect, test } from "vitest";
import { dnsLabelErrors, labelKeyErrors, labelValueErrors, subdomainErrors } from "./label-validation.ts";

// Wording: k8s.io/apimachinery/pkg/api/validate/content.
const nameRule =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

describe("labelKeyErrors", () => {
  test.each(["a", "app.kubernetes.io/name", "A-b_c.d", "1", "x".repeat(63), `${"a".repeat(253)}/b`])("accepts %s", (key) => {
    expect(labelKeyErrors(key)).toEqual([]);
  });

  test.each([
    ["", ["name part must be non-empty", `name part ${nameRule}`]],
    ["a b", [`name part ${nameRule}`]],
    ["x".repeat(64), ["name part must be no more than 63 bytes"]],
    ["/a", ["prefix part must be non-empty"]],
    ["a/", ["name part must be non-empty", `name part ${nameRule}`]],
    ["a/b/c", [`a valid label key ${nameRule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`]],
  ])("words what is wrong with '%s' as upstream", (key, errors) => {
    expect(labelKeyErrors(key)).toEqual(errors);
  });

  test("names the prefix when that is wrong", () => {
    expect(labelKeyErrors("Example.com/a")).toEqual([expect.stringMatching(/^prefix part a lowercase RFC 1123 subdomain must/)]);
  });
});

test("a label value may be empty, but not end in a dash", () => {
  expect(labelValueErrors("")).toEqual([]);
  expect(labelValueErrors("a-")).toEqual([expect.stringMatching(/^a valid label must be an empty string or consist of/)]);
  expect(labelValueErrors("x".repeat(64))).toEqual(["must be no more than 63 bytes"]);
});

test("a subdomain is lower case, and a label has no dots", () => {
  expect(subdomainErrors("a.b-c")).toEqual([]);
  expect(subdomainErrors("A")).toHaveLength(1);
  expect(dnsLabelErrors("a.b")).toEqual(["must not contain dots"]);
  expect(dnsLabelErrors("a_b")).toEqual([expect.stringMatching(/^a lowercase RFC 1123 label must consist of/)]);
});
