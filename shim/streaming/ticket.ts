// SPDX-License-Identifier: Apache-2.0
import type { PreparedForward } from './port-forward.ts'
import type { RemoteCommand } from './remote-command.ts'

/** What a URL leads to. */
export type Ticket =
  | { readonly kind: 'exec' | 'attach'; readonly command: RemoteCommand }
  | { readonly kind: 'portforward'; readonly forward: PreparedForward }
