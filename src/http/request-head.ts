import { AppError } from "../errors.ts";
import type { RequestTarget } from "./connections.ts";

export interface RequestHead {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const value = /^[\t\x20-\x7e\x80-\xff]*$/;
const target = /^[\x21-\x7e]+$/;

/** A request up to its body, to be written as latin1. Throws `internal` for what would end a line early, or cannot be written. */
export function requestHead({ method, url, headers }: RequestHead, to: RequestTarget): string {
  const all = { host: url.host, ...headers, ...to.headers };
  if (!target.test(to.text)) throw unwritable("its path");
  let head = `${method} ${to.text} HTTP/1.1\r\n`;
  for (const [name, text] of Object.entries(all)) {
    if (!token.test(name) || !value.test(text)) throw unwritable(`its header ${name}`);
    head += `${name}: ${text}\r\n`;
  }
  return `${head}\r\n`;
}

function unwritable(what: string): AppError {
  return new AppError("internal", `a request cannot be written: ${what} has characters that no request may have`);
}
