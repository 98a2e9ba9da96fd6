import { describe, expect, it } from "vitest";
import { formatReference, parseReference } from "./reference.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

describe("parseReference", () => {
  it.each([
    ["nginx", "docker.io/library/nginx:latest"],
    ["nginx:1.27", "docker.io/library/nginx:1.27"],
    ["bitnami/redis", "docker.io/bitnami/redis:latest"],
    ["docker.io/nginx", "docker.io/library/nginx:latest"],
    ["index.docker.io/nginx", "docker.io/library/nginx:latest"],
    ["localhost/app", "localhost/app:latest"],
    ["127.0.0.1:5000/app", "127.0.0.1:5000/app:latest"],
    ["[::1]:5000/app:2", "[::1]:5000/app:2"],
    ["registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"],
    [`nginx@${digest}`, `docker.io/library/nginx@${digest}`],
    [`nginx:1.27@${digest}`, `docker.io/library/nginx:1.27@${digest}`],
    ["a/b__c/d-e.f", "docker.io/a/b__c/d-e.f:latest"],
  ])("reads %s as %s", (text, expected) => {
    expect(formatReference(parseReference(text))).toBe(expected);
  });

  it.each([
    "",
    "Nginx",
    "nginx:",
    "nginx:no/tag",
    "nginx@sha256:short",
    "a//b",
    "-a",
    "a b",
    "x@y@z",
    "https://nginx",
    "a".repeat(256),
  ])("refuses %j in upstream's words", (text) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({
        reason: "InvalidImageName",
        message: `couldn't parse image name "${text}": invalid reference format`,
      }) as Error,
    );
  });
});
