import type { Volume } from "#api/generated/types";
import { Section } from "./section.ts";

/** The volumes of a pod or a template, each with where it comes from. */
export function volumesText(volumes: readonly Volume[] | undefined, level: number, heading = "Volumes"): string {
  const section = new Section();
  if (volumes === undefined || volumes.length === 0) return section.line(level, `${heading}:\t<none>`).text;
  section.line(level, `${heading}:`);
  for (const volume of volumes) section.line(level + 1, `${volume.name}:`).add(sourceText(volume, level + 2));
  return section.text;
}

function sourceText(volume: Volume, level: number): string {
  const section = new Section();
  const { emptyDir, hostPath, configMap, secret, downwardAPI, projected, persistentVolumeClaim } = volume;
  if (emptyDir !== undefined) {
    section.field(level, "Type", "EmptyDir (a temporary directory that shares a pod's lifetime)");
    section.field(level, "Medium", emptyDir.medium ?? "");
    section.field(level, "SizeLimit", emptyDir.sizeLimit ?? "<unset>");
  } else if (hostPath !== undefined) {
    section.field(level, "Type", "HostPath (bare host directory volume)");
    section.field(level, "Path", hostPath.path).field(level, "HostPathType", hostPath.type ?? "");
  } else if (configMap !== undefined) {
    section.field(level, "Type", "ConfigMap (a volume populated by a ConfigMap)");
    section.field(level, "Name", configMap.name ?? "").field(level, "Optional", configMap.optional === true);
  } else if (secret !== undefined) {
    section.field(level, "Type", "Secret (a volume populated by a Secret)");
    section.field(level, "SecretName", secret.secretName ?? "").field(level, "Optional", secret.optional === true);
  } else if (downwardAPI !== undefined) {
    section.field(level, "Type", "DownwardAPI (a volume populated by information about the pod)").line(level, "Items:");
    for (const { path, fieldRef, resourceFieldRef } of downwardAPI.items ?? []) {
      section.line(level + 1, `${fieldRef?.fieldPath ?? resourceFieldRef?.resource ?? ""} -> ${path}`);
    }
  } else if (projected !== undefined) {
    section.field(level, "Type", "Projected (a volume that contains injected data from multiple sources)");
    for (const source of projected.sources ?? []) {
      if (source.secret !== undefined) {
        section.field(level, "SecretName", source.secret.name ?? "").field(level, "Optional", source.secret.optional === true);
      } else if (source.configMap !== undefined) {
        section.field(level, "ConfigMapName", source.configMap.name ?? "");
        section.field(level, "Optional", source.configMap.optional === true);
      } else if (source.downwardAPI !== undefined) section.field(level, "DownwardAPI", true);
      else if (source.serviceAccountToken !== undefined) {
        section.field(level, "TokenExpirationSeconds", source.serviceAccountToken.expirationSeconds ?? 3600);
      }
    }
  } else if (persistentVolumeClaim !== undefined) {
    section.field(level, "Type", "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)");
    section.field(level, "ClaimName", persistentVolumeClaim.claimName);
    section.field(level, "ReadOnly", persistentVolumeClaim.readOnly === true);
  } else section.field(level, "Type", Object.keys(volume).find((field) => field !== "name") ?? "<unknown>");
  return section.text;
}
