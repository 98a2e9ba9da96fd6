const padding = 3;
const narrowest = 6;

/** Lays lines of cells out in columns, as wide as kubectl's. Columns never become narrower from one batch of lines to the next. */
export class TabWriter {
  readonly #write: (text: string) => void;
  #lines: (readonly string[])[] = [];
  #widths: number[] = [];

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  line(cells: readonly string[]): void {
    this.#lines.push(cells);
  }

  flush(): void {
    for (const cells of this.#lines) {
      // The last cell of a line belongs to no column.
      cells.slice(0, -1).forEach((cell, index) => {
        this.#widths[index] = Math.max(this.#widths[index] ?? narrowest, widthOf(cell) + padding);
      });
    }
    const lines = this.#lines.map((cells) => {
      const last = cells.length - 1;
      return cells.map((cell, index) => (index === last ? cell : padded(cell, this.#widths[index] ?? 0))).join("");
    });
    this.#lines = [];
    if (lines.length > 0) this.#write(`${lines.join("\n")}\n`);
  }

  /** The next lines are of another table. */
  forgetWidths(): void {
    this.#widths = [];
  }
}

function widthOf(text: string): number {
  return Array.from(text).length;
}

function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}
