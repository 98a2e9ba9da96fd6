import { closeSync, constants } from "node:fs";
import { Socket } from "node:net";
import koffi from "koffi";
import { check, SyscallError } from "./syscalls.ts";

/** `"write"`: the child writes to it and we read; `"read"` the other way round. A number is a descriptor of ours. */
export type ChildDescriptor = "null" | "read" | "write" | number;

export interface SpawnOptions {
  /** The child's descriptors from 0 on; it gets no others. */
  readonly descriptors: readonly ChildDescriptor[];
  /** Absent: as ours. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Signals to this process and its group are then not for it. */
  readonly newSession?: boolean;
}

export interface SpawnedProcess {
  readonly pid: number;
  /** Our ends, by the child's descriptor. */
  readonly pipes: ReadonlyMap<number, Socket>;
  /** Nothing is done to it once its end has been seen: its number may be another's then. */
  kill(signal: NodeJS.Signals): void;
  /**
   * To be called once, when its end is near: while its outputs are open a thread that many share would wait for it.
   * @returns its exit code; undefined when a signal ended it
   */
  end(): Promise<number | undefined>;
}

/**
 * Starts a program as Node's own `spawn` does, without a copy of this process: fork copies the page tables of all it has, which for
 * a program with a large heap takes milliseconds in which nothing else is done, and as long again for the pages touched after it.
 * posix_spawn shares the memory until the program runs, and is called in a thread of its own.
 *
 * @throws SyscallError when it cannot be started
 */
export async function spawnProcess(argv: readonly string[], options: SpawnOptions): Promise<SpawnedProcess> {
  const [program = ""] = argv;
  const actions = Buffer.alloc(structSize);
  const pipes = new Map<number, Socket>();
  const childEnds: number[] = [];
  checkNumber("posix_spawn_file_actions_init", actionsInit(actions));
  try {
    for (const [descriptor, wanted] of options.descriptors.entries()) {
      if (wanted === "null") checkNumber("posix_spawn", addOpen(actions, descriptor, "/dev/null", constants.O_RDWR, 0));
      else if (typeof wanted === "number") checkNumber("posix_spawn", addDup(actions, wanted, descriptor));
      else {
        const { own, childs } = makePipe(wanted);
        childEnds.push(childs);
        pipes.set(descriptor, new Socket({ fd: own, readable: wanted === "write", writable: wanted === "read" }));
        checkNumber("posix_spawn", addDup(actions, childs, descriptor));
      }
    }
    if (options.cwd !== undefined) checkNumber("posix_spawn", addChangeDirectory(actions, options.cwd));
    const attributes = options.newSession === true ? inNewSession : inOurSession;
    const { env } = options;
    const environment = env === undefined ? ownEnvironment() : [...Object.entries(env).map((entry) => entry.join("=")), null];
    const pid: [number] = [0];
    const failure = await new Promise<number>((resolve, reject) => {
      const done = (error: Error | null, result: number): void => {
        if (error === null) resolve(result);
        else reject(error);
      };
      spawnCall.async(pid, program, actions, attributes, [...argv, null], environment, done);
    });
    if (failure !== 0) throw new SyscallError(`spawn ${program}`, failure);
    return spawned(pid[0], pipes);
  } catch (error) {
    for (const pipe of pipes.values()) pipe.destroy();
    throw error;
  } finally {
    for (const end of childEnds) closeSync(end);
    actionsDestroy(actions);
  }
}

interface WaitCall {
  (pid: number, status: [number], options: number): number;
  async(pid: number, status: [number], options: number, done: (error: Error | null, found: number) => void): void;
}

type NumberCall = (...values: (Uint8Array | string | number | null)[]) => number;

