import type { ResourceDefinition } from "#api/definition";
import type { KubeObject } from "#api/object";
import type { ApiResponse, EncodedEvent, EncodedObject } from "#api/request";
import { apiVersionOf } from "#api/resource-type";
import { writeYaml } from "#api/yaml/write-yaml";
import type { Clock } from "#base/clock";
import { TimeSlices } from "#base/time-slices";
import type { ListResult } from "../list-objects.ts";
import { eventLine, type CachedObject } from "../../watch/cached-object.ts";
import { spliceInto, splicedLength } from "../../watch/splice.ts";
import type { OutputForm } from "./negotiate.ts";
import { metadataOf, parseIncludeObject, tableOf } from "./table.ts";

/** Turns results of the registry into answers of the form the client asked for. */
export interface Responder {
  one(item: EncodedObject, status: number, warnings: readonly string[]): ApiResponse;
  list(result: ListResult, warnings: readonly string[]): ApiResponse;
  watch(events: AsyncIterable<readonly EncodedEvent[]>): ApiResponse;
}

/** A write to a socket of this size is worth the call and does not stall the loop. */
const chunkSize = 128 * 1024;

export function responder(definition: ResourceDefinition, form: OutputForm, query: URLSearchParams, clock: Clock): Responder {
  const { type } = definition;
  const include = form.as === "table" ? parseIncludeObject(query) : "Metadata";
  const shape = (object: KubeObject, withColumns = true): KubeObject => {
    const version = object.metadata.resourceVersion;
    switch (form.as) {
      case "object":
        return object;
      case "metadata":
        return metadataOf(object);
      case "table":
        return tableOf(
          definition,
          [object],
          include,
          version === undefined ? {} : { resourceVersion: version },
          clock.now(),
          withColumns,
        );
    }
  };
  return {
    one: (item, status, warnings) =>
      form.as === "object" && form.mediaType === "application/json"
        ? new EncodedAnswer(item, status, warnings)
        : objectAnswer(shape(item.object), status, warnings, form),
    list: (result, warnings) => {
      const metadata = listMetadata(result);
      if (form.as === "table") {
        return objectAnswer(
          tableOf(
            definition,
            result.items.map(({ object }) => object),
            include,
            metadata,
            clock.now(),
          ),
          200,
          warnings,
          form,
        );
      }
      const head =
        form.as === "metadata"
          ? { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1" }
          : { kind: `${type.kind}List`, apiVersion: apiVersionOf(type) };
      if (form.as !== "object" || form.mediaType !== "application/json") {
        const items = result.items.map(({ object }) => shape(object));
        return objectAnswer({ ...head, metadata, items } as KubeObject, 200, warnings, form);
      }
      return {
        kind: "list",
        status: 200,
        warnings,
        object: async () => ({ ...head, metadata, items: await objectsOf(result.items, clock) }) as KubeObject,
        chunks: () => listChunks({ ...head, metadata }, result.items),
      };
    },
    watch: (events) => ({
      kind: "watch",
      status: 200,
      warnings: [],
      events: form.as === "object" ? events : shapedEvents(events, shape),
    }),
  };
}

/** Those that nobody has asked for yet are parsed: of many thousands that takes seconds, and a server has others to answer. */
async function objectsOf(items: readonly CachedObject[], clock: Clock): Promise<readonly KubeObject[]> {
  const objects: KubeObject[] = [];
  const slices = new TimeSlices(clock);
  for (const item of items) {
    objects.push(item.object);
    if (slices.isOver) await slices.next();
  }
  return objects;
}

async function* shapedEvents(
  events: AsyncIterable<readonly EncodedEvent[]>,
  shape: (object: KubeObject, withColumns: boolean) => KubeObject,
): AsyncGenerator<readonly EncodedEvent[]> {
  let isFirst = true;
  for await (const batch of events) {
    yield batch.map((event) => {
      if (event.type === "ERROR") return event;
      const object = shape(event.object, isFirst);
      isFirst = false;
      return { type: event.type, object, bytes: () => eventLine(event.type, Buffer.from(JSON.stringify(object))) };
    });
  }
}

/** Kept bytes need no parsing where nobody asks for the object. */
class EncodedAnswer {
  readonly kind = "object";
  readonly status: number;
  readonly warnings: readonly string[];
  readonly #item: EncodedObject;

  constructor(item: EncodedObject, status: number, warnings: readonly string[]) {
    this.status = status;
    this.warnings = warnings;
    this.#item = item;
  }

  get object(): KubeObject {
    return this.#item.object;
  }

  bytes(): Uint8Array {
    return this.#item.bytes();
  }
}

/** An answer made for this one request. */
export function objectAnswer(object: KubeObject, status: number, warnings: readonly string[], form?: OutputForm): ApiResponse {
  if (form?.mediaType === "application/yaml") {
    const bytes = () => Buffer.from(writeYaml(object));
    return { kind: "object", status, warnings, object, bytes, headers: { "content-type": "application/yaml" } };
  }
  return { kind: "object", status, warnings, object, bytes: () => Buffer.from(JSON.stringify(object)) };
}

function listMetadata(result: ListResult): KubeObject["metadata"] {
  const { resourceVersion, continue: token, remainingItemCount } = result;
  return {
    resourceVersion,
    ...(token !== undefined && { continue: token }),
    ...(remainingItemCount !== undefined && { remainingItemCount }),
  };
}

/** The document in pieces, each written once from the kept bytes of its items. */
function* listChunks(head: object, items: readonly CachedObject[]): Generator<Uint8Array> {
  let piece = Buffer.allocUnsafe(chunkSize);
  let size = piece.write(`${JSON.stringify(head).slice(0, -1)},"items":[`);
  for (const [index, item] of items.entries()) {
    const { value, revision } = item;
    const needed = splicedLength(value, revision) + mark;
    if (size + needed > piece.length) {
      yield piece.subarray(0, size);
      piece = Buffer.allocUnsafe(Math.max(chunkSize, needed));
      size = 0;
    }
    if (index > 0) size += piece.write(",", size);
    size = spliceInto(piece, size, value, revision);
  }
  yield piece.subarray(0, size);
  yield end;
}

/** Of what stands between two items. */
const mark = 1;
const end = Buffer.from("]}\n");
