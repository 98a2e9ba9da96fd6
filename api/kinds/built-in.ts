import type { ResourceDefinition } from "../definition.ts";
import { configMapDefinition } from "./config-map.ts";
import { customResourceDefinitionDefinition } from "./custom-resource-definition.ts";
import { deploymentDefinition } from "./deployment.ts";
import { endpointSliceDefinition } from "./endpoint-slice.ts";
import { eventDefinition } from "./event.ts";
import { leaseDefinition } from "./lease.ts";
import { namespaceDefinition } from "./namespace.ts";
import { nodeDefinition } from "./node.ts";
import { podDefinition } from "./pod.ts";
import { priorityClassDefinition } from "./priority-class.ts";
import { replicaSetDefinition } from "./replica-set.ts";
import { secretDefinition } from "./secret.ts";
import { serviceAccountDefinition } from "./service-account.ts";
import { serviceDefinition } from "./service.ts";

/** Every kind the API server serves by itself. A definition handles only objects decoded by its own schema. */
export const builtInDefinitions = [
  configMapDefinition,
  eventDefinition,
  namespaceDefinition,
  nodeDefinition,
  podDefinition,
  secretDefinition,
  serviceAccountDefinition,
  serviceDefinition,
  deploymentDefinition,
  replicaSetDefinition,
  leaseDefinition,
  endpointSliceDefinition,
  priorityClassDefinition,
  customResourceDefinitionDefinition,
] as readonly unknown[] as readonly ResourceDefinition[];