const libc = koffi.load(null);
const spawnCall = libc.func(
  "int posix_spawnp(_Out_ int*, const char*, const uint8_t*, const uint8_t*, const char**, const char**)",
) as unknown as { async(...values: unknown[]): void };
const actionsInit = libc.func("int posix_spawn_file_actions_init(uint8_t*)") as NumberCall;
const actionsDestroy = libc.func("int posix_spawn_file_actions_destroy(uint8_t*)") as NumberCall;
const addOpen = libc.func("int posix_spawn_file_actions_addopen(uint8_t*, int, const char*, int, unsigned int)") as NumberCall;
const addDup = libc.func("int posix_spawn_file_actions_adddup2(uint8_t*, int, int)") as NumberCall;
const addChangeDirectory = libc.func("int posix_spawn_file_actions_addchdir_np(uint8_t*, const char*)") as NumberCall;
const attributesInit = libc.func("int posix_spawnattr_init(uint8_t*)") as NumberCall;
const setFlags = libc.func("int posix_spawnattr_setflags(uint8_t*, short)") as NumberCall;
const setDefaultSignals = libc.func("int posix_spawnattr_setsigdefault(uint8_t*, const uint8_t*)") as NumberCall;
const setSignalMask = libc.func("int posix_spawnattr_setsigmask(uint8_t*, const uint8_t*)") as NumberCall;
const fillSignals = libc.func("int sigfillset(uint8_t*)") as NumberCall;
const emptySignals = libc.func("int sigemptyset(uint8_t*)") as NumberCall;
const pipeCall = libc.func("int pipe2(_Out_ int*, int)") as (ends: number[], flags: number) => number;
const waitCall = libc.func("int waitpid(int, _Out_ int*, int)") as unknown as WaitCall;

const environ: unknown = libc.symbol("environ");

/** More than any libc's posix_spawn_file_actions_t, posix_spawnattr_t and sigset_t. */
const structSize = 1024;
const closeOnExec = 0o2000000;
const noHang = 1;
const [withDefaultSignals, withSignalMask, withSession] = [0x04, 0x08, 0x80];

const inOurSession = attributesWith(withDefaultSignals | withSignalMask);
const inNewSession = attributesWith(withDefaultSignals | withSignalMask | withSession);

/** What Node ignores or blocks, a child takes as usual. */
function attributesWith(flags: number): Buffer {
  const [attributes, all, none] = [Buffer.alloc(structSize), Buffer.alloc(structSize), Buffer.alloc(structSize)];
  fillSignals(all);
  emptySignals(none);
  checkNumber("posix_spawnattr_init", attributesInit(attributes));
  checkNumber("posix_spawnattr_setsigdefault", setDefaultSignals(attributes, all));
  checkNumber("posix_spawnattr_setsigmask", setSignalMask(attributes, none));
  checkNumber("posix_spawnattr_setflags", setFlags(attributes, flags));
  return attributes;
}

/** As the C library has it. */
function ownEnvironment(): unknown {
  return koffi.decode(environ, "void *");
}

function makePipe(childs: "read" | "write"): { own: number; childs: number } {
  const ends = [0, 0];
  check("pipe2", pipeCall(ends, closeOnExec));
  const [reading = 0, writing = 0] = ends;
  return childs === "read" ? { own: writing, childs: reading } : { own: reading, childs: writing };
}

function spawned(pid: number, pipes: ReadonlyMap<number, Socket>): SpawnedProcess {
  let hasEnded = false;
  return {
    pid,
    pipes,
    kill: (signal) => {
      if (!hasEnded) process.kill(pid, signal);
    },
    end: async () => {
      const status: [number] = [0];
      while ((await waitInThread(pid, status)) !== pid) {
        const found = waitCall(pid, status, noHang);
        check(`waitpid ${pid}`, found);
        if (found === pid) break;
      }
      hasEnded = true;
      const endedBySignal = (status[0] & 0x7f) !== 0;
      return endedBySignal ? undefined : (status[0] >> 8) & 0xff;
    },
  };
}

/** -1 when it was interrupted, or had nothing to wait for. */
function waitInThread(pid: number, status: [number]): Promise<number> {
  return new Promise((resolve, reject) => {
    waitCall.async(pid, status, 0, (error, found) => {
      if (error === null) resolve(found);
      else reject(error);
    });
  });
}

/** These answer with the error's number, and do not set errno. */
function checkNumber(call: string, failure: number): void {
  if (failure !== 0) throw new SyscallError(call, failure);
}
