import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A way to a server on loopback that can be cut, for connections that are there and for new ones, and mended. */
export class TcpCut {
  readonly #sockets = new Set<Socket>();
  readonly #server;
  #isCut = false;

  private constructor(port: number) {
    this.#server = createServer((inside) => {
      const outside = connect(port, "127.0.0.1");
      for (const socket of [inside, outside]) {
        this.#sockets.add(socket);
        socket.on("error", () => undefined);
        socket.on("close", () => {
          this.#sockets.delete(socket);
          inside.destroy();
          outside.destroy();
        });
      }
      if (this.#isCut) inside.destroy();
      inside.pipe(outside).pipe(inside);
    });
  }

  static async to(url: string): Promise<TcpCut> {
    const cut = new TcpCut(Number(new URL(url).port));
    await new Promise<void>((resolve) => cut.#server.listen(0, "127.0.0.1", resolve));
    return cut;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
