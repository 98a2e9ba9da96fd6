import type { ReviewDefinition } from "../definition.ts";
import type { SelfSubjectReview, TokenReview } from "../generated/types.ts";
import { selfSubjectReviews, tokenReviews } from "../resource-type.ts";

/** Who am I? */
export const selfSubjectReviewDefinition: ReviewDefinition<SelfSubjectReview> = {
  type: selfSubjectReviews,
  singular: "selfsubjectreview",
  versions: [{ version: "v1", schema: "io.k8s.api.authentication.v1.SelfSubjectReview" }],
  isReview: true,
};

/** Whose token is this? */
export const tokenReviewDefinition: ReviewDefinition<TokenReview> = {
  type: tokenReviews,
  singular: "tokenreview",
  versions: [{ version: "v1", schema: "io.k8s.api.authentication.v1.TokenReview" }],
  isReview: true,
};
