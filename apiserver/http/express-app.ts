import express, { type Express, type NextFunction, type Request, type Response } from "express";
import { noSuchResource, type ApiServer } from "../api-server.ts";
import { aggregatedContentType, wantsAggregated, type Discovery } from "../discovery/discovery.ts";
import { openApiV2ProtobufType } from "../discovery/open-api-v2.ts";
import type { OpenApi } from "../discovery/open-api.ts";
import { keySetContentType, keySetPath, type OpenIdDocuments } from "../discovery/open-id.ts";
import { credentialsOf } from "./credentials.ts";
import { healthPaths, sendHealth, sendHealthOf, type HealthCheck } from "./health.ts";
import { impersonationOf } from "./impersonation-headers.ts";
import type { ApiMetrics } from "./metrics.ts";
import { snapshotPath } from "./snapshot.ts";
import { writeResponse } from "./write-response.ts";

export interface VersionInfo {
  readonly major: string;
  readonly minor: string;
  readonly gitVersion: string;
  readonly gitCommit: string;
  readonly gitTreeState: string;
  readonly buildDate: string;
  readonly goVersion: string;
  readonly compiler: string;
  readonly platform: string;
}

export interface ExpressAppOptions {
  readonly server: ApiServer;
  readonly discovery: Discovery;
  readonly openApi: OpenApi;
  readonly openId: OpenIdDocuments;
  /** Made when first asked for. */
  readonly openApiV2: () => Uint8Array;
  readonly version: VersionInfo;
  readonly checks: readonly HealthCheck[];
  readonly metrics: ApiMetrics;
  readonly sendSnapshot: (response: Response) => Promise<void>;
}

const client = { signal: new AbortController().signal };

/** Everything that is not a resource: discovery, OpenAPI, health, version. */
export function expressApp({
  server,
  discovery,
  openApi,
  openApiV2,
  openId,
  version,
  checks,
  metrics,
  sendSnapshot,
}: ExpressAppOptions): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.use((request, _response, next) => {
    const impersonate = impersonationOf(request);
    const sender = { credentials: credentialsOf(request), ...(impersonate && { impersonate }) };
    void server.authorizePath(sender, request.method.toLowerCase(), request.path).then(() => next(), next);
  });
  app.get("/api", (request, response) => sendDiscovery(request, response, discovery.coreVersions, discovery.aggregatedCore));
  app.get("/apis", (request, response) => sendDiscovery(request, response, discovery.groups, discovery.aggregatedGroups));
  app.get("/api/:version", (request, response) => sendFound(response, discovery.resources("", request.params.version)));
  app.get("/apis/:group", (request, response) => sendFound(response, discovery.group(request.params.group)));
  app.get("/apis/:group/:version", (request, response) =>
    sendFound(response, discovery.resources(request.params.group, request.params.version)),
  );
  app.get("/openapi/v3", (_request, response) => sendJson(response, openApi.index));
  app.get("/openapi/v3/*path", (request, response) => {
    const found = openApi.document(request.params.path.join("/"));
    if (found === undefined) throw noSuchResource();
    response.setHeader("etag", `"${found.hash}"`);
    if (request.query["hash"] === found.hash) response.setHeader("cache-control", "public, immutable");
    response.type("application/json").send(Buffer.from(found.bytes));
  });
  app.get("/openapi/v2", (_request, response) => {
    response.setHeader("content-type", openApiV2ProtobufType);
    response.end(openApiV2());
  });
  app.get("/.well-known/openid-configuration", (_request, response) => sendCacheable(response, openId.configuration));
  app.get(keySetPath, async (_request, response) => {
    response.setHeader("content-type", keySetContentType);
    sendCacheable(response, await openId.keySet());
  });
  app.get("/version", (_request, response) => sendJson(response, version));
  app.get("/metrics", async (_request, response) => {
    response.setHeader("content-type", metrics.contentType);
    response.end(await metrics.text());
  });
  app.get(snapshotPath, (_request, response) => sendSnapshot(response));
  for (const path of healthPaths) {
    app.get(path, (request, response) => sendHealth(request, response, path, checks));
    app.get(`${path}/*name`, (request, response) => {
      if (!sendHealthOf(response, path, request.params.name.join("/"), checks)) throw noSuchResource();
    });
  }
  app.use(() => {
    throw noSuchResource();
  });
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    void writeResponse(response, server.failure(error), { client });
  });
  return app;
}

function sendDiscovery(request: Request, response: Response, plain: object, aggregated: object): void {
  response.setHeader("vary", "Accept");
  if (wantsAggregated(request.headers.accept ?? "")) {
    response.setHeader("content-type", aggregatedContentType);
    response.end(JSON.stringify(aggregated));
  } else sendJson(response, plain);
}

function sendFound(response: Response, document: object | undefined): void {
  if (document === undefined) throw noSuchResource();
  sendJson(response, document);
}

function sendJson(response: Response, document: object): void {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(document));
}

/** For those who verify tokens: an hour, as upstream lets them. */
function sendCacheable(response: Response, document: object): void {
  response.setHeader("cache-control", "public, max-age=3600");
  if (!response.hasHeader("content-type")) response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(document));
}
