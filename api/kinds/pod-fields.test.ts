import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "#base/package-root";
import { podFields, unimplementedFields } from "./pod-fields.ts";

interface Property {
  readonly $ref?: string;
  readonly items?: { readonly $ref?: string };
}

const schema = JSON.parse(readFileSync(join(packageRoot, "api/schema/kubernetes-1.36-schema.json"), "utf8")) as {
  definitions: Record<string, { properties?: Record<string, Property> }>;
};
const propertiesOf = (type: string) => schema.definitions[`io.k8s.api.core.v1.${type}`]?.properties ?? {};
const main = { name: "main", image: "nginx" };

describe("the table of pod fields", () => {
  it.each(Object.keys(podFields))("knows each field of the schema's %s, and no other", (type) => {
    expect(Object.keys(podFields[type] ?? {}).sort()).toEqual(Object.keys(propertiesOf(type)).sort());
  });

  it("goes on with the type that the schema names", () => {
    for (const [type, fields] of Object.entries(podFields)) {
      for (const [field, fate] of Object.entries(fields)) {
        if (fate === "implemented" || fate === "warned") continue;
        const property = propertiesOf(type)[field];
        expect(`${type}.${field}: ${property?.$ref ?? property?.items?.$ref ?? ""}`).toBe(
          `${type}.${field}: #/definitions/io.k8s.api.core.v1.${fate}`,
        );
        expect(podFields).toHaveProperty(fate);
      }
    }
  });
});

describe("unimplementedFields", () => {
  it("names what is set and not acted on, by its path", () => {
    const spec = {
      containers: [
        main,
        {
          ...main,
          resizePolicy: [{ resourceName: "cpu", restartPolicy: "NotRequired" }],
          securityContext: { procMount: "Unmasked" },
        },
      ],
      initContainers: [{ ...main, securityContext: { seLinuxOptions: { level: "s0" } } }],
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "zone" }] } },
      volumes: [
        { name: "a", nfs: { server: "x", path: "/" } },
        { name: "b", emptyDir: { sizeLimit: "1Gi" } },
      ],
      runtimeClassName: "gvisor",
    };
    expect(unimplementedFields(spec).sort()).toEqual([
      "containers[1].resizePolicy",
      "containers[1].securityContext.procMount",
      "initContainers[0].securityContext.seLinuxOptions",
      "runtimeClassName",
      "volumes[0].nfs",
      "volumes[1].emptyDir.sizeLimit",
    ]);
  });

  it("warns of a host's port, unless the pod is on the host's network anyway", () => {
    const containers = [{ name: "web", ports: [{ containerPort: 80, hostPort: 80 }] }];
    expect(unimplementedFields({ containers })).toEqual(["containers[0].ports[0].hostPort"]);
    expect(unimplementedFields({ containers, hostNetwork: true })).toEqual([]);
  });

  it("says nothing of what is acted on, of what is empty, and of what is so anyway", () => {
    const spec = {
      containers: [{ ...main, stdin: false, lifecycle: {}, securityContext: { procMount: "Default", runAsUser: 1 } }],
      volumes: [{ name: "b", emptyDir: { medium: "Memory", sizeLimit: "1Gi" } }],
      enableServiceLinks: true,
      os: { name: "linux" },
      affinity: { nodeAffinity: {} },
      nodeSelector: { disk: "ssd" },
    };
    expect(unimplementedFields(spec)).toEqual([]);
  });
});
