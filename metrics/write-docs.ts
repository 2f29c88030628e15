// SPDX-License-Identifier: Apache-2.0
import { writeFileSync } from 'node:fs'
import { describeMetrics } from './describe-metrics.ts'

writeFileSync(new URL('../docs/metrics.md', import.meta.url), describeMetrics())
