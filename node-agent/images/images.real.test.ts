import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { lstat, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Server } from "node:http";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { arch } from "node:process";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "#base/clock";
import { freePort } from "#base/free-ports.testing";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import { runChecked } from "../runtime/run-command.ts";
import { mount, unmount } from "../runtime/syscalls.ts";
import { digestOf } from "./digest-stream.ts";
import { serveImageService, remoteImageService } from "./image-socket.ts";
import { LocalImageService } from "./local-image-service.ts";
import { layerTar, writeOciLayout } from "./oci-layout.ts";
import type { Mirrors } from "./registry-endpoints.ts";

const programs = ["/usr/bin/docker-registry", "/usr/bin/skopeo"];
const missing = programs.filter((path) => !existsSync(path));
const reason = process.getuid?.() !== 0 ? "needs root" : missing.length > 0 ? `needs ${missing.join(", ")}` : undefined;
const skip = reason !== undefined && process.env["CI"] !== "true";
const noAuth = { auths: [], signal: new AbortController().signal };
const architecture = arch === "x64" ? "amd64" : arch;

describe.skipIf(skip)(skip ? `image service (skipped: ${reason})` : "image service", () => {
  let folder: string;
  let registry: { child: ChildProcess; address: string };
  let digest: string;
  const closing: (() => unknown)[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "skiff-images-"));
    registry = await startRegistry(folder);
    digest = await writeOciLayout({
      folder: join(folder, "layout"),
      reference: "example.test/app:1",
      layers: [await lowerLayer(), await upperLayer()],
      architecture,
      config: { User: "app", Env: ["A=1"], Entrypoint: ["/bin/app"], Cmd: ["serve"], WorkingDir: "/srv", StopSignal: "SIGQUIT" },
    });
    await push(join(folder, "layout"), "1", `${registry.address}/library/app:1`);
  });
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
    registry.child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  });

  async function open(options: { mirrors?: Mirrors; state?: string } = {}): Promise<LocalImageService> {
    const stateDirectory = options.state ?? (await mkdtemp(join(folder, "store-")));
    return LocalImageService.open({
      clock: systemClock,
      random: systemRandom,
      log: silentLogger,
      stateDirectory,
      mirrors: options.mirrors ?? { "docker.io": [`http://${registry.address}`] },
    });
  }

  it("pulls through a mirror and describes the image as containerd would", async () => {
    const image = await (await open()).pull("app:1", noAuth);
    expect(image.references).toEqual(["docker.io/library/app:1"]);
    expect(image.digests).toEqual([`docker.io/library/app@${digest}`]);
    expect(image.id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(image.layers).toHaveLength(2);
    expect(image.config).toEqual({
      user: "app",
      env: ["A=1"],
      entrypoint: ["/bin/app"],
      command: ["serve"],
      workingDir: "/srv",
      stopSignal: "SIGQUIT",
      volumes: [],
    });
  });

  it("unpacks layers that overlayfs merges into what the image means", async () => {
    const image = await (await open()).pull("app:1", noAuth);
    const merged = join(folder, "merged");
    await mkdir(merged, { recursive: true });
    mount("overlay", merged, "overlay", 1, `lowerdir=${image.layers.join(":")}`);
    try {
      expect(await readdir(join(merged, "etc"))).toEqual(["kept"]);
      expect(await readdir(join(merged, "opaque"))).toEqual(["new"]);
      expect(await readdir(join(merged, "replaced"))).toEqual(["only"]);
      expect(await readFile(join(merged, "link"), "utf8")).toBe("kept\n");
      const tool = await stat(join(merged, "bin/su"));
      expect([tool.mode & 0o7777, tool.uid, tool.gid, tool.mtimeMs]).toEqual([0o4755, 12, 34, 0]);
      expect((await stat(join(merged, "bin/hard"))).ino).toBe(tool.ino);
      expect((await lstat(join(merged, "link"))).isSymbolicLink()).toBe(true);
      expect((await stat(join(merged, "bin"))).mtimeMs).toBe(0);
    } finally {
      unmount(merged);
    }
  });

  it("finds an image by name, id and digest, also in a new process, and forgets it with its last name", async () => {
    const state = await mkdtemp(join(folder, "store-"));
    const image = await (await open({ state })).pull("app:1", noAuth);
    await writeFile(join(state, "temporary/half-made"), "x");
    const reopened = await open({ state });
    expect(await readdir(join(state, "temporary"))).toEqual([]);
    for (const name of ["app:1", "docker.io/app:1", image.id, `app@${digest}`])
      expect(await reopened.status(name)).toEqual(image);
    expect(await reopened.status("app")).toBeUndefined();
    await reopened.remove("app:1");
    expect(await reopened.list()).toEqual([]);
    expect(await readdir(join(state, "layers"))).toEqual([]);
  });

  it("pulls by digest", async () => {
    const image = await (await open()).pull(`app@${digest}`, noAuth);
    expect(image).toMatchObject({ references: [], digests: [`docker.io/library/app@${digest}`] });
  });

  it("pulls from a registry on this machine without encryption", async () => {
    const image = await (await open({ mirrors: {} })).pull(`${registry.address}/library/app:1`, noAuth);
    expect(image.references).toEqual([`${registry.address}/library/app:1`]);
  });

  it("says in containerd's words that a tag does not exist", async () => {
    const name = `${registry.address}/library/app:2`;
    await expect((await open()).pull(name, noAuth)).rejects.toMatchObject({
      reason: "ErrImagePull",
      message: `failed to pull and unpack image "${name}": failed to resolve reference "${name}": ${name}: not found`,
    });
  });

  it("says that a registry cannot be reached", async () => {
    await expect((await open()).pull("127.0.0.1:1/app:1", noAuth)).rejects.toMatchObject({
      reason: "ErrImagePull",
      message: expect.stringMatching(
        /^failed to pull and unpack image "127.0.0.1:1\/app:1": failed to resolve reference .*(ECONNREFUSED|bad port)/,
      ) as string,
    });
  });

  it("goes on to the registry itself when its mirror is down", async () => {
    const service = await open({ mirrors: { [registry.address]: ["http://127.0.0.1:9"] } });
    expect((await service.pull(`${registry.address}/library/app:1`, noAuth)).layers).toHaveLength(2);
  });

  it("makes one pull of many for the same image", async () => {
    const service = await open();
    const images = await Promise.all(Array.from({ length: 5 }, () => service.pull("app:1", noAuth)));
    expect(new Set(images).size).toBe(1);
  });

  it("keeps nothing of a layer whose bytes are not what the digest says", async () => {
    const fake = await serveFake(folder, { tamper: true });
    closing.push(() => fake.server.close());
    const state = await mkdtemp(join(folder, "store-"));
    const service = await open({ state });
    await expect(service.pull(`${fake.address}/library/app:1`, noAuth)).rejects.toMatchObject({
      reason: "ErrImagePull",
      message: expect.stringContaining("unexpected commit digest") as string,
    });
    expect(await service.list()).toEqual([]);
    expect(await readdir(join(state, "temporary"))).toEqual([]);
    expect(await readdir(join(state, "layers"))).toEqual([]);
  });

  it("fetches a token, with the pull secret's name and password and without", async () => {
    const fake = await serveFake(folder, { token: "letmein" });
    closing.push(() => fake.server.close());
    const name = `${fake.address}/library/app:1`;
    await expect((await open()).pull(name, noAuth)).rejects.toMatchObject({
      reason: "ErrImagePull",
      message: expect.stringContaining("pull access denied") as string,
    });
    const auth = { registry: fake.address, username: "me", password: "secret" };
    expect((await (await open()).pull(name, { ...noAuth, auths: [auth] })).layers).toHaveLength(2);
    expect(fake.tokenRequests.at(-1)).toMatchObject({ authorization: `Basic ${Buffer.from("me:secret").toString("base64")}` });
    expect(fake.tokenRequests.at(-1)?.url).toContain("scope=repository%3Alibrary%2Fapp%3Apull");
    expect(fake.tokenRequests.at(-1)?.url).toContain("service=fake");
  });

  it("stops a pull that nobody waits for any more", async () => {
    const fake = await serveFake(folder, { hang: true });
    closing.push(
      () => fake.server.closeAllConnections(),
      () => fake.server.close(),
    );
    const abort = new AbortController();
    const pull = (await open()).pull(`${fake.address}/library/app:1`, { auths: [], signal: abort.signal });
    await systemClock.sleep(50);
    abort.abort(new Error("the pod is gone"));
    await expect(pull).rejects.toThrow("the pod is gone");
    await expect.poll(() => fake.hungUp).toBe(true);
  });

  it("loads an OCI layout, an oci-archive and a docker-archive as the same image", async () => {
    const [oci, docker] = [join(folder, "oci.tar"), join(folder, "docker.tar")];
    await runChecked(["skopeo", "copy", "--insecure-policy", `oci:${folder}/layout:1`, `oci-archive:${oci}:1`]);
    await runChecked([
      "skopeo",
      "copy",
      "--insecure-policy",
      `oci:${folder}/layout:1`,
      `docker-archive:${docker}:example.test/app:1`,
    ]);
    const service = await open();
    const [fromLayout] = await service.load(join(folder, "layout"), noAuth);
    expect(fromLayout).toMatchObject({ references: ["example.test/app:1"] });
    const [fromOci] = await service.load(oci, { ...noAuth, reference: "example.test/oci:1" });
    expect(fromOci?.id).toBe(fromLayout?.id);
    expect(fromOci?.references).toContain("example.test/oci:1");
    const [fromDocker] = await service.load(docker, noAuth);
    expect(fromDocker).toMatchObject({ layers: fromLayout?.layers, config: fromLayout?.config });
    expect(fromDocker?.references).toContain("example.test/app:1");
  });

  it("names a damaged archive and what is wrong with it", async () => {
    const docker = join(folder, "cut.tar");
    await runChecked([
      "skopeo",
      "copy",
      "--insecure-policy",
      `oci:${folder}/layout:1`,
      `docker-archive:${docker}:example.test/app:1`,
    ]);
    const whole = await readFile(docker);
    await writeFile(docker, whole.subarray(0, Math.floor(whole.length / 2)));
    const service = await open();
    await expect(service.load(docker, noAuth)).rejects.toMatchObject({
      reason: "DamagedArchive",
      message: expect.stringContaining(docker) as string,
    });
    await writeFile(docker, "not a tar at all");
    await expect(service.load(docker, noAuth)).rejects.toMatchObject({ reason: "DamagedArchive" });
    await expect(service.load("/no/such/file", noAuth)).rejects.toThrow("there is no such file");
    expect(await service.list()).toEqual([]);
  });

  it("writes nothing outside the layer, whatever an archive's names and links say", async () => {
    for (const entries of [
      [{ name: "../outside", content: "x" }],
      [
        { name: "out", type: "symlink" as const, linkname: "../../.." },
        { name: "out/outside", content: "x" },
      ],
    ]) {
      const hostile = await mkdtemp(join(folder, "hostile-"));
      await writeOciLayout({
        folder: hostile,
        reference: "example.test/evil:1",
        layers: [await layerTar(entries)],
        architecture,
        config: {},
      });
      await expect((await open()).load(hostile, noAuth)).rejects.toMatchObject({
        reason: "DamagedArchive",
        message: expect.stringContaining("leads out") as string,
      });
    }
    const absolute = await mkdtemp(join(folder, "absolute-"));
    const entries = [
      { name: "out", type: "symlink" as const, linkname: folder },
      { name: "out/inside", content: "x" },
    ];
    await writeOciLayout({
      folder: absolute,
      reference: "example.test/absolute:1",
      layers: [await layerTar(entries)],
      architecture,
      config: {},
    });
    const [image] = await (await open()).load(absolute, noAuth);
    expect(existsSync(join(folder, "inside"))).toBe(false);
    expect(existsSync(join(image!.layers[0]!, folder, "inside"))).toBe(true);
  });

  it("says that the disk is full and leaves nothing half made", async () => {
    const small = join(folder, "small");
    await mkdir(small);
    mount("tmpfs", small, "tmpfs", 0, "size=200k");
    closing.push(() => unmount(small));
    const big = join(folder, "big");
    const little = await layerTar([{ name: "little", content: "fits\n" }]);
    const layer = await layerTar([{ name: "zeros", content: systemRandom.bytes(1_000_000) }]);
    await writeOciLayout({ folder: big, reference: "example.test/big:1", layers: [little, layer], architecture, config: {} });
    await push(big, "1", `${registry.address}/library/big:1`);
    const service = await open({ state: small });
    await expect(service.pull("big:1", noAuth)).rejects.toMatchObject({ reason: "NoSpace" });
    expect(await readdir(join(small, "temporary"))).toEqual([]);
    expect(await readdir(join(small, "layers"))).toEqual([]);
    await writeOciLayout({
      folder: join(folder, "fits"),
      reference: "example.test/fits:1",
      layers: [little],
      architecture,
      config: {},
    });
    const [loaded] = await service.load(join(folder, "fits"), noAuth);
    expect(await readFile(join(loaded?.layers[0] ?? "", "little"), "utf8")).toBe("fits\n");
  });

  it("unpacks zstd layers", async () => {
    const zstd = join(folder, "zstd");
    const tar = await layerTar([{ name: "hello", content: "from zstd\n" }]);
    await writeOciLayout({ folder: zstd, reference: "example.test/zstd:1", layers: [tar], architecture, config: {} });
    await writeFile(join(zstd, "layer.tar"), tar);
    const packed = await runChecked(["sh", "-c", `zstd -q -c ${zstd}/layer.tar | base64 -w0`]);
    const bytes = Buffer.from(packed, "base64");
    const [gzip, compressed] = [digestOf(gzipSync(tar)), digestOf(bytes)];
    const blobs = join(zstd, "blobs/sha256");
    await writeFile(join(blobs, compressed.slice(7)), bytes);
    const index = JSON.parse(await readFile(join(zstd, "index.json"), "utf8")) as {
      manifests: { digest: string; size: number }[];
    };
    const manifest = (await readFile(join(blobs, index.manifests[0]!.digest.slice(7)), "utf8"))
      .replace(gzip, compressed)
      .replace(`"size":${gzipSync(tar).length}`, `"size":${bytes.length}`);
    await writeFile(join(blobs, digestOf(Buffer.from(manifest)).slice(7)), manifest);
    index.manifests[0]!.digest = digestOf(Buffer.from(manifest));
    await writeFile(join(zstd, "index.json"), JSON.stringify(index));
    const [image] = await (await open()).load(zstd, noAuth);
    expect(await readFile(join(image!.layers[0]!, "hello"), "utf8")).toBe("from zstd\n");
  });

  it("serves agents over a socket that only its owner may open", async () => {
    const socket = join(folder, "images.sock");
    const abort = new AbortController();
    closing.push(() => abort.abort());
    const local = await open();
    await serveImageService(local, socket, abort.signal);
    expect((await stat(socket)).mode & 0o777).toBe(0o600);
    const remote = remoteImageService(socket);
    expect(await remote.status("app:1")).toBeUndefined();
    const image = await remote.pull("app:1", noAuth);
    expect(await remote.status(image.id)).toEqual(await local.status("app:1"));
    expect(await remote.list()).toEqual([image]);
    await expect(remote.pull("app:no/tag", noAuth)).rejects.toMatchObject({ name: "ImageError", reason: "InvalidImageName" });
    await expect(remote.load("/no/such/file", noAuth)).rejects.toMatchObject({ reason: "DamagedArchive" });
    await remote.remove("app:1");
    expect(await remote.list()).toEqual([]);
    await expect(remoteImageService(join(folder, "nobody")).list()).rejects.toMatchObject({ reason: "RegistryUnavailable" });
  });
});

