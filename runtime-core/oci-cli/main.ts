// SPDX-License-Identifier: Apache-2.0
import { main } from './program.ts'

// From its sources; bin/gantry-oci runs what build.sh has made of them.
process.exitCode = await main(process.argv.slice(2))
