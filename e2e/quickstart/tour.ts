// SPDX-License-Identifier: Apache-2.0

const MAX_LINES = 40
const MAX_COLUMNS = 150

/** Prints a guided tour: numbered headings, commands as a person would type them, and what they say. */
export class Tour {
  readonly #write: (text: string) => void
  #step = 0

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  /** The next part, with a sentence that says what it shows. */
  heading(title: string, sentence: string): void {
    this.#step += 1
    this.#write(`\n${this.#step}. ${title}\n   ${sentence}\n\n`)
  }

  /** A command; with many flags each on a line of its own, so that it can be read and still be copied. */
  command(line: string): void {
    const pieces = line.split(/ (?=--)/)
    this.#write(`   $ ${pieces.length > 3 ? pieces.join(' \\\n       ') : line}\n`)
  }

  /** What a command said; of very much the beginning. */
  output(text: string): void {
    const lines = text.trimEnd().split('\n')
    for (const line of lines.slice(0, MAX_LINES)) this.#write(`   ${shorten(line)}\n`)
    if (lines.length > MAX_LINES) this.#write(`   … ${lines.length - MAX_LINES} more lines\n`)
  }

  /** A remark between commands. */
  remark(text: string): void {
    this.#write(`   ${text}\n`)
  }
}

function shorten(line: string): string {
  return line.length <= MAX_COLUMNS ? line : `${line.slice(0, MAX_COLUMNS - 1)}…`
}
