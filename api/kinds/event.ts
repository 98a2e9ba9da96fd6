import type { ResourceDefinition } from "../definition.ts";
import { invalidValue, required, type FieldError } from "../field-error.ts";
import { named } from "../field-rules.ts";
import type { Event } from "../generated/types.ts";
import { labelKeyErrors } from "../label-validation.ts";
import { events } from "../resource-type.ts";
import { age, column, humanDuration } from "../table-cells.ts";

export const eventDefinition: ResourceDefinition<Event> = {
  type: events,
  singular: "event",
  shortNames: ["ev"],
  versions: [{ version: "v1", schema: "io.k8s.api.core.v1.Event" }],
  expiresAfterSeconds: 3600,
  allowCreateOnUpdate: true,
  withDefaults: (event) => ({
    ...event,
    involvedObject: (event as Partial<Event>).involvedObject ?? {},
    source: event.source ?? {},
  }),
  validate: validateEvent,
  selectableFields: (event) => ({
    "involvedObject.kind": event.involvedObject.kind ?? "",
    "involvedObject.namespace": event.involvedObject.namespace ?? "",
    "involvedObject.name": event.involvedObject.name ?? "",
    "involvedObject.uid": event.involvedObject.uid ?? "",
    "involvedObject.apiVersion": event.involvedObject.apiVersion ?? "",
    "involvedObject.resourceVersion": event.involvedObject.resourceVersion ?? "",
    "involvedObject.fieldPath": event.involvedObject.fieldPath ?? "",
    reason: event.reason ?? "",
    reportingComponent: event.reportingComponent ?? "",
    source: event.source?.component ?? event.reportingComponent ?? "",
    type: event.type ?? "",
  }),
  tableColumns: [
    column("Last Seen", "When it last happened."),
    column("Type", "Normal, or Warning."),
    column("Reason", "Why, in one word for machines."),
    column("Object", "What it happened to."),
    column("Subobject", "Which part of it.", { priority: 1 }),
    column("Source", "Who reports it.", { priority: 1 }),
    column("Message", "What happened."),
    column("First Seen", "When it first happened.", { priority: 1 }),
    column("Count", "How often it happened.", { priority: 1 }),
    column("Name", "Name of the event.", { priority: 1, format: "name" }),
  ],
  tableRow: (event, now) => {
    const first = event.firstTimestamp ?? event.eventTime;
    const last = event.series?.lastObservedTime ?? event.lastTimestamp ?? first;
    const source = [event.source?.component ?? event.reportingComponent, event.source?.host ?? event.reportingInstance];
    return [
      ageOrUnknown(last, now),
      event.type ?? "",
      event.reason ?? "",
      `${(event.involvedObject.kind ?? "").toLowerCase()}/${event.involvedObject.name ?? ""}`,
      event.involvedObject.fieldPath ?? "",
      source.filter((part) => part !== undefined && part !== "").join(", "),
      (event.message ?? "").trim(),
      ageOrUnknown(first, now),
      event.series?.count ?? event.count ?? 1,
      event.metadata.name ?? "",
    ];
  },
};

/** What comes through core/v1, in its old form or, with an eventTime, in its new one (upstream: legacyValidateEvent). */
function validateEvent(event: Event): FieldError[] {
  const about = event.involvedObject.namespace ?? "";
  const namespace = event.metadata.namespace ?? "";
  const mismatch = invalidValue("involvedObject.namespace", about, "does not match event.namespace");
  if (event.eventTime === undefined) {
    // Events about cluster-scoped objects live in the namespace `default`.
    return about === namespace || (about === "" && namespace === "default") ? [] : [mismatch];
  }
  const errors = about === "" && namespace !== "default" && namespace !== "kube-system" ? [mismatch] : [];
  const { reportingComponent = "", reportingInstance = "", action = "", reason = "", message = "" } = event;
  if (reportingComponent === "") errors.push(required("reportingController"));
  errors.push(...named("reportingController", reportingComponent, labelKeyErrors));
  for (const [field, text] of Object.entries({ reportingInstance, action, reason })) {
    if (text === "") errors.push(required(field));
    else errors.push(...atMost(field, text, 128));
  }
  return [...errors, ...atMost("message", message, 1024)];
}

function atMost(field: string, text: string, limit: number): FieldError[] {
  return Buffer.byteLength(text) > limit ? [invalidValue(field, "", `can have at most ${limit} characters`)] : [];
}

function ageOrUnknown(time: string | undefined, now: number): string {
  return time === undefined ? age(undefined, now) : humanDuration(now - Date.parse(time));
}
