import { ForwardingStorage } from "#apiserver/storage/forwarding-storage.testing";
import type { Entry, Revision, Storage } from "#apiserver/storage/storage";

/** Counts what is really written, whoever writes it: `create pods`, `update pods`, `delete pods`. */
export class CountedStorage extends ForwardingStorage {
  readonly writes = new Map<string, number>();

  override async put(...args: Parameters<Storage["put"]>): Promise<Entry> {
    const [key, , expected] = args;
    const entry = await super.put(...args);
    this.#count(expected === 0 ? "create" : "update", key);
    return entry;
  }

  override async delete(key: string, expected: Revision): Promise<Revision> {
    const revision = await super.delete(key, expected);
    this.#count("delete", key);
    return revision;
  }

  #count(verb: string, key: string): void {
    // `/registry/[GROUP/]RESOURCE/…`: the groups of those that are counted are words without a dot.
    const [, , first = "", second = ""] = key.split("/");
    const name = `${verb} ${first === "apps" ? second : first}`;
    this.writes.set(name, (this.writes.get(name) ?? 0) + 1);
  }
}
