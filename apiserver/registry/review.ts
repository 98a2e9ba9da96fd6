import type { ReviewDefinition } from "#api/definition";
import type { KubeObject } from "#api/object";
import type { ApiRequest, ApiResponse } from "#api/request";
import { apiVersionOf } from "#api/resource-type";
import { invalid, StatusError } from "#api/status";
import type { UserInfo } from "../authn/user.ts";
import { negotiate } from "./output/negotiate.ts";
import { objectAnswer } from "./output/respond.ts";
import { placed } from "./object-meta.ts";
import { objectFrom, parseDocument } from "./read-body.ts";
import { fieldValidationOf } from "./request-options.ts";

/** A kind that is answered and not stored. */
export interface Review<T extends KubeObject = KubeObject> {
  readonly definition: ReviewDefinition<T>;
  /** The question with its answer in the status. @throws StatusError */
  readonly answer: (question: T, asker: UserInfo) => Promise<T>;
}

/** Answers one authorized create. @throws StatusError */
export async function handleReview(
  { definition, answer }: Review,
  request: ApiRequest,
  user: UserInfo,
  warnings: string[],
): Promise<ApiResponse> {
  const { type, versions } = definition;
  const { namespace } = request;
  if (namespace !== undefined && !type.namespaced)
    throw new StatusError("BadRequest", `namespace is not allowed on this type: ${namespace}`);
  const form = negotiate(request.accept);
  const document = { apiVersion: apiVersionOf(type), kind: type.kind, schema: versions[0]?.schema ?? "" };
  const validation = fieldValidationOf(request);
  const sent = objectFrom(parseDocument(request, validation, document.schema), document, validation, (text) =>
    warnings.push(text),
  );
  const question = namespace === undefined ? sent : placed(sent, namespace);
  const causes = definition.validate?.(question) ?? [];
  if (causes.length > 0) throw invalid(type, "", causes);
  return objectAnswer(await answer(question, user), 201, warnings, { ...form, as: "object" });
}
