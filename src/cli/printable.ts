/**
 * Text as it may go to a terminal: names from a bucket, a node or a server's error can hold escape sequences that move
 * the cursor, forge lines or reverse the order of characters. Each such character is shown as its escape.
 */

/** Control characters, invisible formatting characters, halves of characters, and Unicode's own line ends. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;
const short: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** One line: a name, a message. */
export function printableLine(text: string): string {
  return text.replace(unprintable, (character) => short[character] ?? escapeOf(character));
}

/** Text of several lines that we have laid out ourselves; its line ends and tabs remain. */
export function printable(text: string): string {
  return text.replace(unprintable, (character) =>
    character === "\n" || character === "\t" ? character : (short[character] ?? escapeOf(character)),
  );
}

/** The same value, in ASCII escapes where JSON itself has none: DEL, the C1 controls, reversed text. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(unprintable, (character) =>
    Array.from({ length: character.length }, (_, index) => unicodeEscape(character.charCodeAt(index))).join(""),
  );
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code < 0x10000 ? unicodeEscape(code) : `\\u{${code.toString(16)}}`;
}

function unicodeEscape(code: number): string {
  return `\\u${code.toString(16).padStart(4, "0")}`;
}
