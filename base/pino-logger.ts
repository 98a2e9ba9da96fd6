import pino from "pino";
import type { Logger } from "./logger.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** One JSON line per call on `stdout`, written synchronously so that a crash loses nothing. */
export function pinoLogger(component: string, level: LogLevel = "info"): Logger {
  const formatters = { level: (label: string) => ({ level: label }) };
  const options = { level, base: { component }, timestamp: pino.stdTimeFunctions.isoTime, errorKey: "error", formatters };
  return wrap(
    pino.pino({ ...options, serializers: { error: pino.stdSerializers.errWithCause } }, pino.destination({ fd: 1, sync: true })),
  );
}

function wrap(target: pino.Logger): Logger {
  return {
    debug: (message, fields) => target.debug(fields ?? {}, message),
    info: (message, fields) => target.info(fields ?? {}, message),
    warn: (message, fields) => target.warn(fields ?? {}, message),
    error: (message, fields) => target.error(fields ?? {}, message),
    child: (fields) => wrap(target.child(fields)),
  };
}
