// SPDX-License-Identifier: Apache-2.0

/** A platform as image indexes and configs name it (image-spec, image-index §platform). */
export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string | undefined
  readonly osFeatures?: readonly string[] | undefined
}

const ARCHITECTURES: Readonly<Record<string, readonly [string, string?]>> = {
  x86_64: ['amd64'],
  'x86-64': ['amd64'],
  aarch64: ['arm64'],
  i386: ['386'],
  armhf: ['arm', 'v7'],
  armel: ['arm', 'v6'],
}

/** The platform in its canonical spelling: `aarch64` → `arm64`, `arm` → `arm/v7`, `amd64/v1` → `amd64`. */
export function normalisePlatform(platform: Platform): Platform {
  const named = platform.architecture.toLowerCase()
  const [architecture, implied] = ARCHITECTURES[named] ?? [named]
  const variant = normaliseVariant(architecture, implied ?? platform.variant?.toLowerCase() ?? '')
  const os = platform.os.toLowerCase()
  return { os: os === 'macos' ? 'darwin' : os, architecture, variant, osFeatures: platform.osFeatures }
}

function normaliseVariant(architecture: string, variant: string): string {
  if (architecture === 'arm64') {
    if (variant === '' || variant === '8' || variant === 'v8' || variant === 'v8.0') return ''
    if (variant === '9' || variant === 'v9.0') return 'v9'
  }
  if (architecture === 'arm') {
    if (variant === '') return 'v7'
    if (/^[5-8]$/.test(variant)) return `v${variant}`
  }
  if (architecture === 'amd64' && variant === 'v1') return ''
  return variant
}

/**
 * How well an image's platform suits the host: 0 is best, undefined is not at all. The order of acceptable platforms
 * is containerd's: amd64/vN runs vN … v1, then 386; arm64 runs its own and lower, then 32-bit arm.
 */
export function platformRank(host: Platform, candidate: Platform): number | undefined {
  const have = normalisePlatform(host)
  const want = normalisePlatform(candidate)
  if (have.os !== want.os) return undefined
  const features = new Set(have.osFeatures ?? [])
  if ((want.osFeatures ?? []).some((feature) => !features.has(feature))) return undefined
  const rank = acceptable(have).indexOf(`${want.architecture}/${want.variant ?? ''}`)
  return rank === -1 ? undefined : rank
}

/** The index of the best of several platforms for the host; earlier wins a tie, one without a platform comes last. */
export function pickPlatform(host: Platform, candidates: readonly (Platform | undefined)[]): number | undefined {
  let best: { rank: number; index: number } | undefined
  candidates.forEach((candidate, index) => {
    const rank = candidate === undefined ? Number.MAX_SAFE_INTEGER : platformRank(host, candidate)
    if (rank !== undefined && (best === undefined || rank < best.rank)) best = { rank, index }
  })
  return best?.index
}

/** The platform in words: `linux/arm/v7`. */
export function describePlatform(platform: Platform): string {
  const { os, architecture, variant } = normalisePlatform(platform)
  return variant === '' || variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`
}

/**
 * The platform of this machine from Node's names and, on 32-bit arm, the text of /proc/cpuinfo.
 *
 * @param machine `process.arch`
 */
export function hostPlatform(machine: string, cpuinfo: string): Platform {
  if (machine === 'x64') return { os: 'linux', architecture: 'amd64' }
  if (machine === 'ia32') return { os: 'linux', architecture: '386' }
  if (machine !== 'arm') return { os: 'linux', architecture: machine }
  const version = /^CPU architecture\s*:\s*(\d)/m.exec(cpuinfo)?.[1] ?? '7'
  // Some ARMv6 boards (Raspberry Pi Zero) report architecture 7 and tell the truth in the model name only.
  const variant = version === '7' && /ARMv6/i.test(cpuinfo) ? 'v6' : `v${version}`
  return { os: 'linux', architecture: 'arm', variant }
}

function acceptable({ architecture, variant = '' }: Platform): readonly string[] {
  if (architecture === 'amd64') return [...downTo('amd64', level(variant, 1), 1), '386/']
  if (architecture === 'arm') return downTo('arm', level(variant, 7), 5)
  if (architecture === 'arm64') return [...arm64(variant), ...downTo('arm', 8, 5)]
  return [`${architecture}/${variant}`]
}

function downTo(architecture: string, from: number, to: number): string[] {
  const list: string[] = []
  for (let n = from; n >= to; n--) list.push(`${architecture}/${architecture === 'amd64' && n === 1 ? '' : `v${n}`}`)
  return list
}

function arm64(variant: string): string[] {
  const [, major = '8', minor = '0'] = /^v([89])(?:\.(\d))?$/.exec(variant) ?? []
  const list: string[] = []
  // ARMv9.x includes ARMv8.(x+5), at most 8.9 (Arm architecture reference, feature relations).
  const nine = major === '9' ? Number(minor) : -1
  for (let n = nine; n >= 0; n--) list.push(`arm64/v9${n === 0 ? '' : `.${n}`}`)
  const eight = major === '9' ? Math.min(nine + 5, 9) : Number(minor)
  for (let n = eight; n >= 0; n--) list.push(`arm64/${n === 0 ? '' : `v8.${n}`}`)
  return list
}

function level(variant: string, otherwise: number): number {
  const digits = /^v(\d+)$/.exec(variant)?.[1]
  return digits === undefined ? otherwise : Math.min(Number(digits), 9)
}