function lowerLayer(): Promise<Buffer> {
  return layerTar([
    { name: "bin", type: "directory" },
    { name: "bin/su", mode: 0o4755, uid: 12, gid: 34, content: "su" },
    { name: "bin/hard", type: "link", linkname: "bin/su" },
    { name: "etc/kept", content: "kept\n" },
    { name: "etc/deleted", content: "x" },
    { name: "opaque", type: "directory" },
    { name: "opaque/old", content: "x" },
    { name: "replaced", type: "directory" },
    { name: "replaced/old", content: "x" },
    { name: "link", type: "symlink", linkname: "etc/kept" },
  ]);
}

function upperLayer(): Promise<Buffer> {
  return layerTar([
    { name: "etc/.wh.deleted" },
    { name: "opaque", type: "directory" },
    { name: "opaque/.wh..wh..opq" },
    { name: "opaque/new", content: "x" },
    { name: ".wh.replaced" },
    { name: "replaced", type: "directory" },
    { name: "replaced/only", content: "x" },
  ]);
}

async function push(layout: string, tag: string, target: string): Promise<void> {
  await runChecked([
    "skopeo",
    "copy",
    "--insecure-policy",
    "--dest-tls-verify=false",
    `oci:${layout}:${tag}`,
    `docker://${target}`,
  ]);
}

