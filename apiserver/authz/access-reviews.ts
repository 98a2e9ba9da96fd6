import {
  localSubjectAccessReviewDefinition,
  selfSubjectAccessReviewDefinition,
  selfSubjectRulesReviewDefinition,
  subjectAccessReviewDefinition,
} from "#api/kinds/access-reviews";
import { formatFieldSelector, parseFieldSelector, type FieldRequirement } from "#api/field-selector";
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  NonResourceAttributes,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
} from "#api/generated/types";
import { compileLabelSelector, parseLabelSelector } from "#api/label-selector";
import type { KubeObject } from "#api/object";
import { StatusError } from "#api/status";
import type { UserInfo } from "../authn/user.ts";
import type { Review } from "../registry/review.ts";
import type { Attributes, Authorizer } from "./authorizer.ts";

/**
 * Questions to the authorizer, answered as it would decide: who asks need not be whom it is about. Only the Self kinds are for
 * everybody (upstream: pkg/registry/authorization).
 */
export function accessReviews(authorizer: Authorizer): readonly Review[] {
  const answerAbout = async (review: KubeObject, user: UserInfo, question: Question): Promise<SubjectAccessReview> => ({
    ...(review as SubjectAccessReview),
    status: await statusOf(user, question, authorizer),
  });
  const answer: Review["answer"] = async (review) => {
    const { spec } = review as SubjectAccessReview;
    return answerAbout(review, subjectOf(spec), spec);
  };
  return [
    {
      definition: selfSubjectAccessReviewDefinition,
      answer: async (review, asker) => answerAbout(review, asker, (review as SelfSubjectAccessReview).spec),
    },
    { definition: subjectAccessReviewDefinition, answer },
    { definition: localSubjectAccessReviewDefinition, answer },
    {
      definition: selfSubjectRulesReviewDefinition,
      answer: async (review, asker) => {
        const { spec } = review as Partial<SelfSubjectRulesReview>;
        const namespace = spec?.namespace ?? "";
        if (namespace === "") throw new StatusError("BadRequest", "no namespace on request");
        // Upstream's answer is an object of its own, without the question.
        const answered: SelfSubjectRulesReview = { metadata: {}, spec: {}, status: authorizer.rulesFor(asker, namespace) };
        return { ...review, ...answered };
      },
    },
  ];
}

interface Question {
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: NonResourceAttributes;
}

async function statusOf(user: UserInfo, question: Question, authorizer: Authorizer): Promise<SubjectAccessReviewStatus> {
  const { resourceAttributes, nonResourceAttributes } = question;
  if (resourceAttributes === undefined) {
    const { verb = "", path = "" } = nonResourceAttributes ?? {};
    return statusFrom(await authorizer.authorizePath(user, verb, path), []);
  }
  const fields = fieldsOf(resourceAttributes.fieldSelector);
  const problems = [...fields.problems, ...labelProblems(resourceAttributes.labelSelector)];
  return statusFrom(await authorizer.authorize(attributesOf(user, resourceAttributes, fields.text)), problems);
}

function statusFrom(
  { decision, reason }: Awaited<ReturnType<Authorizer["authorize"]>>,
  problems: readonly string[],
): SubjectAccessReviewStatus {
  return {
    allowed: decision === "allow",
    ...(decision === "deny" && { denied: true }),
    ...(reason !== undefined && reason !== "" && { reason }),
    ...(problems.length > 0 && { evaluationError: problems.join("; ") }),
  };
}

function subjectOf({ user = "", groups = [], uid, extra }: SubjectAccessReviewSpec): UserInfo {
  return { name: user, groups, ...(uid !== undefined && { uid }), ...(extra !== undefined && { extra }) };
}

function attributesOf(user: UserInfo, asked: ResourceAttributes, fieldSelector: string): Attributes {
  const { verb = "", group = "", resource = "", subresource = "", namespace = "", name = "" } = asked;
  return {
    user,
    verb,
    group,
    resource,
    ...(subresource !== "" && { subresource }),
    ...(namespace !== "" && { namespace }),
    ...(name !== "" && { name }),
    ...(fieldSelector !== "" && { fieldSelector }),
  };
}

/** What cannot be read is left out, which asks for more and never for less. */
function fieldsOf(selector: FieldSelectorAttributes | undefined): { text: string; problems: readonly string[] } {
  const { rawSelector = "", requirements = [] } = selector ?? {};
  if (requirements.length > 0) {
    const known = requirements.flatMap(({ key, operator, values = [] }): FieldRequirement[] => {
      const [value] = values;
      const sign = operator === "In" ? "=" : operator === "NotIn" ? "!=" : undefined;
      return value === undefined || values.length > 1 || sign === undefined ? [] : [{ field: key, operator: sign, value }];
    });
    const problems = known.length === requirements.length ? [] : [ignored("fieldSelector", known.length > 0)];
    return { text: formatFieldSelector({ requirements: known }), problems };
  }
  const readable = isReadable(() => parseFieldSelector(rawSelector));
  return readable ? { text: rawSelector, problems: [] } : { text: "", problems: [ignored("fieldSelector", false)] };
}

/** No authorizer here decides by labels: they are only read to say when they cannot be. */
function labelProblems(selector: LabelSelectorAttributes | undefined): readonly string[] {
  const { rawSelector = "", requirements = [] } = selector ?? {};
  if (requirements.length > 0) {
    const readable = requirements.filter((each) => isReadable(() => compileLabelSelector({ matchExpressions: [each] })));
    return readable.length === requirements.length ? [] : [ignored("labelSelector", readable.length > 0)];
  }
  return isReadable(() => parseLabelSelector(rawSelector)) ? [] : [ignored("labelSelector", false)];
}

function isReadable(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}

function ignored(field: string, partially: boolean): string {
  return `spec.resourceAttributes.${field} ${partially ? "partially " : ""}ignored due to parse error`;
}
