import type { RuleCases } from "../rules.testing.ts";
import { configMapCases } from "./config-map.testing.ts";
import { endpointSliceCases } from "./endpoint-slice.testing.ts";
import { eventCases } from "./event.testing.ts";
import { leaseCases } from "./lease.testing.ts";
import { namespaceCases } from "./namespace.testing.ts";
import { nodeCases } from "./node.testing.ts";
import { podCases } from "./pod.testing.ts";
import { priorityClassCases } from "./priority-class.testing.ts";
import { reviewCases } from "./reviews.testing.ts";
import { secretCases } from "./secret.testing.ts";
import { serviceAccountCases } from "./service-account.testing.ts";
import { serviceCases } from "./service.testing.ts";
import { deploymentCases, replicaSetCases } from "./workloads.testing.ts";

/** By kind; a test says when one is missing. */
export const ruleCases: readonly RuleCases[] = [
  configMapCases,
  eventCases,
  namespaceCases,
  nodeCases,
  podCases,
  secretCases,
  serviceAccountCases,
  serviceCases,
  deploymentCases,
  replicaSetCases,
  leaseCases,
  endpointSliceCases,
  priorityClassCases,
  ...reviewCases,
];
