import { BaseSequencer, type TestSpecification } from "vitest/node";

/** By the order in which they begin: what keeps the machine busy beside what waits. */
const slowest = [
  "test/simulation/simulation-1.test.ts",
  "test/simulation/simulation-2.test.ts",
  "test/simulation/killed-between-writes.test.ts",
  "test/simulation/mistakes.test.ts",
  "apiserver/storage/embedded/crash.test.ts",
  "test/api/slow-readers.test.ts",
  "test/api/many-watchers.test.ts",
  "test/e2e/cgroup-v2.real.test.ts",
  "test/e2e/node-failure.test.ts",
  "apiserver/storage/etcd/etcd-outages.real.test.ts",
  "test/e2e/kubectl-commands.test.ts",
  "test/etcd/faults.real.test.ts",
  "test/e2e/exec.test.ts",
  "test/e2e/cli-like-kubectl.test.ts",
  "test/e2e/agent-killed.test.ts",
  "apiserver/storage/etcd/etcd-storage.real.test.ts",
  "apiserver/storage/embedded/power-cut.real.test.ts",
];

/** Takes them first, so that at the end no worker is busy with one of them while the others have nothing left to do. */
export default class SlowestFirstSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = slowest.findIndex((name) => moduleId.endsWith(`/${name}`));
      return found === -1 ? slowest.length : found;
    };
    const others = await super.sort(files);
    return others.toSorted((left, right) => rank(left) - rank(right));
  }
}
