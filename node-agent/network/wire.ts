import { closeSync, openSync } from "node:fs";
import { inNetwork } from "../runtime/thread-namespaces.ts";
import { attribute, linkHeader, netlinkFlags, type NetlinkRequest, NetlinkSocket, netlinkTypes, number32 } from "./netlink.ts";

export interface Wire {
  /** Its end in the node. */
  readonly link: string;
  readonly bridge: string;
  readonly mtu: number;
  /** The file that the pod's network namespace is bound to. */
  readonly namespacePath: string;
  readonly ip: string;
  readonly prefixLength: number;
  readonly gateway: string;
}

/** One end of a pair of network devices in the pod as eth0, the other at the bridge. @throws SyscallError naming what failed */
export async function makeWire(wire: Wire): Promise<void> {
  const network = openSync(wire.namespacePath, "r");
  try {
    await within(new NetlinkSocket(), async (node) => node.send(outside(wire, network, await node.indexOf(wire.bridge))));
  } finally {
    closeSync(network);
  }
  const inPod = inNetwork(wire.namespacePath, () => new NetlinkSocket());
  await within(inPod, async (pod) => pod.send(inside(wire, await pod.indexOf("eth0"))));
}

/** Both ends, and what was set on them. @throws SyscallError ENODEV when there is none */
export async function removeWire(link: string): Promise<void> {
  const body = Buffer.concat([linkHeader({}), attribute(linkName, link)]);
  await within(new NetlinkSocket(), (node) =>
    node.send([{ what: `delete ${link}`, type: netlinkTypes.deleteLink, flags: 0, body }]),
  );
}

async function within(socket: NetlinkSocket, work: (socket: NetlinkSocket) => Promise<void>): Promise<void> {
  try {
    await work(socket);
  } finally {
    socket.close();
  }
}

function outside({ link, bridge, mtu }: Wire, network: number, master: number): readonly NetlinkRequest[] {
  const peer = [
    linkHeader({}),
    attribute(linkName, "eth0"),
    attribute(linkMtu, mtu),
    attribute(linkNamespaceDescriptor, network),
  ];
  const pair = Buffer.concat([attribute(infoKind, "veth"), attribute(infoData, attribute(vethPeer, Buffer.concat(peer)))]);
  const atBridge = [attribute(linkMtu, mtu), attribute(linkMaster, master), attribute(linkInfo, pair)];
  // A pod that calls its own Service comes back through its own port.
  const hairpin = attribute(portHairpin, Buffer.from([1]));
  const port = Buffer.concat([attribute(infoSlaveKind, "bridge"), attribute(infoSlaveData, hairpin)]);
  return [
    {
      what: `make ${link} at ${bridge}`,
      type: netlinkTypes.newLink,
      flags: netlinkFlags.create | netlinkFlags.exclusive,
      body: Buffer.concat([linkHeader({ up: true }), attribute(linkName, link), ...atBridge]),
    },
    {
      what: `set hairpin of ${link}`,
      type: netlinkTypes.newLink,
      flags: 0,
      body: Buffer.concat([linkHeader({}), attribute(linkName, link), attribute(linkInfo, port)]),
    },
  ];
}

function inside({ ip, prefixLength, gateway }: Wire, index: number): readonly NetlinkRequest[] {
  const isNew = netlinkFlags.create | netlinkFlags.exclusive;
  const up = (what: string, at: number): NetlinkRequest => ({
    what: `set ${what} up`,
    type: netlinkTypes.newLink,
    flags: 0,
    body: linkHeader({ index: at, up: true }),
  });
  // struct ifaddrmsg and struct rtmsg: the main table, set up by hand, a gateway somewhere in the world.
  const address = Buffer.concat([Buffer.from([internet, prefixLength, 0, 0]), number32(index)]);
  const route = Buffer.from([internet, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0]);
  return [
    up("lo", loopbackIndex),
    {
      what: `give eth0 ${ip}`,
      type: netlinkTypes.newAddress,
      flags: isNew,
      body: Buffer.concat([address, attribute(addressLocal, bytesOf(ip)), attribute(addressPeer, bytesOf(ip))]),
    },
    up("eth0", index),
    {
      what: `route by ${gateway}`,
      type: netlinkTypes.newRoute,
      flags: isNew,
      body: Buffer.concat([route, attribute(routeGateway, bytesOf(gateway))]),
    },
  ];
}

/** IPv4. */
function bytesOf(address: string): Buffer {
  return Buffer.from(address.split(".").map(Number));
}

const internet = 2;
const loopbackIndex = 1;
const [linkName, linkMtu, linkMaster, linkInfo, linkNamespaceDescriptor] = [3, 4, 10, 18, 28];
const [infoKind, infoData, infoSlaveKind, infoSlaveData] = [1, 2, 4, 5];
const vethPeer = 1;
const portHairpin = 4;
const [addressPeer, addressLocal] = [1, 2];
const routeGateway = 5;
