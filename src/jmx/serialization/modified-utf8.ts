import { isAscii, isUtf8 } from "node:buffer";
import { malformed } from "./malformed.ts";

/**
 * Java's "modified UTF-8": NUL takes two bytes, and each UTF-16 unit is encoded by itself, so a character outside the
 * basic plane takes twice three bytes and four byte forms do not exist. Lone surrogates survive.
 */
export function encodeModifiedUtf8(text: string): Buffer {
  const out = Buffer.allocUnsafe(encodedLength(text));
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 1 && unit <= 0x7f) {
      out[at++] = unit;
    } else if (unit <= 0x7ff) {
      out[at++] = 0xc0 | (unit >> 6);
      out[at++] = 0x80 | (unit & 0x3f);
    } else {
      out[at++] = 0xe0 | (unit >> 12);
      out[at++] = 0x80 | ((unit >> 6) & 0x3f);
      out[at++] = 0x80 | (unit & 0x3f);
    }
  }
  return out;
}

function encodedLength(text: string): number {
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    length += unit >= 1 && unit <= 0x7f ? 1 : unit <= 0x7ff ? 2 : 3;
  }
  return length;
}

/** Units decoded before they become one string: `String.fromCharCode` takes them as arguments, so not too many. */
const unitsAtOnce = 8192;

/** The text; throws `protocol` for bytes that are not modified UTF-8. */
export function decodeModifiedUtf8(bytes: Buffer): string {
  if (isAscii(bytes)) return bytes.toString("latin1");
  // The usual text: without NUL and surrogates both encodings are the same.
  if (isUtf8(bytes) && !hasFourByteForm(bytes)) return bytes.toString("utf8");
  const parts: string[] = [];
  let units: number[] = [];
  let at = 0;
  while (at < bytes.length) {
    const first = bytes.readUInt8(at);
    if (first < 0x80) {
      units.push(first);
      at += 1;
    } else if ((first & 0xe0) === 0xc0) {
      units.push(((first & 0x1f) << 6) | continuation(bytes, at + 1));
      at += 2;
    } else if ((first & 0xf0) === 0xe0) {
      units.push(((first & 0x0f) << 12) | (continuation(bytes, at + 1) << 6) | continuation(bytes, at + 2));
      at += 3;
    } else {
      throw malformed("a string is not modified utf-8");
    }
    if (units.length >= unitsAtOnce) {
      parts.push(String.fromCharCode(...units));
      units = [];
    }
  }
  parts.push(String.fromCharCode(...units));
  return parts.join("");
}

function hasFourByteForm(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte >= 0xf0) return true;
  return false;
}

function continuation(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined || (byte & 0xc0) !== 0x80) throw malformed("a string is not modified utf-8");
  return byte & 0x3f;
}
