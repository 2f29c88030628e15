// SPDX-License-Identifier: Apache-2.0

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { type Callback, suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { OciResources } from '../spec/types.ts'
import { applyPlan } from './apply.testing.ts'
import { type CgroupHost, readCgroupHost } from './detect.ts'
import { killCgroup } from './kill.ts'
import { type CgroupPlan, compileCgroup } from './manager.ts'
import { removeCgroup } from './remove.ts'

/** What a plan promises, held against the kernel: every suite runs on v1, hybrid and v2 alike. */
export interface Bench {
  readonly host: CgroupHost
  readonly test: (name: string, body: Callback<Scene>) => void
  /** Makes the scene's cgroup; it is killed and removed after the test. */
  readonly make: (scene: Scene, resources?: OciResources) => CgroupPlan
}

export interface Scene {
  path: string
  plans: CgroupPlan[]
}

/** Runs the same tests on this machine's cgroups and, where they are hybrid, on its v1 controllers alone. */
export async function onEveryHost(title: string, define: (bench: Bench) => void): Promise<void> {
  const host = await readCgroupHost()
  const { unifiedMount: _, ...v1 } = host
  const hosts = host.mode === 'hybrid' ? [host, { ...v1, mode: 'v1' } as const] : [host]
  for (const each of hosts) onHost(title, each, define)
}

function onHost(title: string, host: CgroupHost, define: (bench: Bench) => void): void {
  const parent = `/gantry-contract-${process.pid}-${host.mode}`
  const test = suite<Scene>(`${title} (${host.mode})`)
  let count = 0
  test.before.each((scene) => {
    scene.path = `${parent}/c${++count}`
    scene.plans = []
  })
  test.after.each(({ plans }) => clearAway(plans))
  test.after(async () => {
    const parents = compileCgroup(host, `${parent}/x`, {}).directories.filter((directory) => directory.endsWith(parent))
    for (const directory of parents) assert.equal(childrenOf(directory), [], directory)
    await removeCgroup(parents)
    for (const directory of parents) assert.not(existsSync(directory), directory)
  })
  const make = (scene: Scene, resources: OciResources = {}): CgroupPlan => {
    const plan = compileCgroup(host, scene.path, resources)
    scene.plans.push(plan)
    applyPlan(plan)
    return plan
  }
  define({ host, test, make })
  test.run()
}

async function clearAway(plans: readonly CgroupPlan[]): Promise<void> {
  for (const plan of plans) {
    assert.ok(await killCgroup(plan, 5000), 'all killed')
    await removeCgroup(plan.leaves, 5000)
  }
}

/** A file of the container's, whatever the hierarchy. */
export function readOf({ leaves }: CgroupPlan, file: string): string {
  const directory = leaves.find((leaf) => existsSync(`${leaf}/${file}`))
  return directory === undefined ? 'missing' : readFileSync(`${directory}/${file}`, 'utf8').trim()
}

function childrenOf(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
}
