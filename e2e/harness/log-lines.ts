// SPDX-License-Identifier: Apache-2.0

/** One line of a container's log. */
export interface LogLine {
  /** As written: RFC 3339 with nanoseconds. */
  readonly time: string
  readonly stream: 'stdout' | 'stderr'
  /** Tag P: the line goes on in the stream's next one. */
  readonly partial: boolean
  readonly content: string
}

const LINE = /^(\S+) (stdout|stderr) ([PF])(?::\S*)? (.*)$/s
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/

/**
 * Reads a log in the form of the CRI.
 *
 * @throws Error for a line that is not of this form, and for a last line without its end.
 */
export function parseLog(text: string): LogLine[] {
  if (text !== '' && !text.endsWith('\n')) throw new Error(`log ends within a line: ${JSON.stringify(text.slice(-80))}`)
  return text.split('\n').slice(0, -1).map(parseLine)
}

function parseLine(line: string): LogLine {
  const [, time = '', stream, tag, content = ''] = LINE.exec(line) ?? []
  if (!TIME.test(time) || (stream !== 'stdout' && stream !== 'stderr')) {
    throw new Error(`not a log line: ${JSON.stringify(line.slice(0, 200))}`)
  }
  return { time, stream, partial: tag === 'P', content }
}
