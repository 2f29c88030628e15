// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  status,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  ContainerEventResponse,
  type CriClient,
  createCriClient,
  type ExecSyncRequest,
  type ExecSyncResponse,
  type GetEventsRequest,
  ImageServiceService,
  type ListImagesRequest,
  type ListImagesResponse,
  RuntimeServiceService,
  type VersionRequest,
  type VersionResponse,
} from './index.ts'

interface Context {
  directory: string
  server: Server
  client: CriClient
  /** Resolves when the server has seen a stream or call end by cancellation. */
  cancelled: Promise<void>
}

const EVENTS = 5000

function serve(onCancelled: () => void): Server {
  const version: handleUnaryCall<VersionRequest, VersionResponse> = (call, reply) =>
    reply(null, {
      version: call.request.version,
      runtimeName: call.getHost(),
      runtimeVersion: '',
      runtimeApiVersion: 'v1',
    })
  // timeout 0 hangs until cancelled; any other gives that many MiB of output.
  const execSync: handleUnaryCall<ExecSyncRequest, ExecSyncResponse> = (call, reply) => {
    if (call.request.timeout === 0n) call.on('cancelled', onCancelled)
    else
      reply(null, {
        stdout: Buffer.alloc(Number(call.request.timeout) << 20, 7),
        stderr: Buffer.alloc(0),
        exitCode: -1,
      })
  }
  const events: handleServerStreamingCall<GetEventsRequest, ContainerEventResponse> = (call) => {
    call.on('cancelled', onCancelled)
    let next = 0
    const write = () => {
      while (next < EVENTS) {
        const event = ContainerEventResponse.fromPartial({ containerId: String(next), createdAt: BigInt(next++) })
        if (!call.write(event)) return void call.once('drain', write)
      }
      call.emit('error', { code: status.UNAVAILABLE, details: 'no more' })
    }
    write()
  }
  const listImages: handleUnaryCall<ListImagesRequest, ListImagesResponse> = (call, reply) =>
    reply({ code: status.NOT_FOUND, details: `no image "${call.request.filter?.image?.image}"` })

  const server = new Server()
  server.addService(RuntimeServiceService, handlers({ version, execSync, getContainerEvents: events }))
  server.addService(ImageServiceService, handlers({ listImages }))
  return server
}

function handlers(of: Record<string, unknown>): UntypedServiceImplementation {
  return of as Record<string, UntypedHandleCall>
}

const rpc = suite<Context>('client')

rpc.before.each(async (context) => {
  context.directory = mkdtempSync(join(tmpdir(), 'cri-proto-test-'))
  const address = `unix://${join(context.directory, 'cri.sock')}`
  context.cancelled = new Promise((resolve) => {
    context.server = serve(resolve)
  })
  await new Promise<void>((resolve, reject) => {
    context.server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    )
  })
  context.client = createCriClient(address, { defaultTimeoutMs: 5000 })
})

rpc.after.each(({ client, server, directory }) => {
  client.close()
  server.forceShutdown()
  rmSync(directory, { recursive: true })
})

async function failureOf(call: Promise<unknown>): Promise<{ code: number; details: string }> {
  try {
    await call
  } catch (error) {
    if (error instanceof Error && 'code' in error && 'details' in error) {
      return { code: Number(error.code), details: String(error.details) }
    }
    throw error
  }
  throw new Error('the call succeeded')
}

rpc('a call over the unix socket comes back, addressed to localhost', async ({ client }) => {
  await client.ready(2000)
  const answer = await client.runtime.version({ version: 'v1' })
  assert.is(answer.version, 'v1')
  assert.is(answer.runtimeName, 'localhost')
})

rpc('an answer of 15 MiB arrives, one of 17 MiB is refused', async ({ client }) => {
  const answer = await client.runtime.execSync({ containerId: 'c', timeout: 15n })
  assert.is(answer.stdout.length, 15 << 20)
  assert.is(answer.exitCode, -1)
  const failure = await failureOf(client.runtime.execSync({ containerId: 'c', timeout: 17n }))
  assert.is(failure.code, status.RESOURCE_EXHAUSTED)
})

rpc('an error of the server keeps its code and text', async ({ client }) => {
  const failure = await failureOf(client.image.listImages({ filter: { image: { ...spec('busybox') } } }))
  assert.equal(failure, { code: status.NOT_FOUND, details: 'no image "busybox"' })
})

rpc('an RPC the server does not have is UNIMPLEMENTED', async ({ client }) => {
  assert.is((await failureOf(client.runtime.status({}))).code, status.UNIMPLEMENTED)
})

rpc('a call ends at its deadline', async ({ client }) => {
  const failure = await failureOf(client.runtime.execSync({ timeout: 0n }, { timeoutMs: 50 }))
  assert.is(failure.code, status.DEADLINE_EXCEEDED)
})

rpc('an aborted call fails with CANCELLED and the server is told', async ({ client, cancelled }) => {
  const controller = new AbortController()
  const call = failureOf(client.runtime.execSync({ timeout: 0n }, { signal: controller.signal }))
  await client.runtime.version({})
  controller.abort()
  assert.is((await call).code, status.CANCELLED)
  await cancelled
})

rpc('a stream gives every item, then its error', async ({ client }) => {
  let seen = 0
  try {
    for await (const event of client.runtime.getContainerEvents({})) assert.is(event.createdAt, BigInt(seen++))
    assert.unreachable('the stream ended without its error')
  } catch (error) {
    assert.is(error instanceof Error && 'code' in error && error.code, status.UNAVAILABLE)
  }
  assert.is(seen, EVENTS)
})

rpc('leaving a stream early ends the call on the server', async ({ client, cancelled }) => {
  for await (const event of client.runtime.getContainerEvents({})) if (event.createdAt === 3n) break
  await cancelled
})

rpc('a socket nobody listens on is UNAVAILABLE', async ({ directory }) => {
  const lonely = createCriClient(`unix://${directory}/nobody.sock`, { defaultTimeoutMs: 2000 })
  assert.is((await failureOf(lonely.runtime.version({}))).code, status.UNAVAILABLE)
  lonely.close()
})

rpc('an endpoint that is no unix socket is refused', () => {
  assert.throws(() => createCriClient('localhost:80', { defaultTimeoutMs: 1 }), /expected unix:\/\/\/path/)
})

function spec(image: string) {
  return { image, annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' }
}

rpc.run()
