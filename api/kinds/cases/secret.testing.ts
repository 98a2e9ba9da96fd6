import type { Secret } from "../../generated/types.ts";
import { secretDefinition } from "../secret.ts";
import { casesOf, type RuleCases } from "../rules.testing.ts";

const fixed = "field is immutable when `immutable` is set";
const metadata = { name: "a" };
const configKey =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const secret = (type: string, data: Record<string, string> = {}): Secret => ({ metadata, type, data });
const large = "x".repeat(1024 * 1024 + 1);
const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

export const secretCases: RuleCases = casesOf(secretDefinition, {
  accepted: [
    {
      source: "TestValidateSecret",
      cases: [
        ["a Secret", { metadata, stringData: { a: "b" } }],
        ["a Secret of TLS", secret("kubernetes.io/tls", { "tls.crt": "", "tls.key": "" })],
        ["of Docker", secret("kubernetes.io/dockerconfigjson", { ".dockerconfigjson": "e30=" })],
        ["of a name without a password", secret("kubernetes.io/basic-auth", { username: "" })],
        ["of a key for SSH", secret("kubernetes.io/ssh-auth", { "ssh-privatekey": "YQ==" })],
        [
          "of an account",
          {
            metadata: { name: "a", annotations: { "kubernetes.io/service-account.name": "b" } },
            type: "kubernetes.io/service-account-token",
          },
        ],
        ["of a type of somebody's own", secret("example.com/mine")],
      ],
    },
  ],
  refused: [
    {
      source: "ValidateSecret in pkg/apis/core/validation/validation.go",
      cases: [
        [{ metadata, data: { "a b": "" } }, `data[a b]: Invalid value: "a b": ${configKey}`],
        [{ metadata, stringData: { a: large } }, "data: Too long: may not be more than 1048576 bytes"],
        [secret("kubernetes.io/tls"), ["data[tls.crt]: Required value", "data[tls.key]: Required value"]],
        [secret("kubernetes.io/ssh-auth", { "ssh-privatekey": "" }), "data[ssh-privatekey]: Required value"],
        [secret("kubernetes.io/dockerconfigjson"), "data[.dockerconfigjson]: Required value"],
        [
          secret("kubernetes.io/dockercfg", { ".dockercfg": "bm8=" }),
          'data[.dockercfg]: Invalid value: "<secret contents redacted>": invalid character found where JSON was expected',
        ],
        [secret("kubernetes.io/basic-auth"), ["data[username]: Required value", "data[password]: Required value"]],
        [
          secret("kubernetes.io/service-account-token"),
          "metadata.annotations[kubernetes.io/service-account.name]: Required value",
        ],
        [
          secret("kubernetes.io/dockercfg", { ".dockercfg": "" }),
          'data[.dockercfg]: Invalid value: "<secret contents redacted>": unexpected end of JSON input',
        ],
        [
          secret("kubernetes.io/dockercfg", { ".dockercfg": "W10=" }),
          'data[.dockercfg]: Invalid value: "<secret contents redacted>": json: cannot unmarshal array into Go value of type map[string]interface {}',
        ],
        [
          secret("kubernetes.io/dockercfg", { ".dockercfg": "eA==" }),
          `data[.dockercfg]: Invalid value: "<secret contents redacted>": invalid character 'x' looking for beginning of value`,
        ],
      ],
    },
    {
      source: "ValidateObjectMeta, with ValidateSecretName",
      cases: [[{ metadata: { name: "A" } }, `metadata.name: Invalid value: "A": ${subdomain}`]],
    },
  ],
  defaulted: [
    {
      source: "SetDefaults_Secret in pkg/apis/core/v1/defaults.go, and the conversion of its plain texts",
      cases: [
        ["with nothing", { metadata }, { metadata, type: "Opaque" }],
        [
          "with plain texts",
          { metadata, data: { a: "AA==", b: "AA==" }, stringData: { b: "text" } },
          { type: "Opaque", data: { a: "AA==", b: Buffer.from("text").toString("base64") } },
        ],
      ],
    },
  ],
  updated: [
    {
      source: "ValidateSecretUpdate",
      cases: [
        {
          what: "of an immutable Secret",
          old: { metadata, immutable: true },
          next: { metadata, data: { a: "" } },
          refused: [`immutable: Forbidden: ${fixed}`, `data: Forbidden: ${fixed}`],
        },
        {
          what: "of a Secret's type",
          old: secret("Opaque"),
          next: secret("mine"),
          refused: ['type: Invalid value: "mine": field is immutable'],
        },
      ],
    },
    {
      source: "ValidateSecretUpdate, where nothing is fixed",
      cases: [{ what: "may change its data", old: secret("Opaque", { a: "" }), next: secret("Opaque", { b: "" }) }],
    },
  ],
});
