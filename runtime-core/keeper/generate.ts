// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs'
import { HEADER_BYTES, MAX_OPS, MAX_PLAN_BYTES, OP_BYTES, PLAN_MAGIC, PLAN_VERSION } from '../plan/assemble.ts'
import { OPS, type Operand, SLOT_COUNT, SLOTS, WORDS_PER_OP } from '../plan/ops.ts'

const KIND_LETTERS: Readonly<Record<Operand['kind'], string>> = {
  str: 's',
  ostr: 'S',
  u64: 'u',
  slot: 'f',
  oslot: 'F',
  data: 'd',
  strv: 'v',
}

/** The C header derived from the table of operations: codes, operand kinds, slots, limits. */
export function operationsHeader(): string {
  const rows = Object.entries(OPS)
  const lines = [
    '/* SPDX-License-Identifier: Apache-2.0 */',
    '/* Generated from runtime-core/plan/ops.ts by keeper/generate.ts; do not edit. */',
    '#ifndef GANTRY_OPS_GEN_H',
    '#define GANTRY_OPS_GEN_H',
    '',
    `#define PLAN_MAGIC 0x${PLAN_MAGIC.toString(16)}u`,
    `#define PLAN_VERSION ${PLAN_VERSION}u`,
    `#define PLAN_HEADER_BYTES ${HEADER_BYTES}u`,
    `#define PLAN_OP_BYTES ${OP_BYTES}u`,
    `#define PLAN_WORDS ${WORDS_PER_OP}u`,
    `#define PLAN_MAX_BYTES ${MAX_PLAN_BYTES}u`,
    `#define PLAN_MAX_OPS ${MAX_OPS}u`,
    `#define SLOT_COUNT ${SLOT_COUNT}`,
    ...Object.entries(SLOTS).map(([name, number]) => `#define SLOT_${constantName(name)} ${number}`),
    '',
    'enum op_code {',
    ...rows.map(([name, spec]) => `\tOP_${name.toUpperCase()} = ${spec.code},`),
    `\tOP_LIMIT = ${Math.max(...rows.map(([, spec]) => spec.code)) + 1}`,
    '};',
    '',
    '/* Operand kinds by code: s string, S string or none, u number, f slot, F slot or none, d data, v strings. */',
    '#define OPERAND_KINDS \\',
    ...rows.map(
      ([name, spec]) =>
        `\t[OP_${name.toUpperCase()}] = "${spec.operands.map((o) => KIND_LETTERS[o.kind]).join('')}", \\`,
    ),
    '',
    '#endif',
    '',
  ]
  return lines.join('\n')
}

function constantName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
}

if (import.meta.main) {
  const path = new URL('ops.gen.h', import.meta.url)
  if (process.argv.includes('--check')) {
    if (readFileSync(path, 'utf8') !== operationsHeader()) {
      process.stderr.write(
        'keeper/ops.gen.h is out of step with plan/ops.ts: run node runtime-core/keeper/generate.ts\n',
      )
      process.exitCode = 1
    }
  } else {
    writeFileSync(path, operationsHeader())
  }
}
