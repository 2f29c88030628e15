// SPDX-License-Identifier: Apache-2.0
import { test } from 'uvu'
import { refused } from './refused.ts'
import { type ClassRequest, checkResourceClasses } from './resource-classes.ts'

const NONE = { blockio: false, rdt: false }
const request = (
  containerAnnotations: ClassRequest['containerAnnotations'],
  podAnnotations: ClassRequest['podAnnotations'] = {},
): ClassRequest => ({ containerName: 'app', containerAnnotations, podAnnotations })

test('a container that asks for no class has none', () => {
  checkResourceClasses(request({ other: 'x' }, { 'rdt.resources.beta.kubernetes.io/container.sidecar': 'gold' }), NONE)
})

test('a blockio class that this node does not have is refused by annotation and name', () => {
  const asking = request({ 'io.kubernetes.cri.blockio-class': 'slow' })
  refused(() => checkResourceClasses(asking, NONE), 'failed_precondition', 'slow', 'blockio-class', 'not enabled')
})

test('an RDT class may be asked for by the pod, for one container or for all', () => {
  for (const annotation of ['container.app', 'pod'].map((name) => `rdt.resources.beta.kubernetes.io/${name}`)) {
    const asking = request({}, { [annotation]: 'gold' })
    refused(() => checkResourceClasses(asking, NONE), 'failed_precondition', 'gold', annotation)
  }
})

test('an empty class of the container takes back what the pod asks for', () => {
  checkResourceClasses(
    request({ 'io.kubernetes.cri.rdt-class': '' }, { 'rdt.resources.beta.kubernetes.io/pod': 'gold' }),
    NONE,
  )
})

test('a node that is told to ignores the one and still refuses the other', () => {
  const both = request({ 'io.kubernetes.cri.blockio-class': 'slow', 'io.kubernetes.cri.rdt-class': 'gold' })
  refused(() => checkResourceClasses(both, { blockio: true, rdt: false }), 'failed_precondition', 'gold')
  checkResourceClasses(both, { blockio: true, rdt: true })
})

test.run()
