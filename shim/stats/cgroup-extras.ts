// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs'
import type { CgroupHost } from '../../runtime-core/cgroup/detect.ts'
import { errnoOf } from '../../runtime-core/errors.ts'

/** Figures that only the metrics tell. */
export interface CgroupExtras {
  readonly kernelBytes?: number
  /** Times the limit was hit. */
  readonly limitHits?: number
  readonly hugetlb: readonly { readonly pageSize: string; readonly usage: number; readonly max?: number }[]
}

/** Reads them; what the kernel does not have is left out. */
export function readExtras(host: CgroupHost, cgroupsPath: string, pageSizes: readonly string[]): CgroupExtras {
  const v1Memory = host.v1.get('memory')
  const memory = v1Memory ?? host.unifiedMount
  const file = (mount: string | undefined, name: string) =>
    mount === undefined ? undefined : readIfThere(`${mount}${cgroupsPath}/${name}`)
  const kernelBytes = v1Memory === undefined ? undefined : number(file(memory, 'memory.kmem.usage_in_bytes'))
  const limitHits =
    v1Memory === undefined
      ? number(/^max (\d+)$/m.exec(file(memory, 'memory.events') ?? '')?.[1])
      : number(file(memory, 'memory.failcnt'))
  const v1Hugetlb = host.v1.get('hugetlb')
  const hugetlb = pageSizes.flatMap((pageSize) => {
    const v1 = v1Hugetlb !== undefined
    const usage = number(
      file(v1Hugetlb ?? host.unifiedMount, `hugetlb.${pageSize}.${v1 ? 'usage_in_bytes' : 'current'}`),
    )
    const max = v1 ? number(file(v1Hugetlb, `hugetlb.${pageSize}.max_usage_in_bytes`)) : undefined
    return usage === undefined ? [] : [{ pageSize, usage, ...(max !== undefined && { max }) }]
  })
  return { hugetlb, ...(kernelBytes !== undefined && { kernelBytes }), ...(limitHits !== undefined && { limitHits }) }
}

/** Sizes of huge pages as the names of the hugetlb controller's files have them: `2MB`, `1GB`; none without it. */
export function hugePageSizes(host: CgroupHost): string[] {
  if (!host.controllers.includes('hugetlb')) return []
  return readdirSync('/sys/kernel/mm/hugepages').flatMap((name) => {
    const [, kilobytes] = /^hugepages-(\d+)kB$/.exec(name) ?? []
    return kilobytes === undefined ? [] : [pageSizeName(Number(kilobytes))]
  })
}

/** mm/hugetlb_cgroup.c, mem_fmt. */
export function pageSizeName(kilobytes: number): string {
  if (kilobytes >= 1 << 20) return `${kilobytes >> 20}GB`
  return kilobytes >= 1 << 10 ? `${kilobytes >> 10}MB` : `${kilobytes}KB`
}

function number(text: string | undefined): number | undefined {
  return text === undefined || !/^\d+\s*$/.test(text) ? undefined : Number(text)
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}
