import { once } from "node:events";
import { createServer, connect, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dataFrame, FrameReader, type Frame } from "./frames.ts";
import { HeaderCodec } from "./header-block.ts";
import { SpdyConnection, type SpdyStream } from "./spdy-connection.ts";

/** A client of which each frame is written by hand. */
describe("a SPDY connection", () => {
  let server: Server;
  let client: Socket;
  let connection: SpdyConnection;
  let streams: SpdyStream[];
  let frames: Frame[];
  const codec = (): HeaderCodec => new HeaderCodec();
  let clientCodec: HeaderCodec;

  beforeEach(async () => {
    streams = [];
    frames = [];
    clientCodec = codec();
    server = createServer((socket) => {
      connection = new SpdyConnection(socket, (stream) => streams.push(stream));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    client = connect((server.address() as AddressInfo).port, "127.0.0.1");
    const reader = new FrameReader();
    client.on("data", (chunk: Buffer) => frames.push(...reader.read(chunk)));
    client.on("error", () => undefined);
    await once(client, "connect");
  });
  afterEach(async () => {
    client.destroy();
    server.close();
    await once(server, "close");
  });

  const open = async (id: number, type: string): Promise<SpdyStream> => {
    const headers = await clientCodec.compress(new Map([["streamtype", type]]));
    const fields = Buffer.alloc(18);
    fields.writeUInt32BE(0x80030001);
    fields.writeUIntBE(10 + headers.length, 5, 3);
    fields.writeUInt32BE(id, 8);
    client.write(Buffer.concat([fields, headers]));
    return expect
      .poll(() => streams.find((stream) => stream.id === id))
      .toBeDefined()
      .then(() => streams.find((stream) => stream.id === id)!);
  };

  it("has the streams that the client opens, with their headers", async () => {
    expect([...(await open(1, "error")).headers]).toEqual([["streamtype", "error"]]);
    expect([...(await open(3, "stdin")).headers]).toEqual([["streamtype", "stdin"]]);
    await expect.poll(() => frames).toEqual([{ type: "other" }, { type: "other" }]);
  });

  it("carries both directions of a stream, each with its own end", async () => {
    const stream = await open(1, "stdin");
    client.write(dataFrame(1, Buffer.from("in"), true));
    const received: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => received.push(chunk));
    await once(stream, "end");
    expect(Buffer.concat(received).toString()).toBe("in");
    stream.end("out");
    await expect
      .poll(() => frames.slice(1))
      .toEqual([
        { type: "data", stream: 1, last: false, bytes: Buffer.from("out") },
        { type: "data", stream: 1, last: true, bytes: Buffer.alloc(0) },
      ]);
  });

  it("answers the client's pings and not the answers to its own", async () => {
    client.write(Buffer.from("800300060000000400000001" + "800300060000000400000002" + "800300060000000400000003", "hex"));
    await expect
      .poll(() => frames)
      .toEqual([
        { type: "ping", id: 1 },
        { type: "ping", id: 3 },
      ]);
  });

  it("takes no more than it has room for of what nobody reads", async () => {
    const stream = await open(1, "stdin");
    const piece = dataFrame(1, Buffer.alloc(64 * 1024, 1));
    let sent = 0;
    while (client.write(piece) || sent < 32 * 1024 * 1024) sent += 64 * 1024;
    expect(stream.readableLength).toBeLessThanOrEqual(256 * 1024);
    let received = 0;
    stream.on("data", (chunk: Buffer) => (received += chunk.length));
    await expect.poll(() => received).toBeGreaterThanOrEqual(sent);
  });

  it("resets a stream that is destroyed, drops what still comes for it, and goes on with the others", async () => {
    const [gone, other] = [await open(1, "stdin"), await open(3, "stdout")];
    gone.destroy();
    await expect.poll(() => frames.slice(2)).toEqual([{ type: "rstStream", stream: 1 }]);
    client.write(Buffer.concat([dataFrame(1, Buffer.alloc(1000)), dataFrame(3, Buffer.from("x"), true)]));
    expect(String((await once(other, "data"))[0])).toBe("x");
  });

  it("ends with all its streams when the client goes", async () => {
    const stream = await open(1, "stdin");
    client.destroy();
    await expect.poll(() => [connection.closed.aborted, stream.destroyed]).toEqual([true, true]);
  });

  it("is cut when what comes is not SPDY", async () => {
    client.write(Buffer.alloc(16, 0xff));
    await expect.poll(() => connection.closed.aborted).toBe(true);
  });
});
