// SPDX-License-Identifier: Apache-2.0

import {
  amount,
  array,
  boolean,
  integer,
  matching,
  nonEmpty,
  object,
  oneOf,
  record,
  text,
  uint32,
  wrong,
} from './decode.ts'
import { cpuList } from './decode-process.ts'
import type { OciBlockIO, OciCpu, OciDeviceRule, OciMemory, OciResources, OciThrottle } from './types.ts'

/** `linux.resources` (config-linux.md §control groups). What a host cannot honour is cgroup/manager.ts's to refuse. */

const SAFE = Number.MAX_SAFE_INTEGER

/** Go writes −1 for any number. */
const deviceNumber = integer(-1, 0xffff_ffff)

const deviceRule = object<OciDeviceRule>(
  {
    allow: boolean,
    type: (value, path) => (value === '' ? 'a' : oneOf('a', 'c', 'b')(value, path)),
    major: deviceNumber,
    minor: deviceNumber,
    access: matching(/^[rwm]*$/, 'letters of rwm'),
  },
  ['allow'],
)

/** Bytes; −1 is unlimited. */
const limit = amount(-1)

const memory = object<OciMemory>({
  limit,
  reservation: limit,
  swap: limit,
  kernel: limit,
  kernelTCP: limit,
  swappiness: integer(0, 100),
  disableOOMKiller: boolean,
  useHierarchy: boolean,
  checkBeforeUpdate: boolean,
})

const cpu = object<OciCpu>({
  shares: integer(0, SAFE),
  quota: integer(-SAFE, SAFE),
  burst: integer(0, SAFE),
  period: integer(0, SAFE),
  realtimeRuntime: integer(-SAFE, SAFE),
  realtimePeriod: integer(0, SAFE),
  cpus: (value, path) => (value === '' ? '' : cpuList(value, path)),
  mems: (value, path) => (value === '' ? '' : cpuList(value, path)),
  idle: integer(0, 1),
})

/** 0 is unset. */
const weight = (value: unknown, path: string): number => {
  const number = integer(0, 1000)(value, path)
  if (number > 0 && number < 10) throw wrong(path, number, '10 to 1000, or 0 for unset')
  return number
}

const device = { major: integer(0, 0xffff_ffff), minor: integer(0, 0xffff_ffff) }

const throttles = array(object<OciThrottle>({ ...device, rate: amount(0) }, ['major', 'minor', 'rate']))

const blockIO = object<OciBlockIO>({
  weight,
  leafWeight: weight,
  weightDevice: array(
    object<NonNullable<OciBlockIO['weightDevice']>[number]>({ ...device, weight, leafWeight: weight }, [
      'major',
      'minor',
    ]),
  ),
  throttleReadBpsDevice: throttles,
  throttleWriteBpsDevice: throttles,
  throttleReadIOPSDevice: throttles,
  throttleWriteIOPSDevice: throttles,
})

type Network = NonNullable<OciResources['network']>

export const resources = object<OciResources>({
  devices: array(deviceRule),
  memory,
  cpu,
  pids: object<NonNullable<OciResources['pids']>>({ limit: integer(-SAFE, SAFE) }),
  blockIO,
  hugepageLimits: array(
    object<NonNullable<OciResources['hugepageLimits']>[number]>(
      { pageSize: matching(/^[1-9]\d*[KMG]B$/, 'a size such as 2MB'), limit: amount(0) },
      ['pageSize', 'limit'],
    ),
  ),
  network: object<Network>({
    classID: uint32,
    priorities: array(
      object<NonNullable<Network['priorities']>[number]>({ name: nonEmpty, priority: uint32 }, ['name', 'priority']),
    ),
  }),
  rdma: record(object<NonNullable<OciResources['rdma']>[string]>({ hcaHandles: uint32, hcaObjects: uint32 })),
  unified: record(text),
})
