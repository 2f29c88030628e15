// SPDX-License-Identifier: Apache-2.0
import type { CDIDevice } from '../../cri-proto/index.ts'
import { invalidField } from '../translate/invalid-field.ts'

/** A device by its qualified name, `vendor/class=name` (CDI specification, "Kind" and "CDI Devices"). */
export interface CdiName {
  /** As a whole, as it was asked for. */
  readonly text: string
  /** `vendor/class`. */
  readonly kind: string
  readonly device: string
}

/** Device plugins that cannot use the field write the names into annotations that begin so, separated by commas. */
const ANNOTATION_PREFIX = 'cdi.k8s.io/'
const VENDOR_OR_CLASS = '[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?'
const DEVICE = '[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?'
const KIND = new RegExp(`^${VENDOR_OR_CLASS}/${VENDOR_OR_CLASS}$`)
const DEVICE_NAME = new RegExp(`^${DEVICE}$`)
const QUALIFIED = new RegExp(`^(${VENDOR_OR_CLASS}/${VENDOR_OR_CLASS})=(${DEVICE})$`)

/** What a request asks for: the field first, then the annotations, each name once. */
export interface CdiRequest {
  readonly CDIDevices: readonly CDIDevice[]
  readonly annotations: Readonly<Record<string, string>>
}

/**
 * The CDI devices that a container asks for, each once.
 *
 * @throws GantryError invalid_argument for a name that is not `vendor/class=name`.
 */
export function requestedCdiDevices({ CDIDevices, annotations }: CdiRequest): CdiName[] {
  const fields = CDIDevices.map(({ name }, index) => parse(name, `config.CDI_devices[${index}].name`))
  const noted = Object.entries(annotations)
    .filter(([key]) => key.startsWith(ANNOTATION_PREFIX))
    .flatMap(([key, value]) => value.split(',').map((text) => parse(text, `config.annotations[${key}]`)))
  return [...new Map([...fields, ...noted].map((name) => [name.text, name])).values()]
}

/** Whether this is `vendor/class`. */
export function isCdiKind(text: string): boolean {
  return KIND.test(text)
}

/** Whether a device may be called so. */
export function isCdiDeviceName(text: string): boolean {
  return DEVICE_NAME.test(text)
}

function parse(text: string, field: string): CdiName {
  const [, kind, device] = QUALIFIED.exec(text) ?? []
  if (kind === undefined || device === undefined) throw invalidField(field, text, 'a CDI device, vendor/class=name')
  return { text, kind, device }
}
