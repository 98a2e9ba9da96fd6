import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadHelloImage } from "./hello-image.ts";
import { whyNot } from "./requirements.ts";
import { eventually, run, start, stop, succeed } from "./run.ts";
import { TestCluster, type Kubectl } from "./test-cluster.ts";

/** The first comes over SPDY, the second over a WebSocket. */
const versions = ["1.27", "1.33"];
const reason = whyNot({ kubectl: versions, tools: ["script"] });

const pod = (name: string, ...containers: object[]): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 1,
      containers: containers.map((container) => ({
        image: "skiff.local/hello:1",
        imagePullPolicy: "Never",
        command: ["sleep", "100000"],
        ...container,
      })),
    },
  });

describe.skipIf(reason !== "")(`commands in containers${reason && ` (skipped: ${reason})`}`, () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await TestCluster.create("e2e-exec");
    await cluster.up("--nodes", "1");
    await loadHelloImage(cluster);
    const kubectl = cluster.kubectl("1.33");
    const user = { runAsUser: 65534, capabilities: { drop: ["ALL"] } };
    const env = [{ name: "GREETING", value: "hello" }];
    for (const made of [
      pod("one", { name: "main", env, workingDir: "/tmp", securityContext: user }),
      pod("two", { name: "first" }, { name: "second" }),
      pod("over", { name: "main", command: ["true"] }),
    ]) {
      await kubectl.do(["apply", "-f", "-"], made);
    }
    await kubectl.do(["wait", "pod", "one", "two", "--for=condition=Ready", "--timeout=120s"]);
    await kubectl.do(["wait", "pod", "over", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s"]);
  });
  afterAll(() => (cluster as TestCluster | undefined)?.remove());

  describe.each(versions)("by kubectl %s", (version) => {
    let kubectl: Kubectl;
    beforeAll(() => {
      kubectl = cluster.kubectl(version);
    });
    const exec = (...args: string[]) => kubectl.try(["exec", ...args]);
    const processes = async (): Promise<string> => (await exec("two", "-c", "first", "--", "ps", "-o", "args")).stdout;

    it("answers with both outputs and the exit code", async () => {
      expect(await exec("one", "--", "echo", "hi")).toEqual({ code: 0, stdout: "hi\n", stderr: "" });
      expect(await exec("one", "--", "sh", "-c", "echo out; echo err >&2; exit 3")).toEqual({
        code: 3,
        stdout: "out\n",
        stderr: "err\ncommand terminated with exit code 3\n",
      });
      expect((await exec("one", "--", "sh", "-c", "kill -9 $$")).code).toBe(137);
    });

    it("runs them as the container runs: its user, environment, folder, capabilities and cgroup", async () => {
      const script =
        "id -u; echo $GREETING; pwd; grep CapEff /proc/self/status; cmp /proc/self/cgroup /proc/1/cgroup && echo same";
      const { stdout } = await exec("one", "--", "sh", "-c", script);
      expect(stdout.split(/\n/).map((line) => line.replace(/\s+/g, " "))).toEqual([
        ...["65534", "hello", "/tmp", "CapEff: 0000000000000000", "same", ""],
      ]);
    });

    it("says what is wrong in upstream's words", async () => {
      const refusals = await Promise.all([
        exec("one", "--", "no-such-command"),
        exec("none", "--", "ls"),
        exec("one", "-c", "none", "--", "ls"),
        exec("over", "--", "ls"),
        kubectl.try(["get", "--raw", "/api/v1/namespaces/default/pods/two/exec?command=ls"]),
        kubectl.try(["get", "--raw", "/api/v1/namespaces/default/pods/one/exec?command=ls"]),
      ]);
      expect(refusals.map(({ code }) => code)).toEqual([1, 1, 1, 1, 1, 1]);
      const said = refusals.map(({ stderr }) => stderr);
      expect(said[0]).toMatch(/^error: Internal error occurred: error executing command in container: .*no-such-command/);
      expect(said[1]).toBe('Error from server (NotFound): pods "none" not found\n');
      expect(said[2]).toBe("Error from server (BadRequest): container none is not valid for pod one\n");
      expect(said[3]).toBe("error: cannot exec into a container in a completed pod; current phase is Succeeded\n");
      expect(said[4]).toContain("a container name must be specified for pod two, choose one of: [first second]");
      expect(said[5]).toContain("Upgrade request required");
    });

    it("carries 64 MB both ways unchanged", async () => {
      const file = join(cluster.folder, `large-${version}`);
      const bytes = randomBytes(64 * 1024 * 1024);
      await writeFile(file, bytes);
      const command = `${kubectl.binary} exec -i two -c first -- cat < ${file} | sha256sum`;
      const sum = await succeed(["bash", "-o", "pipefail", "-c", command], { env: kubectl.env });
      expect(sum.split(" ")[0]).toBe(createHash("sha256").update(bytes).digest("hex"));
      await rm(file);
    });

    it("ends the command's input with the client's", async () => {
      expect((await kubectl.try(["exec", "-i", "one", "--", "wc", "-c"], "12345")).stdout.trim()).toBe("5");
      expect((await exec("one", "--", "wc", "-c")).stdout.trim()).toBe("0");
    });

    it("ends when the command does, whatever input is left", async () => {
      const command = `yes | ${kubectl.binary} exec -i two -c first -- head -n 1`;
      expect((await run(["bash", "-c", command], { env: kubectl.env, timeoutMs: 20_000 })).stdout).toBe("y\n");
    });

    it("gives a terminal of the client's size, that follows it", async () => {
      const until = (size: string): string => `until [ "$(stty size 2>&1)" = "${size}" ]; do sleep 0.1; done; stty size`;
      const inside = `tty; ${until("33 101")}; ${until("44 122")}; exit 5`;
      const outside = `tty; stty rows 33 cols 101; exec ${kubectl.binary} exec -it two -c first -- sh -c '${inside}'`;
      const { child, output } = start(["script", "-qec", outside, "/dev/null"], { env: kubectl.env });
      const ended = new Promise((resolve) => child.once("close", resolve));
      const shown = (): string => output.stdout.replaceAll("\r", "");
      try {
        await eventually("the first size", async () => shown().includes("\n33 101\n"));
        await succeed(["stty", "-F", shown().split("\n")[0] ?? "", "rows", "44", "cols", "122"]);
        await eventually("the second size", async () => shown().includes("\n44 122\n"));
      } finally {
        child.stdin?.end();
      }
      expect(await ended).toBe(5);
      expect(shown()).toMatch(/^\/dev\/pts\/\d+\n\/dev\/pts\/\d+\n33 101\n44 122\n/);
    });

    it("leaves nothing of a command whose client is gone, also when its input is not read", async () => {
      const idle = kubectl.start(["exec", "two", "-c", "first", "--", "sh", "-c", "sleep 4242 & sleep 4243"]);
      const flooding = `exec ${kubectl.binary} exec -i two -c first -- sleep 4244 < /dev/zero`;
      const flooded = start(["bash", "-c", flooding], { env: kubectl.env });
      await eventually("the commands", async () => (await processes()).match(/sleep 424[234]/g)?.length === 3);
      idle.child.kill("SIGKILL");
      // What nobody reads has filled what is on the way by then.
      await sleep(1_000);
      await stop(flooded);
      await eventually("the commands' end", async () => !/sleep 424/.test(await processes()));
    });

    it("lets a client that does not read hold the command up, not fill the agent", async () => {
      const memory = async (): Promise<number> => {
        const status = await readFile(`/proc/${await cluster.pidOf("node-1")}/status`, "utf8");
        return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
      };
      const before = await memory();
      const { child } = kubectl.start(["exec", "two", "-c", "first", "--", "cat", "/dev/zero"]);
      child.stdout?.pause();
      child.kill("SIGSTOP");
      try {
        await sleep(3000);
        expect((await memory()) - before).toBeLessThan(40);
      } finally {
        child.kill("SIGKILL");
      }
      await eventually("the command's end", async () => !(await processes()).includes("cat /dev/zero"));
    });

    it("copies files and folders both ways", async () => {
      const [there, back] = [join(cluster.folder, `there-${version}`), join(cluster.folder, `back-${version}`)];
      await mkdir(join(there, "below"), { recursive: true });
      await writeFile(join(there, "random"), randomBytes(3_000_000));
      await writeFile(join(there, "below", "text"), "hello\n");
      await kubectl.do(["cp", there, `two:/tmp/copy-${version}`, "-c", "second"]);
      await kubectl.do(["cp", `two:/tmp/copy-${version}`, back, "-c", "second"]);
      await succeed(["diff", "-r", there, back]);
    });
  });
});
