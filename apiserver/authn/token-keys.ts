import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { CompactSign, compactVerify, errors, exportJWK, type JWK } from "jose";

/** The key by which the cluster vouches for what it says in tokens. */
export interface TokenKeys {
  /** `ES256`, `RS256`. */
  readonly algorithm: string;
  sign(claims: object): Promise<string>;
  /** What the token says. Undefined when it is not signed by this key; whether it still holds is another question. */
  verify(token: string): Promise<unknown>;
  /** With what others can verify. */
  publicKeys(): Promise<{ readonly keys: readonly JWK[] }>;
}

/** `pem` is a private key in PKCS #8, EC P-256 or RSA. */
export function tokenKeys(pem: string): TokenKeys {
  const privateKey = createPrivateKey(pem);
  const publicKey = createPublicKey(privateKey);
  const algorithm = algorithmOf(privateKey);
  const kid = keyId(publicKey);
  return {
    algorithm,
    sign: (claims) =>
      new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ alg: algorithm, kid }).sign(privateKey),
    verify: async (token) => {
      try {
        const { payload } = await compactVerify(token, publicKey, { algorithms: [algorithm] });
        return JSON.parse(new TextDecoder().decode(payload)) as unknown;
      } catch (error) {
        if (error instanceof errors.JOSEError || error instanceof SyntaxError) return undefined;
        throw error;
      }
    },
    publicKeys: async () => ({ keys: [{ use: "sig", kid, alg: algorithm, ...(await exportJWK(publicKey)) }] }),
  };
}

function algorithmOf(key: KeyObject): string {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === "rsa") return "RS256";
  if (type === "ec" && details?.namedCurve === "prime256v1") return "ES256";
  throw new Error(`tokens are signed with RSA or EC P-256, not with a key of type ${type ?? "unknown"}`);
}

/** As upstream names keys (pkg/serviceaccount, keyIDFromPublicKey): the hash of the key itself, so that it needs no bookkeeping. */
function keyId(key: KeyObject): string {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("base64url");
}
