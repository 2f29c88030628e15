// SPDX-License-Identifier: Apache-2.0
import { mkdir, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { GantryError } from '../../runtime-core/errors.ts'

/**
 * Makes the place of a unix socket ready to listen on: its directory is there, a stale socket is not.
 *
 * @param endpoint `unix:///path`
 * @returns the path
 * @throws GantryError `already_exists` where somebody answers on it
 */
export async function claimSocket(endpoint: string): Promise<string> {
  const path = endpoint.replace(/^unix:\/\//, '')
  if (!path.startsWith('/')) {
    throw new GantryError('invalid_argument', {
      action: 'listen on',
      subject: endpoint,
      reason: 'expected unix:///path',
    })
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o711 })
  if (await answers(path)) {
    throw new GantryError('already_exists', {
      action: 'listen on',
      subject: path,
      reason: 'another daemon answers there',
    })
  }
  await rm(path, { force: true })
  return path
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
