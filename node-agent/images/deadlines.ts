import { withDeadline, type DeadlineOptions } from "../runtime/deadlines.ts";
import type { ImageService } from "./image-service.ts";

const limitMs = 120_000;

/** Bounds what only looks at what is here. A pull or a load takes as long as it takes, and ends with its caller's signal. */
export function imagesWithDeadlines(images: ImageService, options: Omit<DeadlineOptions, "limitMs">): ImageService {
  const within = <T>(call: string, work: Promise<T>): Promise<T> =>
    withDeadline(work, { ...options, limitMs, call: `images ${call}` });
  return {
    status: (reference) => within("status", images.status(reference)),
    list: () => within("list", images.list()),
    remove: (reference) => within("remove", images.remove(reference)),
    pull: (reference, wanted) => images.pull(reference, wanted),
    load: (path, wanted) => images.load(path, wanted),
  };
}
