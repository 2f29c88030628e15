// SPDX-License-Identifier: Apache-2.0
import { GantryError } from '../../runtime-core/errors.ts'
import type { ImageRecord } from '../image/index.ts'
import { isObject } from '../translate/exact-json.ts'
import type { ImageConfig } from '../translate/host-facts.ts'

const TEXTS = ['User', 'WorkingDir', 'StopSignal'] as const
const LISTS = ['Env', 'Entrypoint', 'Cmd'] as const

/**
 * The `config` object of an image (image-spec, config.md), with the types it must have.
 *
 * @throws GantryError `failed_precondition` naming the field that has another type: the image is broken.
 */
export function imageConfigOf(image: Pick<ImageRecord, 'id' | 'config'>): ImageConfig {
  const document: unknown = JSON.parse(image.config)
  const config = isObject(document) && isObject(document['config']) ? document['config'] : {}
  const broken = (field: string, expected: string): GantryError =>
    new GantryError('failed_precondition', {
      action: 'read image',
      subject: image.id,
      reason: `config.${field} is not ${expected}`,
    })
  const texts = TEXTS.flatMap((field) => {
    const value = config[field] ?? ''
    if (typeof value !== 'string') throw broken(field, 'a string')
    return value === '' ? [] : [[field, value] as const]
  })
  const lists = LISTS.flatMap((field) => {
    const value = config[field] ?? []
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
      throw broken(field, 'a list of strings')
    return value.length === 0 ? [] : [[field, value] as const]
  })
  const volumes = config['Volumes'] ?? {}
  if (!isObject(volumes)) throw broken('Volumes', 'an object')
  return { ...Object.fromEntries([...texts, ...lists]), Volumes: volumes }
}
