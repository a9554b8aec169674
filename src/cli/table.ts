/** Plain tables for the terminal: columns as wide as their widest cell, two blanks apart. */

export interface Column {
  readonly title: string;
  /** Numbers go to the right. */
  readonly align?: "left" | "right";
}

export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const titles = columns.map(({ title }) => title);
  const widths = columns.map((_, index) => {
    let width = 0;
    for (const row of [titles, ...rows]) width = Math.max(width, (row[index] ?? "").length);
    return width;
  });
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, index) => {
        const cell = cells[index] ?? "";
        const width = widths[index] ?? 0;
        return align === "right" ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [titles, ...rows].map(line).join("\n");
}
