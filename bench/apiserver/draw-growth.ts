/** What was measured at one number of pods. */
export interface Size {
  readonly pods: number;
  readonly perSecond: number;
  /** Of creates, in milliseconds. */
  readonly p99: number;
  readonly privateMb: number;
  readonly residentMb: number;
}

const width = 420;
const height = 260;
const margin = { left: 60, right: 20, top: 40, bottom: 40 };

/** Three charts over the number of pods, as one SVG. */
export function drawGrowth(sizes: readonly Size[]): string {
  const charts = [
    chart(sizes, "creates a second", ({ perSecond }) => perSecond),
    chart(sizes, "p99 of creates, ms", ({ p99 }) => p99),
    chart(sizes, "memory of its own, MB", ({ privateMb }) => privateMb),
  ];
  const groups = charts.map((content, index) => `<g transform="translate(${index * width} 0)">${content}</g>`);
  const total = width * charts.length;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${total}" height="${height}" viewBox="0 0 ${total} ${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
${groups.join("\n")}
</svg>
`;
}

function chart(sizes: readonly Size[], title: string, of: (size: Size) => number): string {
  const largest = Math.max(...sizes.map(({ pods }) => pods));
  const highest = Math.max(...sizes.map(of)) || 1;
  const x = (pods: number): number => margin.left + (pods / largest) * (width - margin.left - margin.right);
  const y = (value: number): number => height - margin.bottom - (value / highest) * (height - margin.top - margin.bottom);
  const points = sizes.map((size) => ({ x: x(size.pods), y: y(of(size)), pods: size.pods, value: of(size) }));
  const line = points.map((point) => `${point.x.toFixed(1)},${point.y.toFixed(1)}`).join(" ");
  const marks = points.map(
    (point) =>
      `<circle cx="${point.x.toFixed(1)}" cy="${point.y.toFixed(1)}" r="3" fill="#1f6feb"/><text x="${point.x.toFixed(1)}" y="${(point.y - 8).toFixed(1)}" text-anchor="middle">${label(point.value)}</text>`,
  );
  const ticks = points.map(
    (point) =>
      `<text x="${point.x.toFixed(1)}" y="${height - margin.bottom + 16}" text-anchor="middle">${label(point.pods)}</text>`,
  );
  const axis = `M${margin.left} ${margin.top}V${height - margin.bottom}H${width - margin.right}`;
  return `<text x="${margin.left}" y="20" font-weight="bold">${title}</text><path d="${axis}" fill="none" stroke="#888"/><polyline points="${line}" fill="none" stroke="#1f6feb" stroke-width="2"/>${marks.join("")}${ticks.join("")}`;
}

function label(value: number): string {
  if (value >= 10_000) return `${Math.round(value / 1000)}k`;
  return value >= 100 ? String(Math.round(value)) : value.toFixed(1);
}