async function startRegistry(folder: string): Promise<{ child: ChildProcess; address: string }> {
  const port = await freePort();
  const config = join(folder, "registry.yml");
  await writeFile(
    config,
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${folder}/registry}}\nhttp: {addr: "127.0.0.1:${port}"}\n`,
  );
  const child = spawn("docker-registry", ["serve", config], { stdio: "ignore" });
  const address = `127.0.0.1:${port}`;
  for (let attempt = 0; ; attempt++) {
    const up = await fetch(`http://${address}/v2/`).catch(() => undefined);
    if (up?.ok === true) return { child, address };
    if (attempt === 1_200) throw new Error("docker-registry does not start");
    await systemClock.sleep(50);
  }
}

/** A registry that serves the layout, but lies, asks for a token or hangs. */
async function serveFake(folder: string, options: { tamper?: boolean; token?: string; hang?: boolean }) {
  const tokenRequests: { url: string; authorization: string | undefined }[] = [];
  const state = { hungUp: false };
  const server: Server = createServer((request, response) => {
    void (async () => {
      const url = request.url ?? "";
      if (url.startsWith("/token")) {
        tokenRequests.push({ url, authorization: request.headers.authorization });
        response.statusCode = request.headers.authorization === undefined ? 403 : 200;
        response.end(JSON.stringify({ token: options.token }));
        return;
      }
      if (options.token !== undefined && request.headers.authorization !== `Bearer ${options.token}`) {
        response.setHeader(
          "www-authenticate",
          `Bearer realm="http://${request.headers.host ?? ""}/token",service="fake",scope="repository:library/app:pull"`,
        );
        response.writeHead(401).end();
        return;
      }
      const index = JSON.parse(await readFile(join(folder, "layout/index.json"), "utf8")) as {
        manifests: { digest: string; mediaType: string }[];
      };
      const wanted = url.endsWith("/manifests/1") ? index.manifests[0]!.digest : url.slice(url.lastIndexOf("/") + 1);
      const bytes = await readFile(join(folder, "layout/blobs/sha256", wanted.slice(7)));
      const isLayer = bytes[0] === 0x1f;
      if (isLayer && options.hang === true) {
        response.on("close", () => (state.hungUp = true));
        response.writeHead(200).write(bytes.subarray(0, 10));
        return;
      }
      if (isLayer && options.tamper === true) bytes[bytes.length - 1]! ^= 1;
      response.writeHead(200, { "content-type": index.manifests[0]!.mediaType }).end(bytes);
    })();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    server,
    address,
    tokenRequests,
    get hungUp() {
      return state.hungUp;
    },
  };
}
