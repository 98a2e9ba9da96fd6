import { invalidValue, type FieldError } from "../field-error.ts";

/** A path inside a volume: relative, and never upwards. */
export function validateDescendingPath(path: string | undefined, at: string): FieldError[] {
  const absolute = path?.startsWith("/") === true ? [invalidValue(at, path, "must be a relative path")] : [];
  return [...absolute, ...validateNoBacksteps(path, at)];
}

/** As above, and not beginning with the two dots that the atomic writer's own files begin with. */
export function validateFilePath(path: string | undefined, at: string): FieldError[] {
  const errors = validateDescendingPath(path, at);
  if (path?.startsWith("..") === true && !path.startsWith("../") && path !== "..")
    errors.push(invalidValue(at, path, "must not start with '..'"));
  return errors;
}

export function validateNoBacksteps(path: string | undefined, at: string): FieldError[] {
  return path?.split("/").includes("..") === true ? [invalidValue(at, path, "must not contain '..'")] : [];
}
