/** XML bodies of answers: strict, without namespaces, and without the entities that a document may declare. */
import { SaxesParser } from "saxes";

/** An element, its text and the elements within it. */
export class XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly #children: XmlElement[] = [];
  /** Character data of the element itself, white space included. */
  text = "";

  constructor(name: string, attributes: Readonly<Record<string, string>>) {
    this.name = name;
    this.attributes = attributes;
  }

  append(child: XmlElement): void {
    this.#children.push(child);
  }

  all(name: string): readonly XmlElement[] {
    return this.#children.filter((child) => child.name === name);
  }

  first(name: string): XmlElement | undefined {
    return this.#children.find((child) => child.name === name);
  }

  /** The text of the first element of that name; undefined where there is none. */
  textOf(name: string): string | undefined {
    return this.first(name)?.text;
  }
}

/** The root element. Throws a plain Error for what is not well-formed, or ends before its end. */
export function parseXml(body: string): XmlElement {
  const parser = new SaxesParser();
  const open: XmlElement[] = [];
  let root: XmlElement | undefined;
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name, attributes }) => {
    const element = new XmlElement(name, attributes);
    open.at(-1)?.append(element);
    root ??= element;
    open.push(element);
  });
  const addText = (text: string) => {
    const element = open.at(-1);
    if (element !== undefined) element.text += text;
  };
  parser.on("text", addText);
  parser.on("cdata", addText);
  parser.on("closetag", () => {
    open.pop();
  });
  parser.write(body).close();
  if (root === undefined) throw new Error("the document has no element");
  return root;
}

/** {@link parseXml} where a body may be anything: undefined where it is no XML. */
export function tryParseXml(body: string): XmlElement | undefined {
  try {
    return parseXml(body);
  } catch {
    return undefined;
  }
}

/** Character data or an attribute's value, as it stands in a document. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"'\r\n\t]/g, (character) => `&#${character.charCodeAt(0)};`);
}
