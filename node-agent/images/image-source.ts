import type { Readable } from "node:stream";
import type { ConfigFile } from "./manifest.ts";

/** One layer, ready to be fetched. `digest` and `size` are of the compressed blob, where they are known. */
export interface LayerSource {
  readonly digest?: string;
  readonly size?: number;
  open(): Promise<Readable>;
}

/** An image somewhere else, described and checked, its layers not read yet. */
export interface ImageSource {
  /** Digest of the configuration. */
  readonly id: string;
  readonly config: ConfigFile;
  /** Of the manifest; absent in a docker-archive. */
  readonly manifestDigest?: string;
  /** Lowest first, one for each of the configuration's diff_ids. */
  readonly layers: readonly LayerSource[];
}
