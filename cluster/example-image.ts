import { readFile } from "node:fs/promises";
import { arch } from "node:process";
import type { LayerEntry } from "#node-agent/images/oci-layout";
import { layerTar, writeOciLayout } from "#node-agent/images/oci-layout";
import { runChecked } from "#node-agent/runtime/run-command";

export const exampleImageReference = "skiff.local/hello:1";

/**
 * Says which pod answers, on a port any user may open. `$HOSTNAME` is the pod's name. The shell stays, because the first process of
 * a container gets no signal that it does not ask for.
 */
const startScript = `#!/bin/sh
set -e
mkdir -p /tmp/www
echo "Hello from $HOSTNAME" > /tmp/www/index.html
echo "serving on port \${PORT:-8080}"
httpd -f -v -p "\${PORT:-8080}" -h /tmp/www &
server=$!
trap 'kill $server; exit 0' TERM INT
wait $server
`;

/**
 * A small web server made of this machine's own busybox, so that a first cluster needs no registry. Written as an OCI layout
 * folder; the same busybox always gives the same digest. @returns the digest of its manifest
 */
export async function buildBusyboxImage(options: {
  readonly outputDirectory: string;
  readonly reference?: string;
  /** Statically linked (Debian: busybox-static). */
  readonly busyboxPath: string;
}): Promise<string> {
  const applets = (await runChecked([options.busyboxPath, "--list"]))
    .split("\n")
    .filter((name) => name !== "" && name !== "busybox");
  const layer = await layerTar([
    ...["bin", "etc", "home", "root", "usr", "usr/bin", "var"].map(folder),
    { ...folder("tmp"), mode: 0o1777 },
    { name: "etc/passwd", content: "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n" },
    { name: "etc/group", content: "root:x:0:\nnogroup:x:65534:\n" },
    { name: "bin/busybox", mode: 0o755, content: await readFile(options.busyboxPath) },
    ...applets.toSorted().map((name): LayerEntry => ({ name: `bin/${name}`, type: "symlink", mode: 0o777, linkname: "busybox" })),
    { name: "usr/bin/hello", mode: 0o755, content: startScript },
  ]);
  return writeOciLayout({
    folder: options.outputDirectory,
    reference: options.reference ?? exampleImageReference,
    layers: [layer],
    architecture: arch === "x64" ? "amd64" : arch,
    config: {
      Env: ["PATH=/usr/bin:/bin"],
      Cmd: ["/usr/bin/hello"],
    },
  });
}

function folder(name: string): LayerEntry {
  return { name, type: "directory" };
}
