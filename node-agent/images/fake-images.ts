import { createHash } from "node:crypto";
import type { Clock } from "#base/clock";
import { ImageError, type ImageService, type ImageStatus } from "./image-service.ts";

export interface FakeImagesOptions {
  readonly clock: Clock;
  /** How long a pull takes. */
  readonly pullMs?: number;
  /** Why an image cannot be pulled; undefined: it can. */
  readonly failure?: (reference: string) => string | undefined;
}

/** A registry that has every image, with nothing in it: for nodes that run nothing real, and for tests. */
export function fakeImages({ clock, pullMs = 0, failure = () => undefined }: FakeImagesOptions): ImageService {
  const present = new Map<string, ImageStatus>();
  const find = (name: string) => present.get(name) ?? [...present.values()].find(({ id }) => id === name);
  return {
    status: async (name) => find(name),
    pull: async (reference, { signal }) => {
      if (pullMs > 0) await clock.sleep(pullMs, signal);
      const message = failure(reference);
      if (message !== undefined) throw new ImageError("ErrImagePull", message);
      const image = present.get(reference) ?? fakeImage(reference);
      present.set(reference, image);
      return image;
    },
    list: async () => [...present.values()],
    load: async (path) => {
      throw new ImageError("DamagedArchive", `a fake image service cannot load ${path}`);
    },
    remove: async (name) => {
      const found = find(name);
      for (const reference of found?.references ?? []) present.delete(reference);
    },
  };
}

function fakeImage(reference: string): ImageStatus {
  const digest = createHash("sha256").update(reference).digest("hex");
  const repository = reference.replace(/(:[^/:]+)?(@.*)?$/, "");
  return {
    id: `sha256:${digest}`,
    references: [reference],
    digests: [`${repository}@sha256:${digest}`],
    sizeBytes: 1024,
    layers: [],
    config: { env: [], entrypoint: [], command: [], volumes: [] },
  };
}
