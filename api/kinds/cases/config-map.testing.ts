import type {} from "../../generated/types.ts";
import { configMapDefinition } from "../config-map.ts";
import { casesOf, type RuleCases } from "../rules.testing.ts";

const fixed = "field is immutable when `immutable` is set";
const metadata = { name: "a" };
const configKey =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const large = "x".repeat(1024 * 1024 + 1);
const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

export const configMapCases: RuleCases = casesOf(configMapDefinition, {
  accepted: [
    {
      source: "TestValidateConfigMap",
      cases: [["a ConfigMap", { metadata, data: { "a.b_C-1": "x" }, binaryData: { b: "AA==" } }]],
    },
  ],
  refused: [
    {
      source: "ValidateConfigMap in pkg/apis/core/validation/validation.go",
      cases: [
        [{ metadata, data: { "a b": "" } }, `data[a b]: Invalid value: "a b": ${configKey}`],
        [{ metadata, data: { "..": "" } }, `data[..]: Invalid value: "..": must not be '..'`],
        [
          { metadata, data: { a: "" }, binaryData: { a: "" } },
          'data[a]: Invalid value: "a": duplicate of key present in binaryData',
        ],
        [{ metadata, binaryData: { "/": "" } }, `binaryData[/]: Invalid value: "/": ${configKey}`],
        [{ metadata, data: { a: large } }, ": Too long: may not be more than 1048576 bytes"],
      ],
    },
    {
      source: "ValidateObjectMeta, with ValidateConfigMapName",
      cases: [[{ metadata: { name: "A" } }, `metadata.name: Invalid value: "A": ${subdomain}`]],
    },
  ],
  defaulted: [
    {
      source: "SetDefaults_ConfigMap in pkg/apis/core/v1/defaults.go: no data is empty data, which is not written",
      cases: [["with nothing", { metadata }, { metadata }]],
    },
  ],
  updated: [
    {
      source: "ValidateConfigMapUpdate",
      cases: [
        {
          what: "of an immutable ConfigMap's data",
          old: { metadata, immutable: true, data: { a: "1" } },
          next: { metadata, immutable: true, data: { a: "2" } },
          refused: [`data: Forbidden: ${fixed}`],
        },
        {
          what: "of an immutable ConfigMap's bytes and mark",
          old: { metadata, immutable: true },
          next: { metadata, binaryData: { a: "" } },
          refused: [`immutable: Forbidden: ${fixed}`, `binaryData: Forbidden: ${fixed}`],
        },
      ],
    },
    {
      source: "ValidateConfigMapUpdate, where nothing is fixed",
      cases: [
        {
          what: "may change everything",
          old: { metadata, data: { a: "1" } },
          next: { metadata, immutable: true, binaryData: { a: "" } },
        },
        {
          what: "of something fixed may empty nothing",
          old: { metadata, immutable: true },
          next: { metadata, immutable: true, data: {} },
        },
        {
          what: "must leave a good one",
          old: { metadata },
          next: { metadata, data: { "..": "" } },
          refused: `data[..]: Invalid value: "..": must not be '..'`,
        },
      ],
    },
  ],
});
