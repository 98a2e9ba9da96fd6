import { describe, expect, it } from "vitest";
import { CommandFailure } from "../failure.ts";
import { checkExternalEtcd, type ExternalEtcd } from "./etcd-config.ts";
import { findEtcd } from "./own-etcd.ts";

const servers = ["https://10.0.0.1:2379"];

describe("an etcd that is named on the command line", () => {
  it.each<[string, ExternalEtcd]>([
    ["one server", { servers }],
    ["several", { servers: [...servers, "https://etcd-2.example:2379"] }],
    ["everything", { servers, caFile: "/ca", certFile: "/c", keyFile: "/k", user: "u", passwordFile: "/p", prefix: "/blue" }],
  ])("may be %s", (_, config) => {
    expect(() => checkExternalEtcd(config)).not.toThrow();
  });

  it.each<[string, ExternalEtcd]>([
    ["name it with --etcd-servers", { servers: [], caFile: "/ca" }],
    ['"10.0.0.1:2379" is none', { servers: ["10.0.0.1:2379"] }],
    ['"https://10.0.0.1" is none', { servers: ["https://10.0.0.1"] }],
    ['"https://10.0.0.1:2379/v3" is none', { servers: ["https://10.0.0.1:2379/v3"] }],
    ["all http:// or all https://", { servers: [...servers, "http://10.0.0.2:2379"] }],
    ["--etcd-certfile and --etcd-keyfile go together", { servers, certFile: "/c" }],
    ["--etcd-user and --etcd-password-file go together", { servers, user: "u" }],
    ["begins with a slash", { servers, prefix: "blue" }],
    ["ends without one", { servers, prefix: "/blue/" }],
  ])("is refused: %s", (words, config) => {
    expect(() => checkExternalEtcd(config)).toThrow(CommandFailure);
    expect(() => checkExternalEtcd(config)).toThrow(words);
  });

  it("is not looked for where none is installed, and what to install is said", () => {
    expect(() => findEtcd("/nowhere")).toThrow("apt-get install etcd-server");
  });
});
