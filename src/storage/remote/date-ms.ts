/** The date of a header or a listing, in milliseconds; undefined where there is none that can be read. */
export function dateMs(text: string | undefined): number | undefined {
  const ms = Date.parse(text ?? "");
  return Number.isNaN(ms) ? undefined : ms;
}
