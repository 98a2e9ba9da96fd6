/** Rules for names as upstream's apimachinery/pkg/util/validation has them. Each returns its complaints, none when the name is good. */
const dns1035Pattern = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const configKeyPattern = /^[-._a-zA-Z0-9]+$/;
const envNamePattern = /^[ -<>-~]+$/;
const portNamePattern = /^[-a-z0-9]+$/;

export function validateDns1035Label(name = ""): string[] {
  const message =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
  return check(name, 63, dns1035Pattern, message, ["my-name", "abc-123"], "[a-z]([-a-z0-9]*[a-z0-9])?");
}

export function validateConfigKey(key = ""): string[] {
  if (key === "." || key === "..") return [`must not be '${key}'`];
  if (key.startsWith("..")) return ["must not start with '..'"];
  const message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
  return check(key, 253, configKeyPattern, message, ["key.name", "KEY_NAME", "key-name"], "[-._a-zA-Z0-9]+");
}

export function validateEnvName(name = ""): string[] {
  return envNamePattern.test(name)
    ? []
    : [`a valid environment variable name must consist only of printable ASCII characters other than '='`];
}

export function validatePortName(name = ""): string[] {
  const complaints: string[] = [];
  if (name.length > 15) complaints.push("must be no more than 15 bytes");
  if (!portNamePattern.test(name)) complaints.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  if (!/[a-z]/.test(name)) complaints.push("must contain at least one letter (a-z)");
  if (name.includes("--")) complaints.push("must not contain consecutive hyphens");
  if (name.startsWith("-") || name.endsWith("-")) complaints.push("must not begin or end with a hyphen");
  return complaints;
}

export function validateHeaderName(name = ""): string[] {
  if (/^[-A-Za-z0-9]+$/.test(name)) return [];
  const message = "a valid HTTP header must consist of alphanumeric characters or '-'";
  return [`${message} (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')`];
}

function check(
  name: string,
  limit: number,
  pattern: RegExp,
  message: string,
  examples: readonly string[],
  regex: string,
): string[] {
  const complaints: string[] = [];
  if (name.length > limit) complaints.push(`must be no more than ${limit} bytes`);
  if (!pattern.test(name)) {
    const list = examples.map((example) => `'${example}'`).join(",  or ");
    complaints.push(`${message} (e.g. ${list}, regex used for validation is '${regex}')`);
  }
  return complaints;
}
