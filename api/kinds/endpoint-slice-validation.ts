import { isIP } from "node:net";
import { duplicate, invalidValue, notSupported, required, tooMany, type FieldError } from "../field-error.ts";
import { named, notSpecialAddress, oneOf } from "../field-rules.ts";
import type { DiscoveryEndpointPort, Endpoint, EndpointHints, EndpointSlice } from "../generated/types.ts";
import { dnsLabelErrors, labelKeyErrors, labelValueErrors, subdomainErrors } from "../label-validation.ts";
import { validateLabels } from "../metadata-validation.ts";

const most = { endpoints: 1000, addresses: 100, ports: 20_000, topologyLabels: 16, hints: 8 };

/** The rules of an EndpointSlice (upstream: pkg/apis/discovery/validation). */
export function validateEndpointSlice({ addressType, ports = [], endpoints = [] }: EndpointSlice): FieldError[] {
  return [
    ...oneOf("addressType", addressType, ["FQDN", "IPv4", "IPv6"]),
    ...(ports.length > most.ports ? [tooMany("ports", ports.length, most.ports)] : validatePorts(ports)),
    ...(endpoints.length > most.endpoints
      ? [tooMany("endpoints", endpoints.length, most.endpoints)]
      : endpoints.flatMap((endpoint, index) => validateEndpoint(endpoint, addressType, `endpoints[${index}]`))),
  ];
}

function validatePorts(ports: readonly DiscoveryEndpointPort[]): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  ports.forEach(({ name = "", port, protocol, appProtocol }, index) => {
    const at = `ports[${index}]`;
    if (name !== "") errors.push(...named(`${at}.name`, name, dnsLabelErrors));
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    if (port !== undefined && (port < 1 || port > 65535))
      errors.push(invalidValue(`${at}.port`, port, "must be between 1 and 65535, inclusive"));
    if (protocol === undefined || protocol === "") errors.push(required(`${at}.protocol`));
    else if (!["SCTP", "TCP", "UDP"].includes(protocol))
      errors.push(notSupported(`${at}.protocol`, protocol, ["SCTP", "TCP", "UDP"]));
    if (appProtocol !== undefined) errors.push(...named(`${at}.appProtocol`, appProtocol, labelKeyErrors));
  });
  return errors;
}

function validateEndpoint(endpoint: Endpoint, addressType: string, at: string): FieldError[] {
  const { addresses, nodeName, deprecatedTopology = {}, hostname, hints } = endpoint as Partial<Endpoint>;
  const errors: FieldError[] = [];
  const count = addresses?.length ?? 0;
  if (count === 0) errors.push(required(`${at}.addresses`, "must contain at least 1 address"));
  else if (count > most.addresses) errors.push(tooMany(`${at}.addresses`, count, most.addresses));
  (addresses ?? []).forEach((address, index) => {
    errors.push(...validateAddress(address, addressType, `${at}.addresses[${index}]`));
  });
  if (nodeName !== undefined) errors.push(...named(`${at}.nodeName`, nodeName, subdomainErrors));
  const labels = Object.keys(deprecatedTopology).length;
  if (labels > most.topologyLabels) errors.push(tooMany(`${at}.deprecatedTopology`, labels, most.topologyLabels));
  errors.push(...validateLabels(deprecatedTopology, `${at}.deprecatedTopology`));
  if (hostname !== undefined) errors.push(...named(`${at}.hostname`, hostname, dnsLabelErrors));
  return hints === undefined ? errors : [...errors, ...validateHints(hints, `${at}.hints`)];
}

function validateAddress(address: string, addressType: string, at: string): FieldError[] {
  switch (addressType) {
    case "IPv4":
      return isIP(address) === 4 ? notSpecialAddress(at, address) : [invalidValue(at, address, "must be a valid IPv4 address")];
    case "IPv6":
      return isIP(address) === 6 ? notSpecialAddress(at, address) : [invalidValue(at, address, "must be a valid IPv6 address")];
    case "FQDN":
      return validateDomain(address, at);
    default:
      return [];
  }
}

function validateDomain(name: string, at: string): FieldError[] {
  if (name === "") return [required(at)];
  const plain = name.replace(/\.$/, "");
  const errors = subdomainErrors(plain);
  if (errors.length > 0) return [invalidValue(at, plain, errors.join(","))];
  const labels = plain.split(".");
  if (labels.length < 2) return [invalidValue(at, plain, "should be a domain with at least two segments separated by dots")];
  return labels.flatMap((label) => {
    const complaints = dnsLabelErrors(label);
    return complaints.length === 0 ? [] : [invalidValue(at, label, complaints.join(","))];
  });
}

function validateHints({ forZones = [], forNodes = [] }: EndpointHints, at: string): FieldError[] {
  return [
    ...validateNames(forZones, `${at}.forZones`, labelValueErrors),
    ...validateNames(forNodes, `${at}.forNodes`, subdomainErrors),
  ];
}

function validateNames(
  entries: readonly { readonly name: string }[],
  at: string,
  rule: (name: string) => string[],
): FieldError[] {
  if (entries.length > most.hints) return [tooMany(at, entries.length, most.hints)];
  const names = entries.map(({ name }) => name);
  return names.flatMap((name, index) => [
    ...(names.indexOf(name) < index ? [duplicate(`${at}[${index}].name`, name)] : []),
    ...named(`${at}[${index}].name`, name, rule),
  ]);
}
