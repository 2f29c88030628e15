// SPDX-License-Identifier: Apache-2.0
import { KUBE_IMAGES } from '../images.ts'
import { expectEqual, IDLE, type Scenario, shell } from '../scenario.ts'

export const imageVolume: Scenario = {
  name: 'image-volume',
  about: 'an image as a volume, whole and by subPath, read-only; a reference that cannot be pulled holds the pod back',
  run: async (workspace) => {
    const volumeMounts = [
      { name: 'words', mountPath: '/words' },
      { name: 'words', mountPath: '/inner', subPath: 'folder' },
    ]
    const volume = (reference: string): object[] => [
      { name: 'words', image: { reference, pullPolicy: 'IfNotPresent' } },
    ]
    await workspace.pod('reads', {
      volumes: volume(KUBE_IMAGES.fresh(1)),
      containers: [shell('main', IDLE, { volumeMounts })],
    })
    await workspace.ready('reads')
    const look = 'cat /words/word /inner/inner; touch /words/x 2>&1 | grep -o "Read-only file system"'
    const said = await workspace.exec('reads', 'sh', '-c', look)
    expectEqual(said, 'sesame\ninner\nRead-only file system\n', 'what is in the volume')
    await workspace.pod('waits', {
      volumes: volume('kube.local/no/such:1'),
      containers: [shell('main', IDLE, { volumeMounts })],
    })
    await workspace.waiting('waits', 'ImagePullBackOff')
    return undefined
  },
}
