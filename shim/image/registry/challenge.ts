// SPDX-License-Identifier: Apache-2.0

/** One challenge of a WWW-Authenticate header (RFC 9110 §11.6.1). Keys and scheme are lower case. */
export interface Challenge {
  readonly scheme: string
  readonly parameters: Readonly<Record<string, string>>
}

const TOKEN = /[A-Za-z0-9!#$%&'*+.^_`|~-]+/y
const SPACE = /[ \t]*/y
const QUOTED = /"((?:[^"\\]|\\.)*)"/y
const SEPARATOR = /[ \t]*,[ \t,]*/y
const LENGTH_LIMIT = 8192

/**
 * The challenges in the header's values; several may share one value. What cannot be read ends the value it stands in.
 */
export function parseChallenges(values: readonly string[]): Challenge[] {
  return values.flatMap((value) => parseValue(value.slice(0, LENGTH_LIMIT)))
}

/** The challenge to answer: Bearer before Basic, others cannot be answered. */
export function preferredChallenge(challenges: readonly Challenge[]): Challenge | undefined {
  return (
    challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters['realm'] !== undefined) ??
    challenges.find(({ scheme }) => scheme === 'basic')
  )
}

function parseValue(value: string): Challenge[] {
  const challenges: Challenge[] = []
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(value)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  take(SPACE)
  for (let word = take(TOKEN); word !== null; word = take(TOKEN)) {
    take(SPACE)
    if (value[at] === '=' && challenges.length > 0) {
      at++
      take(SPACE)
      const quoted = take(QUOTED)
      const text = quoted === null ? take(TOKEN)?.[0] : quoted[1]?.replace(/\\(.)/g, '$1')
      if (text === undefined) return challenges
      const current = challenges.at(-1)
      if (current !== undefined) (current.parameters as Record<string, string>)[word[0].toLowerCase()] = text
    } else challenges.push({ scheme: word[0].toLowerCase(), parameters: Object.create(null) })
    take(SEPARATOR)
    take(SPACE)
  }
  return challenges
}
