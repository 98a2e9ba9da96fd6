const padding = 2;

/**
 * Replaces tabs by spaces, so that what neighbouring lines have before a tab stands in columns. A column ends at the first line
 * that has no such cell (as Go's text/tabwriter does it, with a padding of two).
 */
export function elasticTabs(text: string): string {
  const lines = text.split("\n").map((line) => line.split("\t"));
  const widths = lines.map((): number[] => []);
  const layOut = (column: number, from: number, to: number): void => {
    for (let start = from; start < to; start++) {
      let end = start;
      while (end < to && (lines[end]?.length ?? 0) > column + 1) end++;
      if (end === start) continue;
      const width = Math.max(...lines.slice(start, end).map((cells) => Array.from(cells[column] ?? "").length)) + padding;
      for (let line = start; line < end; line++) widths[line]?.push(width);
      layOut(column + 1, start, end);
      start = end;
    }
  };
  layOut(0, 0, lines.length);
  return lines
    .map((cells, line) =>
      cells
        .map((cell, column) => {
          const width = widths[line]?.[column];
          return width === undefined ? cell : cell + " ".repeat(Math.max(0, width - Array.from(cell).length));
        })
        .join(""),
    )
    .join("\n");
}
