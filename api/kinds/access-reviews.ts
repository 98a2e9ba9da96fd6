import type { ReviewDefinition } from "../definition.ts";
import { invalidValue, required, type FieldError } from "../field-error.ts";
import type {
  LocalSubjectAccessReview,
  ObjectMeta,
  SelfSubjectAccessReview,
  SelfSubjectAccessReviewSpec,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
} from "../generated/types.ts";
import {
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
} from "../resource-type.ts";

/** May I? */
export const selfSubjectAccessReviewDefinition: ReviewDefinition<SelfSubjectAccessReview> = {
  type: selfSubjectAccessReviews,
  singular: "selfsubjectaccessreview",
  versions: [{ version: "v1", schema: "io.k8s.api.authorization.v1.SelfSubjectAccessReview" }],
  isReview: true,
  validate: (review) => [...exactlyOne(specOf(review)), ...emptyMetadata(review.metadata)],
};

/** What may I? */
export const selfSubjectRulesReviewDefinition: ReviewDefinition<SelfSubjectRulesReview> = {
  type: selfSubjectRulesReviews,
  singular: "selfsubjectrulesreview",
  versions: [{ version: "v1", schema: "io.k8s.api.authorization.v1.SelfSubjectRulesReview" }],
  isReview: true,
};

/** May they? */
export const subjectAccessReviewDefinition: ReviewDefinition<SubjectAccessReview> = {
  type: subjectAccessReviews,
  singular: "subjectaccessreview",
  versions: [{ version: "v1", schema: "io.k8s.api.authorization.v1.SubjectAccessReview" }],
  isReview: true,
  validate: (review) => [...exactlyOne(specOf(review)), ...someSubject(specOf(review)), ...emptyMetadata(review.metadata)],
};

/** May they, in this namespace? */
export const localSubjectAccessReviewDefinition: ReviewDefinition<LocalSubjectAccessReview> = {
  type: localSubjectAccessReviews,
  singular: "localsubjectaccessreview",
  versions: [{ version: "v1", schema: "io.k8s.api.authorization.v1.LocalSubjectAccessReview" }],
  isReview: true,
  validate: (review) => {
    const { namespace = "", ...rest } = review.metadata;
    const spec = specOf(review);
    return [
      ...exactlyOne(spec),
      ...someSubject(spec),
      ...emptyMetadata(rest, "must be empty except for namespace"),
      ...samePlace(spec, namespace),
    ];
  },
};

/** The schema asks for a spec; upstream reads a missing one as an empty one. */
function specOf<Spec extends object>({ spec }: { readonly spec?: Spec }): Partial<Spec> {
  return spec ?? {};
}

function exactlyOne({ resourceAttributes, nonResourceAttributes }: Partial<SelfSubjectAccessReviewSpec>): FieldError[] {
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    const message = "cannot be specified in combination with resourceAttributes";
    return [invalidValue("spec.nonResourceAttributes", nonResourceAttributes, message)];
  }
  if (resourceAttributes === undefined && nonResourceAttributes === undefined) {
    const message = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
    return [invalidValue("spec.resourceAttributes", null, message)];
  }
  return [
    ...validateSelector(resourceAttributes?.fieldSelector, "spec.resourceAttributes.fieldSelector"),
    ...validateSelector(resourceAttributes?.labelSelector, "spec.resourceAttributes.labelSelector"),
  ];
}

interface Selecting {
  readonly rawSelector?: string;
  readonly requirements?: readonly unknown[];
}

/** As text or in parts (upstream: validateFieldSelectorAttributes in pkg/apis/authorization/validation). */
function validateSelector(selector: Selecting | undefined, at: string): FieldError[] {
  if (selector === undefined) return [];
  const { rawSelector = "", requirements = [] } = selector;
  if (rawSelector !== "" && requirements.length > 0)
    return [invalidValue(`${at}.rawSelector`, rawSelector, "may not specified at the same time as requirements")];
  if (rawSelector !== "" || requirements.length > 0) return [];
  return [required(`${at}.requirements`, `when ${at} is specified, requirements or rawSelector is required`)];
}

function someSubject({ user = "", groups = [] }: Partial<SubjectAccessReviewSpec>): FieldError[] {
  if (user !== "" || groups.length > 0) return [];
  return [invalidValue("spec.user", user, "at least one of user or group must be specified")];
}

function emptyMetadata({ managedFields: _, ...metadata }: ObjectMeta, message = "must be empty"): FieldError[] {
  return Object.keys(metadata).length === 0 ? [] : [invalidValue("metadata", metadata, message)];
}

function samePlace(
  { resourceAttributes, nonResourceAttributes }: Partial<SubjectAccessReviewSpec>,
  namespace: string,
): FieldError[] {
  const asked = resourceAttributes?.namespace ?? "";
  return [
    ...(resourceAttributes !== undefined && asked !== namespace
      ? [invalidValue("spec.resourceAttributes.namespace", asked, "must match metadata.namespace")]
      : []),
    ...(nonResourceAttributes !== undefined
      ? [invalidValue("spec.nonResourceAttributes", nonResourceAttributes, "disallowed on this kind of request")]
      : []),
  ];
}
