import type { Container, ContainerState, ContainerStatus, EnvVar, Pod } from "#api/generated/types";
import { probeText } from "./probe.ts";
import { Section } from "./section.ts";
import { longTime } from "./times.ts";

/** Containers under their heading, as they are asked for and, with statuses, as they are. */
export function containersText(
  heading: string,
  containers: readonly Container[] | undefined,
  statuses: readonly ContainerStatus[] | undefined,
  level: number,
  pod?: Pod,
): string {
  const section = new Section();
  if (containers === undefined || containers.length === 0) {
    return heading === "Containers" ? section.line(level, `${heading}: <none>`).text : "";
  }
  section.line(level, `${heading}:`);
  for (const container of containers) {
    const status = statuses?.find(({ name }) => name === container.name);
    // In a template only the names stand deeper, and by a single space.
    section.line(1, `${level > 0 ? " " : ""}${container.name}:`);
    section.add(identityText(container, status, 2));
    section.add(commandText(container, 2));
    if (status !== undefined) {
      section.add(stateText("State", status.state, 2));
      if (status.lastState?.terminated !== undefined) section.add(stateText("Last State", status.lastState, 2));
      section.field(2, "Ready", status.ready ? "True" : "False");
      section.field(2, "Restart Count", status.restartCount);
    }
    section.resources(2, "Limits", container.resources?.limits);
    section.resources(2, "Requests", container.resources?.requests);
    for (const [name, probe] of [
      ["Liveness", container.livenessProbe],
      ["Readiness", container.readinessProbe],
      ["Startup", container.startupProbe],
    ] as const) {
      if (probe !== undefined) section.field(2, name, probeText(probe));
    }
    section.add(environmentText(container, 2, pod));
    section.add(mountsText(container, 2));
  }
  return section.text;
}

function identityText({ image = "", ports = [] }: Container, status: ContainerStatus | undefined, level: number): string {
  const section = new Section();
  if (status !== undefined) section.field(level, "Container ID", status.containerID ?? "");
  section.field(level, "Image", image);
  if (status !== undefined) section.field(level, "Image ID", status.imageID);
  const own = ports.map(
    ({ containerPort, protocol = "TCP", name }) => `${containerPort}/${protocol}${name === undefined ? "" : ` (${name})`}`,
  );
  const host = ports.map(
    ({ hostPort = 0, protocol = "TCP", name }) => `${hostPort}/${protocol}${name === undefined ? "" : ` (${name})`}`,
  );
  const plural = ports.length > 1 ? "s" : "";
  section.field(level, `Port${plural}`, own.length === 0 ? "<none>" : own.join(", "));
  section.field(level, `Host Port${plural}`, host.length === 0 ? "<none>" : host.join(", "));
  return section.text;
}

function commandText({ command, args }: Container, level: number): string {
  const section = new Section();
  for (const [name, words] of [
    ["Command", command],
    ["Args", args],
  ] as const) {
    if (words === undefined || words.length === 0) continue;
    section.line(level, `${name}:`);
    for (const word of words) for (const line of word.split("\n")) section.line(level + 1, line);
  }
  return section.text;
}

function stateText(name: string, { running, waiting, terminated }: ContainerState = {}, level: number): string {
  const section = new Section();
  if (running !== undefined) section.field(level, name, "Running").field(level + 1, "Started", longTime(running.startedAt));
  else if (terminated !== undefined) {
    section.field(level, name, "Terminated");
    if ((terminated.reason ?? "") !== "") section.field(level + 1, "Reason", terminated.reason ?? "");
    if ((terminated.message ?? "") !== "") section.field(level + 1, "Message", terminated.message ?? "");
    section.field(level + 1, "Exit Code", terminated.exitCode);
    if ((terminated.signal ?? 0) > 0) section.field(level + 1, "Signal", terminated.signal ?? 0);
    section.field(level + 1, "Started", longTime(terminated.startedAt));
    section.field(level + 1, "Finished", longTime(terminated.finishedAt));
  } else {
    section.field(level, name, "Waiting");
    if ((waiting?.reason ?? "") !== "") section.field(level + 1, "Reason", waiting?.reason ?? "");
  }
  return section.text;
}

function environmentText({ env = [], envFrom = [] }: Container, level: number, pod: Pod | undefined): string {
  const section = new Section();
  if (envFrom.length > 0) {
    section.line(level, "Environment Variables from:");
    for (const { prefix, configMapRef, secretRef } of envFrom) {
      const [kind, ref] = configMapRef === undefined ? ["Secret", secretRef] : ["ConfigMap", configMapRef];
      const withPrefix = prefix === undefined || prefix === "" ? "" : ` with prefix '${prefix}'`;
      section.line(level + 1, `${ref?.name ?? ""}\t${kind}${withPrefix}\tOptional: ${ref?.optional === true}`);
    }
  }
  if (env.length === 0) return section.field(level, "Environment", "<none>").text;
  section.line(level, "Environment:");
  for (const variable of env) section.add(variableText(variable, level + 1, pod));
  return section.text;
}

function variableText({ name, value, valueFrom }: EnvVar, level: number, pod: Pod | undefined): string {
  const section = new Section();
  if (valueFrom?.fieldRef !== undefined) {
    const { apiVersion = "v1", fieldPath } = valueFrom.fieldRef;
    return section.line(level, `${name}:\t${pod === undefined ? "" : fieldValue(pod, fieldPath)} (${apiVersion}:${fieldPath})`)
      .text;
  }
  if (valueFrom?.resourceFieldRef !== undefined) {
    const { containerName = "", resource } = valueFrom.resourceFieldRef;
    return section.line(level, `${name}:\t${containerName === "" ? "" : `${containerName} `}(${resource})`).text;
  }
  for (const [kind, ref] of [
    ["secret", valueFrom?.secretKeyRef],
    ["config map", valueFrom?.configMapKeyRef],
  ] as const) {
    if (ref === undefined) continue;
    const text = `<set to the key '${ref.key}' ${kind === "secret" ? "in secret" : "of config map"} '${ref.name ?? ""}'>`;
    return section.line(level, `${name}:\t${text}\tOptional: ${ref.optional === true}`).text;
  }
  (value ?? "").split("\n").forEach((line, index) => section.line(level, index === 0 ? `${name}:\t${line}` : `\t${line}`));
  return section.text;
}

function fieldValue(pod: Pod, path: string): string {
  const key = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (key !== null) return pod.metadata[key[1] as "labels" | "annotations"]?.[key[2] ?? ""] ?? "";
  const found = path.split(".").reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], pod);
  return typeof found === "string" ? found : "";
}

function mountsText({ volumeMounts = [], volumeDevices = [] }: Container, level: number): string {
  const section = new Section();
  if (volumeMounts.length === 0) section.field(level, "Mounts", "<none>");
  else section.line(level, "Mounts:");
  for (const { mountPath, name, readOnly, subPath } of volumeMounts.toSorted((left, right) =>
    left.mountPath < right.mountPath ? -1 : 1,
  )) {
    const flags = [
      readOnly === true ? "ro" : "rw",
      ...(subPath === undefined || subPath === "" ? [] : [`path=${JSON.stringify(subPath)}`]),
    ];
    section.line(level + 1, `${mountPath} from ${name} (${flags.join(",")})`);
  }
  if (volumeDevices.length > 0) section.line(level, "Devices:");
  for (const { devicePath, name } of volumeDevices) section.line(level + 1, `${devicePath} from ${name}`);
  return section.text;
}
