/**
 * Replaces `$(NAME)` by the value of a variable that is defined; `$$` stands for `$`, so that `$$(NAME)` is `$(NAME)` as text.
 * What names nothing known stays as it is (upstream: third_party/forked/golang/expansion).
 */
export function expandVariables(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (match, name: string | undefined) =>
    name === undefined ? "$" : (variables.get(name) ?? match),
  );
}
