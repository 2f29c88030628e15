// SPDX-License-Identifier: Apache-2.0
import type { KubeObject } from '../api.ts'
import { KUBE_IMAGES, PRIVATE_CREDENTIALS } from '../images.ts'
import { BUSYBOX, expect, expectEqual, IDLE, type Scenario, shell } from '../scenario.ts'
import { containerOf, type Workspace } from '../workspace.ts'

export const pulls: Scenario = {
  name: 'pulls',
  about: 'pull policies, a private registry with and without its secret, images that are not there, digests',
  run: async (workspace) => {
    await Promise.all([never(workspace), missing(workspace), invalid(workspace), secret(workspace), digest(workspace)])
    return undefined
  },
}

/** An image whose program is not there is enough where only the pull is asked about. */
function pulled(image: string, imagePullPolicy: string): object {
  return { name: 'main', image, imagePullPolicy, command: ['/word'] }
}

async function never(workspace: Workspace): Promise<void> {
  await workspace.pod('never', { containers: [pulled(KUBE_IMAGES.fresh(0), 'Never')] })
  await workspace.waiting('never', 'ErrImageNeverPull')
}

async function missing(workspace: Workspace): Promise<void> {
  await workspace.pod('missing', { containers: [pulled('kube.local/no/such:1', 'Always')] })
  await workspace.waiting('missing', 'ImagePullBackOff')
  const event = await workspace.event('missing', 'Failed')
  expect(event.includes('kube.local/no/such:1'), `an event that names the image, not ${event}`)
}

async function invalid(workspace: Workspace): Promise<void> {
  await workspace.pod('invalid', { containers: [pulled('Not/An/Image', 'Always')] })
  await workspace.waiting('invalid', 'InvalidImageName')
}

async function secret(workspace: Workspace): Promise<void> {
  await workspace.pod('stranger', { containers: [pulled(KUBE_IMAGES.private, 'Always')] })
  await workspace.waiting('stranger', 'ErrImagePull')
  const { username, password } = PRIVATE_CREDENTIALS
  const config = JSON.stringify({ auths: { 'private.local': { username, password } } })
  await workspace.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'registry' },
    type: 'kubernetes.io/dockerconfigjson',
    stringData: { '.dockerconfigjson': config },
  } as KubeObject & { kind: string })
  const imagePullSecrets = [{ name: 'registry' }]
  await workspace.pod('member', { imagePullSecrets, containers: [pulled(KUBE_IMAGES.private, 'Always')] })
  await workspace.event('member', 'Pulled')
  // KubeletEnsureSecretPulledImages: an image that is there by somebody's secret is not there for everyone.
  await workspace.pod('thief', { containers: [pulled(KUBE_IMAGES.private, 'IfNotPresent')] })
  await workspace.waiting('thief', 'ErrImagePull')
}

/** The digest in a pod's status is one by which the image can be pulled. */
async function digest(workspace: Workspace): Promise<void> {
  await workspace.pod('tagged', { containers: [shell('main', IDLE)] })
  const { image, imageID } = containerOf(await workspace.ready('tagged'), 'main')
  expectEqual(image, BUSYBOX, 'the image in the status')
  expect(/@sha256:[0-9a-f]{64}$/.test(imageID), `an image id with a digest, not ${imageID}`)
  await workspace.pod('digested', { containers: [shell('main', IDLE, { image: imageID, imagePullPolicy: 'Always' })] })
  const again = containerOf(await workspace.ready('digested'), 'main')
  expectEqual(again.imageID, imageID, 'the image id of a pod that names the digest')
}
