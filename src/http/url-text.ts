/** Keys and parameters as a URL has them: everything but letters, digits and `-._~` is encoded. */

/** Slashes stay. */
export function encodePath(key: string): string {
  return key.split("/").map(encodeStrictly).join("/");
}

/** Sorted by name, so that it can stand in the request as well as in what is signed. */
export function sortedQuery(query: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(query).map(([name, value]) => [encodeStrictly(name), encodeStrictly(value)] as const);
  return pairs
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
