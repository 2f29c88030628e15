// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Signal } from '../../cri-proto/index.ts'
import { refused } from './refused.ts'
import { numberOf, stopSignal } from './stop-signal.ts'

test('the request wins over the image, the image over SIGTERM', () => {
  assert.equal(stopSignal(Signal.SIGUSR1, 'SIGINT'), { name: 'SIGUSR1', number: 10, cri: Signal.SIGUSR1 })
  assert.equal(stopSignal(Signal.RUNTIME_DEFAULT, 'SIGINT'), { name: 'SIGINT', number: 2, cri: Signal.SIGINT })
  for (const image of [undefined, '']) {
    assert.equal(stopSignal(Signal.RUNTIME_DEFAULT, image), { name: 'SIGTERM', number: 15, cri: Signal.SIGTERM })
  }
})

test('every signal of the API has the number that this kernel gives it', () => {
  const known: Record<string, number> = constants.signals
  for (const [name, signal] of Object.entries(Signal)) {
    if (signal === Signal.RUNTIME_DEFAULT) continue
    const { number, cri } = stopSignal(signal, undefined)
    assert.is(cri, signal)
    if (known[name] !== undefined) assert.is(number, known[name], name)
    else assert.ok((number >= 34 && number <= 64) || name === 'SIGCLD', `${name} ${number}`)
  }
})

const REAL_TIME = [
  [Signal.SIGRTMIN, 'SIGRTMIN', 34],
  [Signal.SIGRTMINPLUS1, 'SIGRTMIN+1', 35],
  [Signal.SIGRTMINPLUS15, 'SIGRTMIN+15', 49],
  [Signal.SIGRTMAXMINUS14, 'SIGRTMAX-14', 50],
  [Signal.SIGRTMAXMINUS1, 'SIGRTMAX-1', 63],
  [Signal.SIGRTMAX, 'SIGRTMAX', 64],
] as const

for (const [signal, name, number] of REAL_TIME) {
  test(`${name} is ${number}, named by the request or the image`, () => {
    assert.equal(stopSignal(signal, undefined), { name, number, cri: signal })
    assert.equal(stopSignal(Signal.RUNTIME_DEFAULT, name), { name, number, cri: signal })
    assert.equal(stopSignal(Signal.RUNTIME_DEFAULT, String(number)), { name, number, cri: signal })
  })
}

test('names are read in any case, with and without SIG, numbers too', () => {
  for (const [text, number] of [
    ['SIGQUIT', 3],
    ['quit', 3],
    ['sigquit', 3],
    ['3', 3],
    ['rtmin+3', 37],
    ['SIGRTMAX-2', 62],
    ['SIGIOT', 6],
  ] as const) {
    assert.is(numberOf(text), number, text)
  }
})

test('what is no signal is none', () => {
  for (const text of [
    '',
    'SIG',
    'SIGNOPE',
    '0',
    '65',
    '-1',
    '1.5',
    'SIGRTMIN-1',
    'SIGRTMAX+1',
    'SIGRTMIN+31',
    'constructor',
  ]) {
    assert.is(numberOf(text), undefined, text)
  }
})

test('a stop signal that does not exist is refused', () => {
  refused(
    () => stopSignal(Signal.RUNTIME_DEFAULT, 'SIGNOPE'),
    'invalid_argument',
    'image.config.StopSignal',
    '"SIGNOPE"',
  )
  refused(() => stopSignal(99 as Signal, undefined), 'invalid_argument', 'config.stop_signal', '99')
})

test.run()
