import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import type { Credentials } from "#api/request";

const ofSocket = new WeakMap<object, Credentials>();

/** A certificate counts before a token, as upstream's order of authenticators has it. Certificates are read once per socket. */
export function credentialsOf(request: IncomingMessage): Credentials {
  const socket = request.socket as TLSSocket;
  let certificate = ofSocket.get(socket);
  if (certificate === undefined) {
    certificate = certificateOf(socket);
    ofSocket.set(socket, certificate);
  }
  if (certificate.kind !== "anonymous") return certificate;
  const { authorization } = request.headers;
  if (authorization === undefined || authorization === "") return certificate;
  const token = /^bearer\s+(\S+)$/i.exec(authorization)?.[1];
  return token === undefined ? { kind: "rejected" } : { kind: "bearer", token };
}

function certificateOf(socket: TLSSocket): Credentials {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return { kind: "anonymous" };
  if (!socket.authorized) return { kind: "rejected" };
  const { CN, O } = socket.getPeerCertificate().subject as { CN?: string | string[]; O?: string | string[] };
  const commonName = Array.isArray(CN) ? (CN[0] ?? "") : (CN ?? "");
  const sha256 = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
  return commonName === "" ? { kind: "rejected" } : { kind: "certificate", commonName, organizations: [O ?? []].flat(), sha256 };
}
