// SPDX-License-Identifier: Apache-2.0

/** The Container Runtime Interface v1: messages with their codecs, service definitions, a client. */
export {
  type CallOptions,
  type CriCall,
  type CriCalls,
  type CriClient,
  type CriClientOptions,
  createCriClient,
  MAX_MESSAGE_BYTES,
} from './client.ts'
export * from './generated/runtime.v1.js'
