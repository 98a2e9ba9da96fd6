import { forbidden, invalidValue, notSupported, required, type FieldError } from "../field-error.ts";
import { named, nonNegative, portNumber } from "../field-rules.ts";
import type { Lifecycle, LifecycleHandler, Probe } from "../generated/types.ts";
import { validateHeaderName, validatePortName } from "../name-validation.ts";

interface Probes {
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly startupProbe?: Probe;
  readonly lifecycle?: Lifecycle;
}

/** The rules of what is asked of, and told to, a running container. */
export function validateProbes(container: Probes, at: string, gracePeriod: number | undefined): FieldError[] {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
  const errors: FieldError[] = [];
  for (const [name, handler] of Object.entries({ postStart: lifecycle?.postStart, preStop: lifecycle?.preStop }))
    if (handler) errors.push(...validateHandler(handler, `${at}.lifecycle.${name}`, gracePeriod));
  if (livenessProbe) errors.push(...validateProbe(livenessProbe, `${at}.livenessProbe`, true));
  if (readinessProbe) {
    errors.push(...validateProbe(readinessProbe, `${at}.readinessProbe`, false));
    const { terminationGracePeriodSeconds: grace } = readinessProbe;
    if (grace !== undefined) {
      const field = `${at}.readinessProbe.terminationGracePeriodSeconds`;
      errors.push(invalidValue(field, grace, "must not be set for readinessProbes"));
    }
  }
  if (startupProbe) errors.push(...validateProbe(startupProbe, `${at}.startupProbe`, true));
  return errors;
}

const counts = ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] as const;

function validateProbe(probe: Probe, at: string, succeedsOnce: boolean): FieldError[] {
  const errors = validateHandler(probe, at, undefined);
  for (const field of counts) errors.push(...nonNegative(`${at}.${field}`, probe[field]));
  const { terminationGracePeriodSeconds: grace, successThreshold = 1 } = probe;
  if (grace !== undefined && grace <= 0)
    errors.push(invalidValue(`${at}.terminationGracePeriodSeconds`, grace, "must be greater than 0"));
  if (succeedsOnce && successThreshold !== 1) errors.push(invalidValue(`${at}.successThreshold`, successThreshold, "must be 1"));
  return errors;
}

const handlerKinds = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] as const;

function validateHandler(handler: Probe & LifecycleHandler, at: string, gracePeriod: number | undefined): FieldError[] {
  const [first, ...others] = handlerKinds.filter((kind) => handler[kind] !== undefined);
  if (first === undefined) return [required(at, "must specify a handler type")];
  return [
    ...validateAction(handler, first, `${at}.${first}`, gracePeriod),
    ...others.map((kind) => forbidden(`${at}.${kind}`, "may not specify more than 1 handler type")),
  ];
}

function validateAction(
  { exec, httpGet, tcpSocket, grpc, sleep }: Probe & LifecycleHandler,
  kind: (typeof handlerKinds)[number],
  at: string,
  gracePeriod: number | undefined,
): FieldError[] {
  switch (kind) {
    case "exec":
      return (exec?.command ?? []).length === 0 ? [required(`${at}.command`)] : [];
    case "httpGet":
      return httpGet === undefined ? [] : validateHttpGet(httpGet, at);
    case "tcpSocket":
      return validatePort(tcpSocket?.port ?? 0, `${at}.port`);
    case "grpc":
      return validatePort(grpc?.port ?? 0, `${at}.port`);
    case "sleep": {
      const seconds = sleep?.seconds ?? 0;
      if (gracePeriod === undefined || (seconds >= 0 && seconds <= gracePeriod)) return [];
      const detail = `must be non-negative and less than terminationGracePeriodSeconds (${gracePeriod})`;
      return [invalidValue(at, seconds, detail)];
    }
  }
}

function validateHttpGet(action: NonNullable<Probe["httpGet"]>, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!action.path) errors.push(required(`${at}.path`));
  errors.push(...validatePort(action.port, `${at}.port`));
  if (action.scheme !== "HTTP" && action.scheme !== "HTTPS")
    errors.push(notSupported(`${at}.scheme`, action.scheme ?? "", ["HTTP", "HTTPS"]));
  for (const { name } of action.httpHeaders ?? []) errors.push(...named(`${at}.httpHeaders`, name, validateHeaderName));
  return errors;
}

/** A number, or the name of a port. */
export function validatePort(port: number | string, at: string): FieldError[] {
  return typeof port === "number" ? portNumber(at, port) : named(at, port, validatePortName);
}
