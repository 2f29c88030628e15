// SPDX-License-Identifier: Apache-2.0
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from '../eventually.ts'
import { expect, type Scenario, shell } from '../scenario.ts'

const LINES = 30_000
const WRITE = `n=0; while [ $n -lt ${LINES} ]; do n=$((n+1)); echo "line $n of a container that talks a lot"; [ $((n % 1000)) -eq 0 ] && sleep 0.3; done; exec sleep 1000`

export const logRotation: Scenario = {
  name: 'log-rotation',
  about: 'the kubelet rotates and compresses the log of a busy container, and no line is lost at the seam',
  alone: true,
  run: async (workspace, cluster) => {
    const settings = { containerLogMaxSize: '256Ki', containerLogMaxFiles: 5, containerLogMonitorInterval: '3s' }
    await cluster.restartKubelet(settings)
    await workspace.pod('talks', { containers: [shell('main', WRITE)] })
    const pod = await workspace.ready('talks')
    const directory = join(
      cluster.daemon.directory,
      'kubelet/pod-logs',
      `${workspace.namespace}_talks_${pod.metadata.uid}`,
      'main',
    )
    let files: string[] = []
    const rotated = async (): Promise<boolean> => {
      files = await readdir(directory)
      return (
        files.some((name) => name.endsWith('.gz')) &&
        (await workspace.logs('talks', '--tail=1')).includes(`line ${LINES} `)
      )
    }
    await eventually('the log is rotated, compressed and complete', rotated, { state: () => files.join(' ') })
    const said = (await workspace.logs('talks')).trim().split('\n')
    const numbers = said.map((line) => Number(/^line (\d+) /.exec(line)?.[1]))
    const gap = numbers.findIndex((number, index) => index > 0 && number !== (numbers[index - 1] ?? 0) + 1)
    expect(gap < 0, `the lines of the log to follow each other, not ${numbers[gap - 1]} and ${numbers[gap]}`)
    await cluster.restartKubelet({ containerLogMaxSize: '10Mi', containerLogMonitorInterval: '10s' })
    return `${files.length} files, the last ${numbers.length} lines at hand`
  },
}
