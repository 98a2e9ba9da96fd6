import { highestScore, type SchedulerPlugin } from "../plugin.ts";

const megabyte = 1024 * 1024;
/** Less than this is pulled so quickly that it does not count, and more than that in each container makes no difference. */
const [leastCounted, mostCounted] = [23 * megabyte, 1000 * megabyte];

/** Prefers nodes that have the pod's images; those that many nodes have draw more, so that not all pods follow the first one. */
export const imageLocality: SchedulerPlugin = {
  name: "ImageLocality",
  weight: 1,
  prepare: ({ pod }, { nodes }) => ({
    scoring: () => {
      const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
      const wanted = containers.map(({ image = "" }) => tagged(image));
      const sizes = new Map(nodes.map(({ node }) => [node.metadata.name, sizesOf(node.status?.images ?? [])]));
      const holders = new Map<string, number>();
      for (const images of sizes.values()) for (const name of images.keys()) holders.set(name, (holders.get(name) ?? 0) + 1);
      const most = mostCounted * containers.length;
      return {
        score: ({ node }) => {
          const images = sizes.get(node.metadata.name);
          const spread = (name: string) => (holders.get(name) ?? 0) / nodes.length;
          const present = wanted.reduce((sum, name) => sum + Math.trunc((images?.get(name) ?? 0) * spread(name)), 0);
          const counted = Math.min(Math.max(present, leastCounted), most);
          return Math.floor((highestScore * (counted - leastCounted)) / (most - leastCounted));
        },
      };
    },
  }),
};

/** In bytes, by each name that the node knows the image by. */
function sizesOf(images: readonly { readonly names?: readonly string[]; readonly sizeBytes?: number }[]): Map<string, number> {
  return new Map(images.flatMap(({ names = [], sizeBytes = 0 }) => names.map((name): [string, number] => [name, sizeBytes])));
}

/** As nodes report it: a name without tag or digest means `latest`. */
function tagged(image: string): string {
  return image.lastIndexOf(":") <= image.lastIndexOf("/") ? `${image}:latest` : image;
}
