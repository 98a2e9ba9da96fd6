import { serveImageService } from "./image-socket.ts";
import type { LocalImageServiceOptions } from "./local-image-service.ts";
import { LocalImageService } from "./local-image-service.ts";

export interface ImageServiceProcessOptions extends LocalImageServiceOptions {
  readonly socketPath: string;
  readonly signal: AbortSignal;
}

/** The machine's image service, in the root network namespace. @returns once it listens; it ends with the signal */
export async function runImageService(options: ImageServiceProcessOptions): Promise<LocalImageService> {
  const service = await LocalImageService.open(options);
  await serveImageService(service, options.socketPath, options.signal);
  options.log.info("the image service listens", { socket: options.socketPath });
  return service;
}
