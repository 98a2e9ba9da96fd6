import { describe, expect, it } from "vitest";
import { readHostResolvConf } from "./host-resolv-conf.ts";

const files = (contents: Readonly<Record<string, string>>) => async (path: string) => {
  const text = contents[path];
  if (text === undefined) throw new Error(`no ${path}`);
  return text;
};
const stub = "nameserver 127.0.0.53\noptions edns0\n";

describe("readHostResolvConf", () => {
  it("takes the host's own", async () => {
    expect(await readHostResolvConf(files({ "/etc/resolv.conf": "nameserver 10.0.0.2\n" }))).toBe("nameserver 10.0.0.2\n");
  });

  it("looks behind a stub that pods cannot reach", async () => {
    const read = files({ "/etc/resolv.conf": stub, "/run/systemd/resolve/resolv.conf": "nameserver 192.168.1.1\n" });
    expect(await readHostResolvConf(read)).toBe("nameserver 192.168.1.1\n");
  });

  it("keeps a loopback server when nothing is behind it, and is empty without any file", async () => {
    expect(await readHostResolvConf(files({ "/etc/resolv.conf": stub }))).toBe(stub);
    expect(await readHostResolvConf(files({}))).toBe("");
  });
});
