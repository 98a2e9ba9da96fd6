import { describe, expect, it } from "vitest";
import { customColumns } from "./custom-columns.ts";
import { elasticTabs } from "./elastic-tabs.ts";
import { goJson } from "./go-json.ts";
import { parseJsonPath, parseRelaxedPath } from "./json-path.ts";
import { tableHeader, tableLine, writeTable, type Table, type TableOptions } from "./table.ts";
import { TabWriter } from "./tab-writer.ts";

const pods = {
  items: [
    {
      metadata: { name: "a", labels: { "app.kubernetes.io/name": "x" } },
      spec: { containers: [{ image: "i" }, { image: "j" }] },
    },
    { metadata: { name: "b" }, spec: { containers: [{ image: "k" }], priority: 3 } },
  ],
};

describe("JSONPath", () => {
  it.each([
    ["{.items[*].metadata.name}", "a b"],
    ["{.items[0].metadata.name}", "a"],
    ["{.items[-1].metadata.name}", "b"],
    ["{.items[0:1].metadata.name}", "a"],
    ["{.items[*]['metadata'].name}", "a b"],
    ["{.items[0].metadata.labels.app\\.kubernetes\\.io/name}", "x"],
    ["{..image}", "i j k"],
    ['{.items[?(@.metadata.name=="b")].spec.containers[0].image}', "k"],
    ["{.items[?(@.spec.priority>2)].metadata.name}", "b"],
    ["{.items[?(@.spec.priority)].metadata.name}", "b"],
    ['{range .items[*]}{.metadata.name}{"\\t"}{.spec.containers[*].image}{"\\n"}{end}', "a\ti j\nb\tk\n"],
    ["names: {.items[*].metadata.name}!", "names: a b!"],
    ["{.nothing}", ""],
    ["{.items[1].spec}", '{"containers":[{"image":"k"}],"priority":3}'],
  ])("%s", (template, text) => {
    expect(parseJsonPath(template).print(pods)).toBe(text);
  });

  it.each([
    ["{.a", "unclosed action"],
    ["{range .items[*]}", "unterminated range"],
    ["{end}", "not in range"],
  ])("%s is refused", (template, message) => {
    expect(() => parseJsonPath(template)).toThrow(message);
  });

  it.each(["metadata.name", ".metadata.name", "{.metadata.name}"])("may leave out its braces: %s", (text) => {
    expect(parseRelaxedPath(text).values(pods.items[0])).toEqual(["a"]);
  });
});

it("custom columns show what there is, and <none>", () => {
  expect(customColumns("NAME:.metadata.name,IMAGES:.spec.containers[*].image,P:.spec.priority", false)(pods)).toBe(
    "NAME   IMAGES   P\na      i,j      <none>\nb      k        3\n",
  );
});

describe("tables", () => {
  const table: Table = {
    kind: "Table",
    columnDefinitions: [
      { name: "Name", priority: 0 },
      { name: "Ready", priority: 0 },
      { name: "IP", priority: 1 },
    ],
    rows: [{ cells: ["web", "1/1\nmore", null], object: { metadata: { namespace: "n", labels: { b: "2", a: "1" } } } }],
  };
  const options: TableOptions = { wide: false, noHeaders: false, withNamespace: false, showLabels: false, labelColumns: [] };

  it("hide what is for wide output, and cut cells at the end of their first line", () => {
    expect(tableHeader(table, options)).toEqual(["NAME", "READY"]);
    expect(tableLine(table, table.rows![0]!, options)).toEqual(["web", "1/1..."]);
    expect(tableHeader(table, { ...options, wide: true })).toEqual(["NAME", "READY", "IP"]);
  });

  it("have columns for the namespace, the kind, and labels", () => {
    const all = { ...options, withNamespace: true, showLabels: true, labelColumns: ["x/a", "c"], kindPrefix: "pod" };
    expect(tableHeader(table, all)).toEqual(["NAMESPACE", "NAME", "READY", "A", "C", "LABELS"]);
    expect(tableLine(table, table.rows![0]!, { ...all, labelColumns: ["a", "c"] })).toEqual([
      "n",
      "pod/web",
      "1/1...",
      "1",
      "",
      "a=1,b=2",
    ]);
  });

  it("grow wider with later rows and never narrower", () => {
    let text = "";
    const writer = new TabWriter((lines) => (text += lines));
    let header = writeTable(writer, table, options, false);
    writer.flush();
    for (const name of ["a-long-name", "b"]) {
      header = writeTable(writer, { ...table, rows: [{ cells: [name, "0/1", null] }] }, options, header);
      writer.flush();
    }
    expect(text).toBe("NAME   READY\nweb    1/1...\na-long-name   0/1\nb             0/1\n");
  });

  it("without rows have no header either", () => {
    expect(writeTable(new TabWriter(() => undefined), { ...table, rows: [] }, options, false)).toBe(false);
  });
});

it("JSON is Go's: keys in order, also those that look like numbers, and markup escaped", () => {
  expect(goJson({ b: "<&>", a: [], "10": 1, "9": {} })).toBe('{"10":1,"9":{},"a":[],"b":"\\u003c\\u0026\\u003e"}');
  expect(goJson({ a: [1, { b: null }] }, "  ")).toBe('{\n  "a": [\n    1,\n    {\n      "b": null\n    }\n  ]\n}');
});

it("tabs line up between neighbours, and a line without one ends the column", () => {
  expect(elasticTabs("Name:\tx\nLonger name:\ty\nEnd\na:\tb\n")).toBe("Name:         x\nLonger name:  y\nEnd\na:  b\n");
});
