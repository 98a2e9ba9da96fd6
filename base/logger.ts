/** What a line says besides its message. Never a secret: no token, key, Secret data or Authorization header. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured lines for the people who run a component. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  /** `error` is logged with its stack and causes. */
  error(message: string, fields?: LogFields & { error?: unknown }): void;
  child(fields: LogFields): Logger;
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
