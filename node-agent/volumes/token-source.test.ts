import { describe, expect, test } from "vitest";
import type { TokenRequest } from "#api/generated/types";
import { StatusError } from "#api/status";
import { FakeClock } from "#base/fake-clock";
import { seededRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { tokenSource } from "./token-source.ts";

const hour = 3600 * 1000;
const pod = {
  metadata: { namespace: "team", name: "web", uid: "u1", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" },
  spec: { containers: [], serviceAccountName: "builder" },
};

function start() {
  const clock = new FakeClock();
  const asked: { account: unknown; spec: TokenRequest["spec"] }[] = [];
  let isReachable = true;
  const createSubresource = async (
    _type: unknown,
    account: unknown,
    _part: unknown,
    body: TokenRequest,
  ): Promise<TokenRequest> => {
    asked.push({ account, spec: body.spec });
    if (!isReachable) throw new StatusError("ServiceUnavailable", "away");
    return { ...body, status: { token: `token-${asked.length}` } };
  };
  const client = { createSubresource } as unknown as ApiClient;
  const source = tokenSource({ client, clock, random: seededRandom(1) });
  const reachable = (is: boolean): void => {
    isReachable = is;
  };
  return { clock, asked, source, reachable };
}

describe("the tokens of a pod", () => {
  test("are asked for its account, bound to it, and kept", async () => {
    const { source, asked } = start();
    expect(await source.token(pod, { expirationSeconds: 3607 })).toBe("token-1");
    expect(await source.token(pod, { expirationSeconds: 3607 })).toBe("token-1");
    expect(asked).toEqual([
      {
        account: { namespace: "team", name: "builder" },
        spec: { expirationSeconds: 3607, boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "web", uid: "u1" } },
      },
    ]);
  });

  test("are others for other audiences and lives", async () => {
    const { source, asked } = start();
    await source.token(pod, { expirationSeconds: 3600 });
    await source.token(pod, { expirationSeconds: 3600, audience: "vault" });
    await source.token(pod, { expirationSeconds: 7200 });
    expect(asked.map(({ spec }) => [spec?.audiences, spec?.expirationSeconds])).toEqual([
      [undefined, 3600],
      [["vault"], 3600],
      [undefined, 7200],
    ]);
  });

  // Source: requiresRefresh in pkg/kubelet/token/token_manager.go, with up to ten seconds of jitter.
  test.each([
    ["four fifths of its life", 3600, 0.8 * hour],
    ["a day, however long it lives", 30 * 24 * 3600, 24 * hour],
  ])("are replaced after %s", async (_when, expirationSeconds, afterMs) => {
    const { source, clock } = start();
    await source.token(pod, { expirationSeconds });
    await clock.advance(afterMs - 11_000);
    expect(await source.token(pod, { expirationSeconds })).toBe("token-1");
    await clock.advance(11_000);
    expect(await source.token(pod, { expirationSeconds })).toBe("token-2");
  });

  test("serve to their end while no others are to be had", async () => {
    const { source, clock, reachable } = start();
    await source.token(pod, { expirationSeconds: 3600 });
    reachable(false);
    await clock.advance(0.9 * hour);
    expect(await source.token(pod, { expirationSeconds: 3600 })).toBe("token-1");
    await clock.advance(0.1 * hour);
    await expect(source.token(pod, { expirationSeconds: 3600 })).rejects.toThrow("away");
  });

  test("are forgotten with the pod", async () => {
    const { source } = start();
    await source.token(pod, { expirationSeconds: 3600 });
    source.forget("u1");
    expect(await source.token(pod, { expirationSeconds: 3600 })).toBe("token-2");
  });
});
