/** Text in lines of at most so many columns; a word that is longer has a line of its own. */
export function wrap(text: string, columns: number): string[] {
  return wrapWords(text.split(" "), columns);
}

export function wrapWords(words: readonly string[], columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
