import { expect, it } from "vitest";
import { selectPlatform } from "./manifest.ts";

const image = (digest: string, platform?: { os: string; architecture: string }) => ({
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest,
  size: 1,
  ...(platform !== undefined && { platform }),
});

it("chooses this machine's architecture among others and attestations", () => {
  const manifests = [
    image("arm", { os: "linux", architecture: "arm64" }),
    image("windows", { os: "windows", architecture: "amd64" }),
    image("attestation", { os: "unknown", architecture: "unknown" }),
    image("wanted", { os: "linux", architecture: "amd64" }),
  ];
  expect(selectPlatform({ manifests }, "x64")?.digest).toBe("wanted");
  expect(selectPlatform({ manifests }, "arm64")?.digest).toBe("arm");
  expect(selectPlatform({ manifests }, "s390x")).toBeUndefined();
});

it("takes the only image of an index that names no platform", () => {
  expect(selectPlatform({ manifests: [image("only")] }, "x64")?.digest).toBe("only");
});
