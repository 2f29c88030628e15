// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs'
import { GantryError, hasCode } from '../errors.ts'
import { type BusMethod, type BusValue, type Libsystemd, Variant } from '../kernel/sd-bus.ts'
import { type BusAddress, BusCallError, SdBusConnection } from '../kernel/sd-bus-connection.ts'
import type { UnitProperty } from './plan.ts'

/** systemd's own socket for root, which needs no bus daemon and no subscription; else the system bus. */
export const SYSTEMD_ADDRESSES: readonly BusAddress[] = [
  { path: '/run/systemd/private', isBroker: false },
  { path: '/run/dbus/system_bus_socket', isBroker: true },
]

export interface SystemdUnitsOptions {
  readonly library: Libsystemd
  /** The first that exists is used. */
  readonly addresses?: readonly BusAddress[]
  /** How long one call, with the job it begins, may take. */
  readonly timeoutMs?: number
}

const DESTINATION = 'org.freedesktop.systemd1'
const MANAGER = 'org.freedesktop.systemd1.Manager'
const MANAGER_PATH = '/org/freedesktop/systemd1'
const PROPERTIES = 'org.freedesktop.DBus.Properties'
const NO_SUCH_UNIT = ['org.freedesktop.systemd1.NoSuchUnit', 'org.freedesktop.systemd1.LoadFailed']
const UNIT_EXISTS = 'org.freedesktop.systemd1.UnitExists'
/** Under mount storms and at boot systemd has been seen to answer late; it does answer. */
const TIMEOUT_MS = 30_000
/** Every signal of every unit comes in on systemd's own socket: nobody listens for nothing. */
const IDLE_MS = 10_000
/** systemd closes all connections when it executes itself anew, after an upgrade. */
const ATTEMPTS = 5
const MATCH = `type='signal',sender='${DESTINATION}',interface='${MANAGER}',member='JobRemoved'`

/** Hears how the jobs of one unit end; they may end before the answer that names them has been looked at. */
interface JobWatch {
  readonly unit: string
  readonly results: Map<string, string>
  wake: () => void
}

/** The units of systemd, by its D-Bus interface (org.freedesktop.systemd1(5)). Calls are made when they are needed. */
export class SystemdUnits {
  readonly #library: Libsystemd
  readonly #addresses: readonly BusAddress[]
  readonly #timeoutMs: number
  readonly #watches = new Set<JobWatch>()
  #connection: Promise<SdBusConnection> | undefined
  #idle: NodeJS.Timeout | undefined
  #calls = 0

  constructor({ library, addresses = SYSTEMD_ADDRESSES, timeoutMs = TIMEOUT_MS }: SystemdUnitsOptions) {
    this.#library = library
    this.#addresses = addresses
    this.#timeoutMs = timeoutMs
  }

  /** `252` of `252.39-1~deb12u1`. */
  async version(): Promise<number> {
    const text = await this.#property(MANAGER_PATH, MANAGER, 'Version')
    return Number(/\d+/.exec(String(text))?.[0] ?? 0)
  }

  /**
   * Starts a transient unit and waits until it is there. A failed one of that name is forgotten first.
   *
   * @param holds whether the unit that has been found there is the one we began before the connection broke
   * @throws GantryError already_exists where another of that name runs.
   */
  async startTransient(
    unit: string,
    properties: readonly UnitProperty[],
    holds: () => Promise<boolean>,
  ): Promise<void> {
    const start = () => this.#job('StartTransientUnit', unit, 'ssa(sv)a(sa(sv))', [unit, 'replace', properties, []])
    try {
      await start()
    } catch (error) {
      if (!(error instanceof BusCallError) || error.busName !== UNIT_EXISTS) throw error
      if (await holds()) return
      await this.resetFailed(unit)
      await start().catch((cause: unknown) => {
        if (!(cause instanceof BusCallError) || cause.busName !== UNIT_EXISTS) throw cause
        throw new GantryError('already_exists', { action: 'start unit', subject: unit, cause })
      })
    }
  }

  /** Stops a unit and waits until it is gone. One that is not there is fine. */
  async stop(unit: string): Promise<void> {
    await this.#job('StopUnit', unit, 'ss', [unit, 'replace']).catch(unlessMissing)
  }

  /** Forgets that a unit failed. One that is not there is fine. */
  async resetFailed(unit: string): Promise<void> {
    await this.#call(managerMethod('ResetFailedUnit'), unit, 's', [unit]).catch(unlessMissing)
  }

  /** Changes a living unit, until it is gone. */
  async setProperties(unit: string, properties: readonly UnitProperty[]): Promise<void> {
    if (properties.length === 0) return
    await this.#call(managerMethod('SetUnitProperties'), unit, 'sba(sv)', [unit, true, properties])
  }

  /** A property of a loaded unit, such as FragmentPath; undefined where there is no such unit. */
  async unitProperty(unit: string, name: string): Promise<BusValue | undefined> {
    try {
      const [path] = await this.#call(managerMethod('GetUnit'), unit, 's', [unit])
      return await this.#property(String(path), 'org.freedesktop.systemd1.Unit', name)
    } catch (error) {
      if (error instanceof BusCallError && NO_SUCH_UNIT.includes(error.busName)) return undefined
      throw error
    }
  }

