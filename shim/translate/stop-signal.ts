// SPDX-License-Identifier: Apache-2.0
import { Signal } from '../../cri-proto/index.ts'
import { invalidField } from './invalid-field.ts'

/** Linux on x86, ARM, RISC-V, POWER and s390; signal(7). */
const NUMBERS: Readonly<Record<string, number>> = {
  ...{ SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGILL: 4, SIGTRAP: 5, SIGABRT: 6, SIGIOT: 6, SIGBUS: 7, SIGFPE: 8 },
  ...{ SIGKILL: 9, SIGUSR1: 10, SIGSEGV: 11, SIGUSR2: 12, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15, SIGSTKFLT: 16 },
  ...{ SIGCHLD: 17, SIGCLD: 17, SIGCONT: 18, SIGSTOP: 19, SIGTSTP: 20, SIGTTIN: 21, SIGTTOU: 22, SIGURG: 23 },
  ...{ SIGXCPU: 24, SIGXFSZ: 25, SIGVTALRM: 26, SIGPROF: 27, SIGWINCH: 28, SIGIO: 29, SIGPOLL: 29, SIGPWR: 30 },
  SIGSYS: 31,
}
/** As the C library numbers them: two real-time signals are its own. */
const SIGRTMIN = 34
const SIGRTMAX = 64

export interface StopSignal {
  /** As the OCI writes it: SIGTERM, SIGRTMIN+3. */
  readonly name: string
  readonly number: number
  /** As CRI reports it. */
  readonly cri: Signal
}

/**
 * The signal that stops a container: the request's, else the image's, else SIGTERM.
 *
 * @param requested `stop_signal` of the container's configuration.
 * @param imageStopSignal `StopSignal` of the image: a name with or without SIG, or a number.
 * @throws GantryError invalid_argument for a signal that does not exist.
 */
export function stopSignal(requested: Signal, imageStopSignal: string | undefined): StopSignal {
  if (requested !== Signal.RUNTIME_DEFAULT) {
    const name = ociName(requested)
    const number = name === undefined ? undefined : numberOf(name)
    if (name === undefined || number === undefined) {
      throw invalidField('config.stop_signal', requested, 'a signal of the API')
    }
    return { name, number, cri: requested }
  }
  const text = imageStopSignal || 'SIGTERM'
  const number = numberOf(text)
  if (number === undefined) throw invalidField('image.config.StopSignal', text, 'a signal by name or number')
  return { name: nameOf(number), number, cri: criSignal(number) }
}

/** The number of a signal by name (`SIGTERM`, `term`, `SIGRTMIN+3`) or decimal number; undefined where there is none. */
export function numberOf(text: string): number | undefined {
  if (/^\d{1,2}$/.test(text)) {
    const number = Number(text)
    return number >= 1 && number <= SIGRTMAX ? number : undefined
  }
  const upper = text.toUpperCase()
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`
  const realTime = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name)
  if (realTime === null) return Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : undefined
  const [, end, sign, offset = '0'] = realTime
  if (sign !== undefined && (sign === '+') !== (end === 'MIN')) return undefined
  const number = end === 'MIN' ? SIGRTMIN + Number(offset) : SIGRTMAX - Number(offset)
  return number >= SIGRTMIN && number <= SIGRTMAX ? number : undefined
}

/** The OCI's name of a number; real-time signals are counted from the nearer end, as CRI does. */
function nameOf(number: number): string {
  const named = Object.entries(NUMBERS).find(([, value]) => value === number)
  if (named !== undefined) return named[0]
  // 32 and 33 are the C library's own; they have a number only.
  if (number < SIGRTMIN) return String(number)
  const [fromMin, fromMax] = [number - SIGRTMIN, SIGRTMAX - number]
  if (fromMin <= 15) return fromMin === 0 ? 'SIGRTMIN' : `SIGRTMIN+${fromMin}`
  return fromMax === 0 ? 'SIGRTMAX' : `SIGRTMAX-${fromMax}`
}

function ociName(signal: Signal): string | undefined {
  const entry = Object.entries(Signal).find(([, value]) => value === signal)
  return entry?.[0].replace('PLUS', '+').replace('MINUS', '-')
}

function criSignal(number: number): Signal {
  const name = nameOf(number).replace('+', 'PLUS').replace('-', 'MINUS')
  return Object.hasOwn(Signal, name) ? Signal[name as keyof typeof Signal] : Signal.RUNTIME_DEFAULT
}
