const dns1123Label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const dns1123Subdomain = `${dns1123Label}(\\.${dns1123Label})*`;
const labelKey = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const labelValue = `(${labelKey})?`;

const labelRule =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const labelKeyRule = regexRule(labelRule, labelKey, "MyName", "my.name", "123-abc");
const labelValueRule = regexRule(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  labelValue,
  "MyValue",
  "my_value",
  "12345",
);
const subdomainRule = regexRule(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  dns1123Subdomain,
  "example.com",
);
const dnsLabelRule = regexRule(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  dns1123Label,
  "my-name",
  "123-abc",
);

const labelKeyPattern = whole(labelKey);
const labelValuePattern = whole(labelValue);
const dnsLabelPattern = whole(dns1123Label);
const subdomainPattern = whole(dns1123Subdomain);

/** What is wrong with a "qualified name" (`[prefix/]name`), in upstream's words: labels, annotations, finalizers, resource names. */
export function labelKeyErrors(key = ""): string[] {
  const parts = key.split("/");
  if (parts.length > 2) {
    return [`a valid label key ${labelKeyRule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const prefix = parts.length === 2 ? parts[0] : undefined;
  const name = parts.at(-1) ?? "";
  return [...prefixErrors(prefix), ...nameErrors(name)];
}

/** What is wrong with a label's value, in upstream's words. */
export function labelValueErrors(value = ""): string[] {
  return check(value, 63, labelValuePattern, labelValueRule);
}

/** What is wrong with an RFC 1123 subdomain, in upstream's words: most objects' names. */
export function subdomainErrors(value = ""): string[] {
  return check(value, 253, subdomainPattern, subdomainRule);
}

/** What is wrong with an RFC 1123 label, in upstream's words: names of namespaces, containers, volumes. */
export function dnsLabelErrors(value = ""): string[] {
  return check(value, 63, dnsLabelPattern, subdomainPattern.test(value) ? "must not contain dots" : dnsLabelRule);
}

function prefixErrors(prefix: string | undefined): string[] {
  if (prefix === undefined) return [];
  if (prefix === "") return ["prefix part must be non-empty"];
  return subdomainErrors(prefix).map((error) => `prefix part ${error}`);
}

function nameErrors(name: string): string[] {
  const empty = name === "" ? ["must be non-empty"] : [];
  return [...empty, ...check(name, 63, labelKeyPattern, labelKeyRule)].map((error) => `name part ${error}`);
}

function check(value: string, maxBytes: number, pattern: RegExp, rule: string): string[] {
  const tooLong = Buffer.byteLength(value) > maxBytes ? [`must be no more than ${maxBytes} bytes`] : [];
  return pattern.test(value) ? tooLong : [...tooLong, rule];
}

/** Upstream's wording, with the two spaces before each "or". */
function regexRule(rule: string, regex: string, ...examples: string[]): string {
  const quoted = examples.map((example) => `'${example}', `).join(" or ");
  return `${rule} (e.g. ${quoted}regex used for validation is '${regex}')`;
}

function whole(regex: string): RegExp {
  return new RegExp(`^(?:${regex})$`);
}
