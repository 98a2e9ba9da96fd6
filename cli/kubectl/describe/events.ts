import type { Event } from "#api/generated/types";
import type { Stored } from "#api/object";
import { age } from "#api/table-cells";
import type { CommandContext } from "../command.ts";
import { listObjects, type ServerObject } from "../objects/requests.ts";
import { Section } from "./section.ts";

/** What has been reported of the object, the latest last. */
export async function eventsText(context: CommandContext, object: ServerObject): Promise<string> {
  const { session, signal, clock } = context;
  const resource = (await session.mapper()).find("events");
  const { name, namespace = "", uid } = object.metadata;
  const fields = [
    `involvedObject.name=${name}`,
    `involvedObject.namespace=${namespace}`,
    `involvedObject.kind=${object.kind ?? ""}`,
  ];
  // Those of a node carry its name for its uid.
  const involved = object.kind === "Node" ? [] : [`involvedObject.uid=${uid}`];
  const { items } = await listObjects(
    session.client,
    { resource, namespace, fieldSelector: [...fields, ...involved].join(",") },
    { signal },
  );
  const events = (items as unknown as Stored<Event>[]).toSorted((left, right) => timeOf(left) - timeOf(right));
  const section = new Section();
  if (events.length === 0) return section.field(0, "Events", "<none>").text;
  section.line(0, "Events:").line(1, "Type\tReason\tAge\tFrom\tMessage").line(1, "----\t------\t----\t----\t-------");
  for (const event of events) {
    const { type = "", reason = "", source, reportingComponent = "", message = "" } = event;
    const from = source?.component ?? reportingComponent;
    section.line(1, `${type}\t${reason}\t${ageOf(event, clock.now())}\t${from}\t${message.trim()}`);
  }
  return section.text;
}

function timeOf({ lastTimestamp, eventTime, metadata }: Stored<Event>): number {
  return Date.parse(lastTimestamp ?? eventTime ?? metadata.creationTimestamp);
}

function ageOf({ firstTimestamp, lastTimestamp, eventTime, count = 0, series }: Stored<Event>, now: number): string {
  const first = firstTimestamp ?? eventTime;
  if (series !== undefined) {
    return `${age(series.lastObservedTime, now)} (x${series.count ?? 0} over ${age(first, now)})`;
  }
  if (count > 1) return `${age(lastTimestamp ?? eventTime, now)} (x${count} over ${age(first, now)})`;
  return age(first, now);
}
