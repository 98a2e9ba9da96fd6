import { expect, it } from "vitest";
import { upgradeHeaders } from "./serve-upgrade.ts";

it("passes on how to change the protocol, and nothing of who asks for it", () => {
  const headers = {
    host: "api",
    authorization: "Bearer secret",
    cookie: "c",
    "x-remote-user": "u",
    "impersonate-user": "u",
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-key": "k",
    "sec-websocket-version": "13",
    "sec-websocket-protocol": "v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.c2VjcmV0,v4.channel.k8s.io",
    "x-stream-protocol-version": "v4.channel.k8s.io",
  };
  expect(upgradeHeaders({ headers })).toEqual({
    upgrade: "websocket",
    "sec-websocket-key": "k",
    "sec-websocket-version": "13",
    "sec-websocket-protocol": "v5.channel.k8s.io, v4.channel.k8s.io",
    "x-stream-protocol-version": "v4.channel.k8s.io",
  });
});
