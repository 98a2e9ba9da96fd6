import type { ImageService } from "#node-agent/images/image-service";
import { remoteImageService } from "#node-agent/images/image-socket";
import { CommandFailure } from "../failure.ts";
import type { ClusterPaths } from "../state/cluster-config.ts";

/** The image service of a running cluster. @throws CommandFailure when it does not run, or is not ours to use. */
export async function imagesOf(paths: ClusterPaths): Promise<ImageService> {
  const service = remoteImageService(paths.imageSocket);
  try {
    await service.list();
  } catch (error) {
    throw new CommandFailure(`the cluster's image service cannot be reached: "skiff up" starts it, and sudo may be needed`, {
      cause: error,
    });
  }
  return service;
}
