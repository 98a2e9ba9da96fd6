import type { TokenKeys } from "../authn/token-keys.ts";

/** By which others verify tokens of service accounts without asking the API server about each (OpenID Connect Discovery 1.0). */
export interface OpenIdDocuments {
  /** `/.well-known/openid-configuration`. */
  readonly configuration: object;
  /** `/openid/v1/jwks`. */
  readonly keySet: () => Promise<object>;
}

export const keySetPath = "/openid/v1/jwks";
export const keySetContentType = "application/jwk-set+json";

export function openIdDocuments(keys: TokenKeys, issuer: string, serverUrl: string): OpenIdDocuments {
  return {
    configuration: {
      issuer,
      jwks_uri: `${serverUrl}${keySetPath}`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: [keys.algorithm],
    },
    keySet: () => keys.publicKeys(),
  };
}
