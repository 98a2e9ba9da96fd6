import type { Service } from "../generated/types.ts";

const hints = "service.kubernetes.io/topology-aware-hints";
const mode = "service.kubernetes.io/topology-mode";

/** What is accepted and has no effect (upstream: GetWarningsForService in pkg/api/service/warnings.go). */
export function serviceWarnings({ metadata, spec = {} }: Service): string[] {
  const { type, clusterIP, externalIPs = [], externalName, loadBalancerIP, sessionAffinity, trafficDistribution } = spec;
  const isHeadless = type === "ClusterIP" && clusterIP === "None";
  const isName = type === "ExternalName";
  const warnings: string[] = [];
  if (metadata.annotations?.[hints] !== undefined) warnings.push(`annotation ${hints} is deprecated, please use ${mode} instead`);
  if (isHeadless && loadBalancerIP) warnings.push("spec.loadBalancerIP is ignored for headless services");
  if (isHeadless && externalIPs.length > 0) warnings.push("spec.externalIPs is ignored for headless services");
  if (isHeadless && sessionAffinity !== "None") warnings.push("spec.SessionAffinity is ignored for headless services");
  if (isName && externalIPs.length > 0) warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (!isName && externalName) warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  if (!isName && !isHeadless && externalIPs.length > 0)
    warnings.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters");
  if (trafficDistribution === "PreferClose")
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  return warnings;
}
