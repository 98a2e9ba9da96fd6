import { describe, expect, it } from "vitest";
import { isUnreachable } from "./etcd-storage.ts";
import { failureOf, isNoSpace, readError, writeError } from "./etcd-failure.ts";
import { answersProgressInOrder } from "./server-version.ts";

/** As gRPC and etcd 3.4 and 3.5 word them. */
const failures: readonly { text: string; read: string; write: string }[] = [
  {
    text: "14 UNAVAILABLE: No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:2379. Resolution note: ",
    read: "Unavailable",
    write: "Unavailable",
  },
  { text: "14 UNAVAILABLE: Name resolution failed for target dns:etcd:2379", read: "Unavailable", write: "Unavailable" },
  { text: "4 DEADLINE_EXCEEDED: Deadline exceeded after 10.0s,Waiting for LB pick", read: "Unavailable", write: "Unavailable" },
  {
    text: "4 DEADLINE_EXCEEDED: Deadline exceeded after 10.0s,LB pick: 0.001s,remote_addr=127.0.0.1:2379",
    read: "Unavailable",
    write: "OutcomeUnknown",
  },
  { text: "14 UNAVAILABLE: Connection dropped", read: "Unavailable", write: "OutcomeUnknown" },
  { text: "14 UNAVAILABLE: etcdserver: request timed out", read: "Unavailable", write: "OutcomeUnknown" },
  {
    text: "14 UNAVAILABLE: etcdserver: request timed out, possibly due to previous leader failure",
    read: "Unavailable",
    write: "OutcomeUnknown",
  },
  { text: "14 UNAVAILABLE: etcdserver: leader changed", read: "Unavailable", write: "OutcomeUnknown" },
  { text: "2 UNKNOWN: raft proposal dropped", read: "Unavailable", write: "OutcomeUnknown" },
  { text: "13 INTERNAL: Received RST_STREAM with code 2", read: "Unavailable", write: "OutcomeUnknown" },
  { text: "something that says nothing of gRPC", read: "Unavailable", write: "OutcomeUnknown" },
  { text: "8 RESOURCE_EXHAUSTED: etcdserver: too many requests", read: "Unavailable", write: "Unavailable" },
  { text: "7 PERMISSION_DENIED: etcdserver: permission denied", read: "Unavailable", write: "Unavailable" },
  { text: "16 UNAUTHENTICATED: etcdserver: invalid auth token", read: "Unavailable", write: "Unavailable" },
  { text: "3 INVALID_ARGUMENT: etcdserver: request is too large", read: "Unavailable", write: "TooLarge" },
  {
    text: "8 RESOURCE_EXHAUSTED: grpc: received message larger than max (2100000 vs. 2097152)",
    read: "Unavailable",
    write: "TooLarge",
  },
  { text: "11 OUT_OF_RANGE: etcdserver: mvcc: required revision has been compacted", read: "Expired", write: "Unavailable" },
  { text: "11 OUT_OF_RANGE: etcdserver: mvcc: required revision is a future revision", read: "Future", write: "Unavailable" },
];

describe("a failure of etcd", () => {
  it.each(failures)("$text", ({ text, read, write }) => {
    expect(readError(new Error(text))).toMatchObject({ reason: read });
    expect(writeError(new Error(text))).toMatchObject({ reason: write });
  });

  it("is the member's when another one may do better, and the request's otherwise", () => {
    expect(failureOf(new Error(failures[0]!.text))).toMatchObject({ isMembers: true, isRefused: true });
    expect(failureOf(new Error("7 PERMISSION_DENIED: etcdserver: permission denied"))).toMatchObject({ isMembers: false });
    expect(isUnreachable(readError(new Error(failures[0]!.text)))).toBe(true);
    expect(isUnreachable(readError(new Error("3 INVALID_ARGUMENT: etcdserver: authentication failed")))).toBe(false);
  });

  it.each([
    [
      "4 DEADLINE_EXCEEDED: Deadline exceeded after 2.000s,metadata filters: 0.001s,remote_addr=10.0.0.1:2379",
      "Deadline exceeded after 2.000s",
    ],
    ["4 DEADLINE_EXCEEDED: Deadline exceeded after 10.0s,Waiting for LB pick", "Deadline exceeded after 10.0s"],
    [
      "14 UNAVAILABLE: etcdserver: request timed out, possibly due to previous leader failure",
      "etcdserver: request timed out, possibly due to previous leader failure",
    ],
  ])("is told without what is nobody's business: %s", (text, message) => {
    expect(failureOf(new Error(text)).message).toBe(message);
  });

  it("is for want of space when etcd says so", () => {
    expect(isNoSpace(new Error("8 RESOURCE_EXHAUSTED: etcdserver: mvcc: database space exceeded"))).toBe(true);
  });
});

describe("an answer to a request for progress", () => {
  it.each([
    ["3.4.23", false],
    ["3.4.30", false],
    ["3.4.31", true],
    ["3.5.12", false],
    ["3.5.13", true],
    ["3.5.16", true],
    ["3.6.0-rc.0", true],
    ["3.3.27", false],
    ["4.0.0", true],
  ])("of etcd %s is in order: %s", (version, isInOrder) => {
    expect(answersProgressInOrder(version)).toBe(isInOrder);
  });
});
