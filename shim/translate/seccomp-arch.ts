// SPDX-License-Identifier: Apache-2.0

/** An architecture by its names: for libseccomp, and in the conditions of Docker's profiles. */
export interface SeccompArch {
  readonly native: string
  readonly condition: string
}

/** By `process.arch`. */
const ARCHES: Readonly<Record<string, SeccompArch>> = {
  x64: { native: 'SCMP_ARCH_X86_64', condition: 'amd64' },
  ia32: { native: 'SCMP_ARCH_X86', condition: 'x86' },
  arm64: { native: 'SCMP_ARCH_AARCH64', condition: 'arm64' },
  arm: { native: 'SCMP_ARCH_ARM', condition: 'arm' },
  ppc64: { native: 'SCMP_ARCH_PPC64LE', condition: 'ppc64le' },
  s390x: { native: 'SCMP_ARCH_S390X', condition: 's390x' },
  riscv64: { native: 'SCMP_ARCH_RISCV64', condition: 'riscv64' },
  loong64: { native: 'SCMP_ARCH_LOONGARCH64', condition: 'loongarch64' },
}

/** Undefined for an architecture without seccomp profiles: the filter is then for the native one only. */
export function seccompArch(arch: string): SeccompArch | undefined {
  return Object.hasOwn(ARCHES, arch) ? ARCHES[arch] : undefined
}
