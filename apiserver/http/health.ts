import type { Request, Response } from "express";

/** One named condition of `/healthz`, `/livez` and `/readyz`. */
export interface HealthCheck {
  readonly name: string;
  /** Only for readiness: a server that waits for something is alive. */
  readonly readinessOnly?: boolean;
  /** @returns what is wrong, or undefined. */
  check(): string | undefined;
}

export const healthPaths = ["/healthz", "/livez", "/readyz"] as const;
export type HealthPath = (typeof healthPaths)[number];

interface Result {
  readonly name: string;
  readonly problem: string | undefined;
}

/**
 * All checks of a path: `ok`, or with `?verbose` and on failure a line each. `?exclude=NAME` leaves some out (upstream:
 * apiserver/pkg/server/healthz).
 */
export function sendHealth(request: Request, response: Response, path: HealthPath, checks: readonly HealthCheck[]): void {
  const asked = [request.query["exclude"] ?? []].flat().map(String);
  const own = checksOf(path, checks);
  const results = own.filter(({ name }) => !asked.includes(name)).map(resultOf);
  const failed = results.some(({ problem }) => problem !== undefined);
  const unknown = asked.filter((name) => !own.some((check) => check.name === name));
  const excluded = own.filter(({ name }) => asked.includes(name)).map(({ name }) => `[+]${name} excluded: ok`);
  const warning =
    unknown.length === 0
      ? []
      : [`warn: some health checks cannot be excluded: no matches for ${unknown.map((name) => JSON.stringify(name)).join(",")}`];
  const lines = [...results.map(lineOf), ...excluded, ...warning, `${path.slice(1)} check ${failed ? "failed" : "passed"}`];
  response
    .status(failed ? 500 : 200)
    .type("text/plain")
    .setHeader("x-content-type-options", "nosniff");
  response.send(!failed && request.query["verbose"] === undefined ? "ok" : `${lines.join("\n")}\n`);
}

/** One check by its name, e.g. `/readyz/etcd`. @returns false when there is none of that name. */
export function sendHealthOf(response: Response, path: HealthPath, name: string, checks: readonly HealthCheck[]): boolean {
  const check = checksOf(path, checks).find((one) => one.name === name);
  if (check === undefined) return false;
  const problem = check.check();
  response.status(problem === undefined ? 200 : 500).type("text/plain");
  response.send(problem === undefined ? "ok" : `internal server error: ${problem}\n`);
  return true;
}

function checksOf(path: HealthPath, checks: readonly HealthCheck[]): readonly HealthCheck[] {
  return path === "/livez" ? checks.filter(({ readinessOnly }) => readinessOnly !== true) : checks;
}

function resultOf(check: HealthCheck): Result {
  return { name: check.name, problem: check.check() };
}

function lineOf({ name, problem }: Result): string {
  return problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`;
}
