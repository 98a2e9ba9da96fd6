import type { UserInfo as UserInfoDocument } from "#api/generated/types";
import { selfSubjectReviewDefinition, tokenReviewDefinition } from "#api/kinds/reviews";
import { StatusError } from "#api/status";
import type { Review } from "../registry/review.ts";
import { authenticateToken, type AuthenticationOptions } from "./authenticate.ts";
import type { UserInfo } from "./user.ts";

/** SelfSubjectReview: as whom the server knows the asker. */
export const selfSubjectReview: Review = {
  definition: selfSubjectReviewDefinition,
  answer: async (question, asker) => ({ ...question, status: { userInfo: documentOf(asker) } }),
};

/** TokenReview: whether a token is believed, and whose it is (upstream: pkg/registry/authentication/tokenreview). */
export function tokenReview(options: AuthenticationOptions): Review {
  return {
    definition: tokenReviewDefinition,
    answer: async (question) => {
      const { spec } = question as { spec?: { token?: string; audiences?: readonly string[] } };
      const { token = "", audiences = [] } = spec ?? {};
      if (token === "") throw new StatusError("BadRequest", "token is required for TokenReview in authentication");
      const wanted = audiences.length === 0 ? options.audiences : audiences;
      const verdict = await authenticateToken(token, wanted, options.tokens);
      const status =
        verdict.user === undefined
          ? { user: {}, error: verdict.refusal }
          : { authenticated: true, user: documentOf(verdict.user), audiences: verdict.audiences };
      return { ...question, status };
    },
  };
}

function documentOf({ name, uid, groups, extra }: UserInfo): UserInfoDocument {
  return { username: name, ...(uid !== undefined && { uid }), groups, ...(extra !== undefined && { extra }) };
}
