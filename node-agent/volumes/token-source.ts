import type { TokenRequest } from "#api/generated/types";
import { serviceAccounts } from "#api/resource-type";
import type { Clock } from "#base/clock";
import type { Random } from "#base/random";
import type { ApiWriter } from "#client/api-client";
import { specOf, type StoredPod } from "../pod-spec.ts";

export interface TokenWish {
  /** Absent: the API server. */
  readonly audience?: string;
  readonly expirationSeconds: number;
}

/** Tokens of the accounts that pods run as, each bound to its pod. */
export interface TokenSource {
  /** One that holds for a while yet. @throws StatusError when there is none and none to be had. */
  token(pod: StoredPod, wish: TokenWish): Promise<string>;
  /** Drops what it knows for a pod that is gone. */
  forget(podUid: string): void;
}

interface Issued {
  readonly token: string;
  /** By the monotonic clock here: no other machine's time decides. */
  readonly refreshAt: number;
  readonly endsAt: number;
}

/** A token is replaced when a fifth of its life is left, or after a day (upstream: pkg/kubelet/token). */
const usedShare = 0.8;
const longestUseMs = 24 * 3600 * 1000;
/** So that the tokens of many pods are not asked for at the same moment. */
const jitterMs = 10_000;

export function tokenSource({ client, clock, random }: { client: ApiWriter; clock: Clock; random: Random }): TokenSource {
  const issued = new Map<string, Map<string, Issued>>();
  const ask = async (pod: StoredPod, { audience, expirationSeconds }: TokenWish): Promise<Issued> => {
    const { namespace = "", name, uid } = pod.metadata;
    const account = { namespace, name: specOf(pod).serviceAccountName ?? "default" };
    const request: TokenRequest = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      metadata: {},
      spec: {
        ...(audience !== undefined && { audiences: [audience] }),
        expirationSeconds,
        boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid },
      },
    };
    const asked = clock.monotonic();
    const { status } = await client.createSubresource<TokenRequest>(serviceAccounts, account, "token", request);
    const lifeMs = expirationSeconds * 1000;
    const refreshAfter = Math.min(lifeMs * usedShare, longestUseMs) - jitterMs * random.float();
    return { token: status?.token ?? "", refreshAt: asked + refreshAfter, endsAt: asked + lifeMs };
  };
  return {
    token: async (pod, wish) => {
      const { uid } = pod.metadata;
      const ofPod = issued.get(uid) ?? new Map<string, Issued>();
      issued.set(uid, ofPod);
      const id = JSON.stringify([wish.audience ?? "", wish.expirationSeconds]);
      const known = ofPod.get(id);
      const now = clock.monotonic();
      if (known !== undefined && now < known.refreshAt) return known.token;
      try {
        const fresh = await ask(pod, wish);
        ofPod.set(id, fresh);
        return fresh.token;
      } catch (error) {
        if (known === undefined || now >= known.endsAt) throw error;
        return known.token;
      }
    },
    forget: (podUid) => issued.delete(podUid),
  };
}
