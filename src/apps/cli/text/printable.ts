/** Characters that move the cursor, change colours, or turn the reading direction, and so could fool whoever reads a list. */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu

/** Text for a terminal: what could fool its reader is written as `\u{202e}`. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}

/** The same, with line ends kept: for messages of several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}
