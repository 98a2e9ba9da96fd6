import { describe, expect, it } from "vitest";
import { parseChallenge } from "./registry-client.ts";
import { credentialsFor, endpointsOf } from "./registry-endpoints.ts";

describe("endpointsOf", () => {
  it("tries mirrors in their order and the registry last", () => {
    const mirrors = { "docker.io": ["http://127.0.0.1:5000", "https://mirror.example"] };
    expect(endpointsOf("docker.io", mirrors).map(({ origin }) => origin)).toEqual([
      "http://127.0.0.1:5000",
      "https://mirror.example",
      "https://registry-1.docker.io",
    ]);
  });

  it.each([
    ["localhost:5000", "http://localhost:5000"],
    ["127.0.0.1:5000", "http://127.0.0.1:5000"],
    ["[::1]:5000", "http://[::1]:5000"],
    ["registry.example", "https://registry.example"],
    ["localhost.example", "https://localhost.example"],
    ["127.0.0.1.example", "https://127.0.0.1.example"],
  ])("asks %s at %s", (domain, origin) => {
    expect(endpointsOf(domain, {}).map((endpoint) => endpoint.origin)).toEqual([origin]);
  });

  it("never gives a mirror the credentials of the registry it stands in for", () => {
    const auths = [{ registry: "https://index.docker.io/v1/", username: "me", password: "secret" }];
    const [mirror, own] = endpointsOf("docker.io", { "docker.io": ["http://127.0.0.1:5000"] });
    expect(credentialsFor(mirror!.host, auths)).toBeUndefined();
    expect(credentialsFor(own!.host, auths)).toBe(auths[0]);
  });
});

describe("parseChallenge", () => {
  it("keeps commas inside quotes together", () => {
    expect(parseChallenge('Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push"')).toEqual({
      scheme: "bearer",
      parameters: { realm: "https://auth.example/token", service: "reg", scope: "repository:a/b:pull,push" },
    });
  });
});
