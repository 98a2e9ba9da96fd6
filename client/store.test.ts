import { describe, expect, it } from "vitest";
import type { ConfigMap } from "#api/generated/types";
import type { Stored } from "#api/object";
import { Store } from "./store.ts";

function configMap(namespace: string, name: string, colour: string): Stored<ConfigMap> {
  return {
    metadata: { namespace, name, uid: `${namespace}/${name}`, resourceVersion: "1" },
    data: { colour },
  } as unknown as Stored<ConfigMap>;
}

const coloured = (): Store<ConfigMap> => new Store({ colour: ({ data }) => [data?.["colour"] ?? ""] });
const namesOf = (objects: readonly Stored<ConfigMap>[]): string[] => objects.map(({ metadata }) => metadata.name);

describe("what an informer has seen", () => {
  it("is found by an index that is first asked for when everything is there already", () => {
    const store = coloured();
    store.put(configMap("one", "a", "red"));
    store.put(configMap("one", "b", "blue"));
    store.put(configMap("two", "c", "red"));
    expect(namesOf(store.byIndex("colour", "red"))).toEqual(["a", "c"]);
    expect(namesOf(store.list("one"))).toEqual(["a", "b"]);
  });

  it("stays in step with an index that has been asked for", () => {
    const store = coloured();
    expect(store.byIndex("colour", "red")).toEqual([]);
    store.put(configMap("one", "a", "red"));
    store.put(configMap("one", "b", "red"));
    store.put(configMap("one", "a", "blue"));
    expect(namesOf(store.byIndex("colour", "red"))).toEqual(["b"]);
    expect(namesOf(store.byIndex("colour", "blue"))).toEqual(["a"]);
    store.delete("one/b");
    expect(store.byIndex("colour", "red")).toEqual([]);
    expect(namesOf(store.list("one"))).toEqual(["a"]);
  });

  it("has no index that nobody named", () => {
    expect(() => coloured().byIndex("size", "large")).toThrow("there is no index size");
  });
});
