import { describe, expect, it } from "vitest";
import type { StoredPod } from "../pod-spec.ts";
import { exceededLocalStorage, limitsLocalStorage } from "./local-storage.ts";

const MiB = 2 ** 20;
const pod = (spec: NonNullable<StoredPod["spec"]>) => ({ metadata: { name: "p", uid: "1" }, spec }) as StoredPod;
const limited = (name: string, limit?: string) => ({
  name,
  ...(limit !== undefined && { resources: { limits: { "ephemeral-storage": limit } } }),
});
const use = (emptyDirs: Record<string, number>, containers: Record<string, number>) => ({
  emptyDirs: new Map(Object.entries(emptyDirs)),
  containers: new Map(Object.entries(containers)),
});

/** The words are upstream's (pkg/kubelet/eviction/helpers.go). */
describe("local storage of pods", () => {
  it("is measured only where there is a limit", () => {
    expect(limitsLocalStorage(pod({ containers: [limited("a")], volumes: [{ name: "v", emptyDir: {} }] }))).toBe(false);
    expect(limitsLocalStorage(pod({ containers: [limited("a")], volumes: [{ name: "v", emptyDir: { sizeLimit: "0" } }] }))).toBe(
      false,
    );
    expect(
      limitsLocalStorage(pod({ containers: [limited("a")], volumes: [{ name: "v", emptyDir: { sizeLimit: "1Mi" } }] })),
    ).toBe(true);
    expect(limitsLocalStorage(pod({ containers: [limited("a", "1Gi")] }))).toBe(true);
  });

  it.each([
    ["an emptyDir at its limit is fine", { v: MiB }, {}, undefined],
    ["an emptyDir over it is not", { v: MiB + 1 }, {}, 'Usage of EmptyDir volume "v" exceeds the limit "1Mi". '],
  ])("%s", (_name, emptyDirs, containers, expected) => {
    const sized = pod({ containers: [limited("a")], volumes: [{ name: "v", emptyDir: { sizeLimit: "1Mi" } }] });
    expect(exceededLocalStorage(sized, use(emptyDirs, containers))).toBe(expected);
  });

  const two = pod({
    containers: [limited("a", "10Mi"), limited("b", "20Mi")],
    volumes: [
      { name: "disk", emptyDir: {} },
      { name: "ram", emptyDir: { medium: "Memory" } },
    ],
  });
  it.each([
    ["within all limits", use({ disk: 5 * MiB, ram: 99 * MiB }, { a: 10 * MiB, b: 15 * MiB }), undefined],
    [
      "over the pod's total with what it put into a volume",
      use({ disk: 6 * MiB }, { a: 10 * MiB, b: 15 * MiB }),
      `Pod ephemeral local storage usage exceeds the total limit of containers ${30 * MiB}. `,
    ],
    [
      "one container over its own",
      use({}, { a: 11 * MiB, b: 0 }),
      'Container a exceeded its local ephemeral storage limit "10Mi". ',
    ],
  ])("%s", (_name, used, expected) => {
    expect(exceededLocalStorage(two, used)).toBe(expected);
  });
});
