// SPDX-License-Identifier: Apache-2.0

/** How an exec or attach ended. */
export type RemoteResult =
  | { readonly kind: 'success' }
  /** A process that ended with another code than 0. */
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'failure'; readonly message: string }

/**
 * What goes over the error stream: since v4 always one metav1.Status, before that text for what went wrong only.
 *
 * @returns Undefined where nothing is to be sent.
 */
export function statusText(result: RemoteResult, form: 'json' | 'text'): string | undefined {
  if (form === 'json') return JSON.stringify(statusOf(result))
  switch (result.kind) {
    case 'success':
      return undefined
    case 'exit':
      return exitMessage(result.code)
    case 'failure':
      return result.message
  }
}

function statusOf(result: RemoteResult): object {
  switch (result.kind) {
    case 'success':
      return { metadata: {}, status: 'Success' }
    case 'exit':
      return {
        metadata: {},
        status: 'Failure',
        message: exitMessage(result.code),
        reason: 'NonZeroExitCode',
        details: { causes: [{ reason: 'ExitCode', message: String(result.code) }] },
      }
    case 'failure':
      return {
        metadata: {},
        status: 'Failure',
        message: `Internal error occurred: ${result.message}`,
        reason: 'InternalError',
        details: { causes: [{ message: result.message }] },
        code: 500,
      }
  }
}

function exitMessage(code: number): string {
  return `command terminated with non-zero exit code: exit status ${code}`
}
