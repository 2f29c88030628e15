// SPDX-License-Identifier: Apache-2.0
import { runCommand } from '../images/command.ts'

/**
 * Removes the rules and chains that the bridge plugin made for a network, and that nobody took away. They are told by
 * the comment the plugin gives them.
 */
export async function removeNatRules(network: string): Promise<void> {
  const listed = await runCommand('iptables', ['-t', 'nat', '-S']).catch(() => '')
  const mark = `name: \\"${network}\\"`
  const rules = listed.split('\n').filter((line) => line.includes(mark))
  const chains = new Set(
    rules.map((rule) => /^-A (CNI-[0-9a-f]+) /.exec(rule)?.[1]).filter((name) => name !== undefined),
  )
  for (const rule of rules.filter((line) => !/^-A CNI-/.test(line))) {
    await runCommand('iptables', ['-t', 'nat', ...wordsOf(rule.replace(/^-A/, '-D'))])
  }
  for (const chain of chains) {
    await runCommand('iptables', ['-t', 'nat', '-F', chain])
    await runCommand('iptables', ['-t', 'nat', '-X', chain])
  }
}

/** iptables quotes arguments with blanks, and escapes quotes in them. */
function wordsOf(rule: string): string[] {
  return (rule.match(/"(?:\\.|[^"\\])*"|\S+/g) ?? []).map((word) =>
    word.startsWith('"') ? word.slice(1, -1).replace(/\\(.)/g, '$1') : word,
  )
}
