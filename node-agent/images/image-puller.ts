import type { Clock } from "#base/clock";
import type { Waiting } from "../pod-view.ts";
import { durationText } from "../restart-backoff.ts";
import { ImageError, type ImageService, type ImageStatus, type RegistryAuth } from "./image-service.ts";

/** Whether the image of a container's next start is there. */
export type ImageState =
  | { readonly state: "present"; readonly id: string }
  /** `waiting` is what went wrong before, if anything did. */
  | { readonly state: "fetching"; readonly waiting?: Waiting }
  | { readonly state: "failed"; readonly waiting: Waiting; readonly failedAt: number; readonly retryAt: number };

/** Tells people what happens to an image, as the kubelet words it. */
export type ImageEvents = (type: "Normal" | "Warning", reason: string, message: string) => void;

export interface ImageRequest {
  readonly image: string;
  readonly pullPolicy: string;
  /** `pod=…` as in messages. */
  readonly auths: () => Promise<readonly RegistryAuth[]>;
  readonly events: ImageEvents;
  readonly changed: () => void;
}

/** No pull is going to be tried again, or the back-off has been told of. */
const settled = new Set(["ErrImageNeverPull", "InvalidImageName", "ImagePullBackOff"]);

/** What went wrong is shown this long before the back-off is: people watch for it. */
const failureShownMs = 2_000;
const firstDelayMs = 10_000;
const longestDelayMs = 300_000;

/** Brings the images of one pod's containers, in the background, so that a slow registry never holds up a deletion. */
export class ImagePuller {
  readonly #images: ImageService;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #states = new Map<string, ImageState>();
  readonly #delays = new Map<string, number>();

  constructor({ images, clock, signal }: { images: ImageService; clock: Clock; signal: AbortSignal }) {
    this.#images = images;
    this.#clock = clock;
    this.#signal = signal;
  }

  get states(): ReadonlyMap<string, ImageState> {
    return this.#states;
  }

  /** The start that it was brought for has been made: the next asks anew. */
  used(container: string): void {
    this.#states.delete(container);
  }

  fetch(container: string, request: ImageRequest): void {
    const before = this.#states.get(container);
    if (before?.state === "fetching") return;
    const waiting = before?.state === "failed" ? { waiting: before.waiting } : {};
    this.#states.set(container, { state: "fetching", ...waiting });
    void this.#fetch(container, request).then((state) => {
      if (this.#signal.aborted) return;
      this.#states.set(container, state);
      request.changed();
    });
  }

  /**
   * The failed pull's time has not come yet: kubectl shows the back-off from now on, and the event tells of it.
   * @returns whether that is news
   */
  backOff(container: string, { image, events }: Pick<ImageRequest, "image" | "events">): boolean {
    const state = this.#states.get(container);
    const dueAt = this.backOffDueAt(container);
    if (state?.state !== "failed" || dueAt === undefined || dueAt > this.#clock.now()) return false;
    events("Normal", "BackOff", `Back-off pulling image "${image}"`);
    const message = `Back-off pulling image "${image}": ${state.waiting.reason}: ${state.waiting.message ?? ""}`;
    this.#states.set(container, { ...state, waiting: { reason: "ImagePullBackOff", message } });
    return true;
  }

  /** When `backOff` will have something to tell; undefined when it never will. */
  backOffDueAt(container: string): number | undefined {
    const state = this.#states.get(container);
    return state?.state !== "failed" || settled.has(state.waiting.reason) ? undefined : state.failedAt + failureShownMs;
  }

  async #fetch(container: string, request: ImageRequest): Promise<ImageState> {
    try {
      const image = await this.#bring(request);
      this.#delays.delete(container);
      return { state: "present", id: image.id };
    } catch (error) {
      const reason = error instanceof ImageError ? shownReason(error) : "ErrImagePull";
      const message = (error as Error).message;
      const delay = Math.min((this.#delays.get(container) ?? firstDelayMs / 2) * 2, longestDelayMs);
      this.#delays.set(container, delay);
      if (reason !== "ErrImageNeverPull")
        request.events("Warning", "Failed", `Failed to pull image "${request.image}": ${message}`);
      request.events("Warning", "Failed", `Error: ${reason}`);
      const now = this.#clock.now();
      return { state: "failed", waiting: { reason, message }, failedAt: now, retryAt: now + delay };
    }
  }

  async #bring({ image, pullPolicy, auths, events }: ImageRequest): Promise<ImageStatus> {
    const present = pullPolicy === "Always" ? undefined : await this.#images.status(image);
    if (present !== undefined) {
      events("Normal", "Pulled", `Container image "${image}" already present on machine`);
      return present;
    }
    if (pullPolicy === "Never") {
      const message = `Container image "${image}" is not present with pull policy of Never`;
      events("Warning", "ErrImageNeverPull", message);
      throw new ImageError("ErrImageNeverPull", message);
    }
    events("Normal", "Pulling", `Pulling image "${image}"`);
    const started = this.#clock.monotonic();
    const pulled = await this.#images.pull(image, { auths: await auths(), signal: this.#signal });
    const took = pullTime(this.#clock.monotonic() - started);
    const size = `Image size: ${pulled.sizeBytes} bytes.`;
    events("Normal", "Pulled", `Successfully pulled image "${image}" in ${took} (${took} including waiting). ${size}`);
    return pulled;
  }
}

/** Upstream has one reason for all that goes wrong with the bytes; the message tells which. */
function shownReason({ reason }: ImageError): string {
  return reason === "NoSpace" || reason === "DamagedArchive" ? "ErrImagePull" : reason;
}

/** As Go prints it, to the millisecond. */
function pullTime(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${Number((ms / 1000).toFixed(3))}s`;
  return durationText(ms);
}
