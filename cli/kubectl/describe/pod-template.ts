import type { PodTemplateSpec, Toleration } from "#api/generated/types";
import { containersText } from "./containers.ts";
import { Section } from "./section.ts";
import { volumesText } from "./volumes.ts";

/** What a workload makes its pods of, with tabs between columns. */
export function podTemplateText({ metadata = {}, spec }: PodTemplateSpec): string {
  const section = new Section().line(0, "Pod Template:").map(1, "Labels", metadata.labels);
  if (Object.keys(metadata.annotations ?? {}).length > 0) section.annotations(1, metadata.annotations);
  if ((spec?.serviceAccountName ?? "") !== "") section.field(1, "Service Account", spec?.serviceAccountName ?? "");
  section.add(containersText("Init Containers", spec?.initContainers, undefined, 1));
  section.add(containersText("Containers", spec?.containers, undefined, 1));
  section.add(volumesText(spec?.volumes, 1));
  if ((spec?.priorityClassName ?? "") !== "") section.field(1, "Priority Class Name", spec?.priorityClassName ?? "");
  section.map(1, "Node-Selectors", spec?.nodeSelector);
  section.add(tolerationsText(spec?.tolerations, 1));
  return section.text;
}

export function tolerationsText(tolerations: readonly Toleration[] | undefined, level: number): string {
  const section = new Section();
  if (tolerations === undefined || tolerations.length === 0) return section.field(level, "Tolerations", "<none>").text;
  const texts = tolerations.map(({ key = "", value = "", effect = "", operator = "", tolerationSeconds }) =>
    [
      `${key}${value === "" ? "" : `=${value}`}${effect === "" ? "" : `:${effect}`}`,
      ...(operator === "Exists" && value === "" ? ["op=Exists"] : []),
      ...(tolerationSeconds === undefined ? [] : [`for ${tolerationSeconds}s`]),
    ]
      .filter((part) => part !== "")
      .join(" "),
  );
  texts.sort().forEach((text, index) => section.line(index === 0 ? level : 0, `${index === 0 ? "Tolerations:" : ""}\t${text}`));
  return section.text;
}