  /** Lets go of the connection. */
  async close(): Promise<void> {
    clearTimeout(this.#idle)
    const connection = this.#connection
    this.#connection = undefined
    await connection?.then(
      (open) => open.close(),
      () => undefined,
    )
  }

  async #property(path: string, owner: string, name: string): Promise<BusValue> {
    const method = { destination: DESTINATION, path, interface: PROPERTIES, member: 'Get' }
    const [value] = await this.#call(method, `${owner}.${name}`, 'ss', [owner, name])
    return value instanceof Variant ? value.value : ''
  }

  #call(
    method: BusMethod,
    subject: string,
    signature: string,
    values: readonly BusValue[],
  ): Promise<readonly BusValue[]> {
    return this.#connected((connection) => connection.call(method, subject, signature, values, this.#timeoutMs))
  }

  /** A call that begins a job, to the job's end. */
  async #job(member: string, unit: string, signature: string, values: readonly BusValue[]): Promise<void> {
    const watch: JobWatch = { unit, results: new Map(), wake: () => undefined }
    this.#watches.add(watch)
    try {
      await this.#connected(async (connection) => {
        const [job] = await connection.call(managerMethod(member), unit, signature, values, this.#timeoutMs)
        const result = await this.#resultOf(watch, String(job), connection, member)
        if (result === 'done' || result === 'skipped') return
        throw new GantryError('internal', {
          action: `${member} of`,
          subject: unit,
          reason: `its job ended as ${result}`,
        })
      })
    } finally {
      this.#watches.delete(watch)
    }
  }

  async #resultOf(watch: JobWatch, job: string, connection: SdBusConnection, member: string): Promise<string> {
    const timeout = Promise.withResolvers<'timeout'>()
    const timer = setTimeout(() => timeout.resolve('timeout'), this.#timeoutMs)
    try {
      for (;;) {
        const known = watch.results.get(job)
        if (known !== undefined) return known
        const woken = new Promise<'woken'>((resolve) => {
          watch.wake = () => resolve('woken')
        })
        const event = await Promise.race([woken, timeout.promise, connection.lost])
        if (event instanceof GantryError) throw event
        if (event === 'timeout') {
          const reason = `its job did not end within ${this.#timeoutMs} ms`
          throw new GantryError('deadline_exceeded', { action: `${member} of`, subject: watch.unit, reason })
        }
      }
    } finally {
      clearTimeout(timer)
    }
  }

  /** @param body of JobRemoved: number, job, unit, result */
  #jobRemoved([, job, unit, result]: readonly BusValue[]): void {
    for (const watch of this.#watches) {
      if (watch.unit !== unit) continue
      watch.results.set(String(job), String(result))
      watch.wake()
    }
  }

  /** Runs calls on a living connection, again where it was lost: all of them can be repeated. */
  async #connected<T>(work: (connection: SdBusConnection) => Promise<T>): Promise<T> {
    clearTimeout(this.#idle)
    this.#calls++
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          return await work(await this.#open())
        } catch (error) {
          if (attempt === ATTEMPTS || !hasCode(error, 'unavailable')) throw error
        }
      }
    } finally {
      this.#calls--
      if (this.#calls === 0) this.#idle = setTimeout(() => void this.close(), IDLE_MS).unref()
    }
  }

  /** One after the other: who finds the connection broken waits for the one who makes it anew. */
  #open(): Promise<SdBusConnection> {
    const before = this.#connection
    const opening = (async () => {
      const known = await before?.catch(() => undefined)
      return known === undefined || known.closed ? await this.#connect() : known
    })()
    this.#connection = opening
    return opening
  }

  async #connect(): Promise<SdBusConnection> {
    const address = this.#addresses.find(({ path }) => existsSync(path))
    if (address === undefined) {
      const tried = this.#addresses.map(({ path }) => path).join(', ')
      throw new GantryError('failed_precondition', { action: 'connect to systemd', reason: `there is no ${tried}` })
    }
    const heard = (body: readonly BusValue[]) => this.#jobRemoved(body)
    const connection = await SdBusConnection.open(this.#library, address, { member: 'JobRemoved', heard })
    if (address.isBroker) {
      await connection.call(BUS_MATCH, 'JobRemoved', 's', [MATCH], this.#timeoutMs)
      await connection.call(managerMethod('Subscribe'), 'JobRemoved', '', [], this.#timeoutMs)
    }
    return connection
  }
}

const BUS_MATCH: BusMethod = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
  member: 'AddMatch',
}

function managerMethod(member: string): BusMethod {
  return { destination: DESTINATION, path: MANAGER_PATH, interface: MANAGER, member }
}

function unlessMissing(error: unknown): void {
  if (error instanceof BusCallError && NO_SUCH_UNIT.includes(error.busName)) return
  throw error
}
