/**
 * JSON that is too large for one text: V8's strings end at 512 MiB. The outer levels of a value are read and written
 * member by member, and what lies below them at once.
 */

type Json = Record<string, unknown>;

/** The JSON text of a value in pieces; together they are what JSON.stringify gives. */
export function* jsonPieces(value: unknown, levels: number): Generator<string> {
  if (levels === 0 || typeof value !== "object" || value === null) {
    yield JSON.stringify(value) ?? "null";
    return;
  }
  let separator = "";
  if (Array.isArray(value)) {
    yield "[";
    for (const element of value) {
      yield separator;
      yield* jsonPieces(element, levels - 1);
      separator = ",";
    }
    yield "]";
    return;
  }
  yield "{";
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    yield `${separator}${JSON.stringify(name)}:`;
    yield* jsonPieces(member, levels - 1);
    separator = ",";
  }
  yield "}";
}

export interface ReadJsonOptions {
  /** Levels of objects and arrays that are read member by member. */
  readonly levels: number;
  /** What is read at once may have so many bytes. */
  readonly pieceBytes: number;
  /** Whether to keep an element of an array of these levels; `path` has the names of the objects around it. */
  readonly keep?: (element: unknown, path: readonly string[]) => boolean;
}

/** The value in JSON text as JSON.parse gives it, apart from the elements not kept. Throws SyntaxError. */
export async function readJson(bytes: AsyncIterable<Uint8Array>, options: ReadJsonOptions): Promise<unknown> {
  const reader = new JsonReader(bytes, options);
  const value = await reader.value(options.levels);
  await reader.end();
  return value;
}

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];
const isBlank = (byte: number | undefined) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

class JsonReader {
  readonly #bytes: AsyncIterator<Uint8Array>;
  readonly #options: ReadJsonOptions;
  readonly #path: string[] = [];
  #buffer = Buffer.alloc(0);
  #position = 0;

  constructor(bytes: AsyncIterable<Uint8Array>, options: ReadJsonOptions) {
    this.#bytes = bytes[Symbol.asyncIterator]();
    this.#options = options;
  }

  async value(levels: number): Promise<unknown> {
    const first = await this.#peek();
    if (levels > 0 && first === openBrace) return this.#object(levels);
    if (levels > 0 && first === openBracket) return this.#array(levels);
    const parsed: unknown = JSON.parse(await this.#piece());
    return parsed;
  }

  async end(): Promise<void> {
    if ((await this.#peek()) !== undefined) throw new SyntaxError("more than one value");
  }

  async #object(levels: number): Promise<Json> {
    const members: [string, unknown][] = [];
    await this.#members(closeBrace, async () => {
      if ((await this.#peek()) !== quote) throw new SyntaxError("a name is not a string");
      const name: unknown = JSON.parse(await this.#piece());
      if ((await this.#peek()) !== colon) throw new SyntaxError("no colon after a name");
      this.#position += 1;
      this.#path.push(String(name));
      members.push([String(name), await this.value(levels - 1)]);
      this.#path.pop();
    });
    return Object.fromEntries(members);
  }

  async #array(levels: number): Promise<unknown[]> {
    const elements: unknown[] = [];
    const { keep } = this.#options;
    await this.#members(closeBracket, async () => {
      const element = await this.value(levels - 1);
      if (keep === undefined || keep(element, this.#path)) elements.push(element);
    });
    return elements;
  }

  /** What stands between brackets, `read` one by one. */
  async #members(close: number, read: () => Promise<void>): Promise<void> {
    this.#position += 1;
    if ((await this.#peek()) === close) {
      this.#position += 1;
      return;
    }
    for (;;) {
      await read();
      const next = await this.#peek();
      this.#position += 1;
      if (next === close) return;
      if (next !== comma) throw new SyntaxError("no comma between values");
    }
  }

  /** The next byte that is not blank; undefined at the end. */
  async #peek(): Promise<number | undefined> {
    for (;;) {
      while (isBlank(this.#buffer[this.#position])) this.#position += 1;
      const byte = this.#buffer[this.#position];
      if (byte !== undefined || !(await this.#more())) return byte;
    }
  }

  /** The text of one value. */
  async #piece(): Promise<string> {
    let [depth, inString, escaped, offset] = [0, false, false, 0];
    for (;;) {
      const buffer = this.#buffer;
      for (let position = this.#position + offset; position < buffer.length; position += 1) {
        const byte = buffer[position];
        if (inString) {
          if (escaped) escaped = false;
          else if (byte === backslash) escaped = true;
          else if (byte === quote) {
            inString = false;
            if (depth === 0) return this.#take(position + 1);
          }
        } else if (byte === quote) inString = true;
        else if (byte === openBrace || byte === openBracket) depth += 1;
        else if (byte === closeBrace || byte === closeBracket) {
          if (depth === 0) return this.#take(position);
          depth -= 1;
          if (depth === 0) return this.#take(position + 1);
        } else if (depth === 0 && (byte === comma || byte === colon || isBlank(byte))) return this.#take(position);
      }
      offset = buffer.length - this.#position;
      if (offset > this.#options.pieceBytes) throw new SyntaxError("a value is too long");
      if (!(await this.#more())) return this.#take(buffer.length);
    }
  }

  #take(end: number): string {
    const text = this.#buffer.toString("utf8", this.#position, end);
    this.#position = end;
    return text;
  }

  async #more(): Promise<boolean> {
    const next = await this.#bytes.next();
    if (next.done === true) return false;
    const rest = this.#buffer.subarray(this.#position);
    this.#buffer = rest.length === 0 ? Buffer.from(next.value) : Buffer.concat([rest, next.value]);
    this.#position = 0;
    return true;
  }
}
