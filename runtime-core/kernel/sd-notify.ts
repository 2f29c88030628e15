// SPDX-License-Identifier: Apache-2.0
import { closeSync } from 'node:fs'
import { GantryError } from '../errors.ts'
import { createDatagramSocket, sendDatagram } from './libc.ts'

/** Between two signs of life: a late one must not be the only one (sd_watchdog_enabled(3) advises half the time). */
const SIGNS_PER_PERIOD = 3

/**
 * What systemd is told of this service (sd_notify(3)); where it did not ask, nothing. The protocol is a datagram to the
 * socket that the environment names, and is stable: no library is needed.
 */
export class ServiceNotifier implements Disposable {
  readonly #socketPath: string | undefined
  readonly #watchdogMs: number | undefined
  readonly #onFailure: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined

  private constructor(
    socketPath: string | undefined,
    watchdogMs: number | undefined,
    onFailure: (error: unknown) => void,
  ) {
    this.#socketPath = socketPath
    this.#watchdogMs = watchdogMs
    this.#onFailure = onFailure
  }

  /**
   * Reads and removes what systemd has put into the environment: what the daemon starts is no part of the conversation.
   *
   * @param onFailure where systemd cannot be told: it will draw its own conclusions
   * @throws GantryError invalid_argument for variables that make no sense.
   */
  static take(env: NodeJS.ProcessEnv, pid: number, onFailure: (error: unknown) => void): ServiceNotifier {
    const { NOTIFY_SOCKET: socketPath = '', WATCHDOG_USEC: period, WATCHDOG_PID: watched } = env
    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name]
    if (socketPath !== '' && !/^[/@]./.test(socketPath)) {
      const reason = 'expected the path of a unix socket'
      throw new GantryError('invalid_argument', { action: 'read NOTIFY_SOCKET', subject: socketPath, reason })
    }
    const isOurs = period !== undefined && (watched === undefined || watched === String(pid))
    if (isOurs && !/^[1-9]\d{0,15}$/.test(period)) {
      throw new GantryError('invalid_argument', {
        action: 'read WATCHDOG_USEC',
        subject: period,
        reason: 'expected microseconds',
      })
    }
    return new ServiceNotifier(
      socketPath === '' ? undefined : socketPath,
      isOurs ? Number(period) / 1000 : undefined,
      onFailure,
    )
  }

  /** The service serves; from here on its event loop feeds the watchdog, where there is one. */
  ready(status: string): void {
    this.#send(`READY=1\nSTATUS=${status}`)
    if (this.#watchdogMs === undefined || this.#socketPath === undefined) return
    this.#timer = setInterval(() => this.#send('WATCHDOG=1'), this.#watchdogMs / SIGNS_PER_PERIOD).unref()
  }

  /** The service is about to end, as it was asked to. */
  stopping(): void {
    this.#send('STOPPING=1')
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #send(state: string): void {
    if (this.#socketPath === undefined) return
    try {
      const fd = createDatagramSocket()
      try {
        sendDatagram(fd, this.#socketPath, state)
      } finally {
        closeSync(fd)
      }
    } catch (cause) {
      this.#onFailure(new GantryError('internal', { action: 'notify systemd at', subject: this.#socketPath, cause }))
    }
  }
}
