import type { Event } from "../../generated/types.ts";
import { eventDefinition } from "../event.ts";
import { casesOf, type RuleCases } from "../rules.testing.ts";

const key =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const event = (part: object): Event => ({
  metadata: { name: "e", namespace: "team" },
  involvedObject: { namespace: "team" },
  ...part,
});
const modern = {
  eventTime: "2026-01-01T00:00:00.000000Z",
  reportingComponent: "c",
  reportingInstance: "i",
  action: "a",
  reason: "r",
};

export const eventCases: RuleCases = casesOf(eventDefinition, {
  accepted: [
    {
      source: "TestValidateEventForCoreV1Events",
      cases: [
        ["an Event of the old form", event({})],
        ["an Event of the new form", event(modern)],
        ["an Event of a node", { metadata: { name: "e", namespace: "default" }, involvedObject: { kind: "Node" } }],
      ],
    },
  ],
  refused: [
    {
      source: "legacyValidateEvent in pkg/apis/core/validation/events.go",
      cases: [
        [
          event({ involvedObject: { namespace: "other" } }),
          'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
        ],
        [event({ involvedObject: {} }), 'involvedObject.namespace: Invalid value: "": does not match event.namespace'],
        [event({ ...modern, action: "", reason: "" }), ["action: Required value", "reason: Required value"]],
        [event({ ...modern, message: "x".repeat(1025) }), 'message: Invalid value: "": can have at most 1024 characters'],
        [event({ ...modern, reportingComponent: "a b" }), `reportingController: Invalid value: "a b": name part ${key}`],
      ],
    },
  ],
  defaulted: [
    {
      source: "Go writes the fields that are no pointers",
      cases: [["with nothing", { metadata: { name: "e", namespace: "default" } }, { involvedObject: {}, source: {} }]],
    },
  ],
  updated: [
    {
      source: "ValidateEventUpdate, which fixes nothing of what comes through core/v1",
      cases: [
        { what: "may count on", old: event({ count: 1 }), next: event({ count: 2, lastTimestamp: "2026-01-01T00:00:00Z" }) },
        {
          what: "must stay with its object",
          old: event({}),
          next: event({ involvedObject: { namespace: "other" } }),
          refused: 'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
        },
      ],
    },
  ],
});
