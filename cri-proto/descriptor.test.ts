// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { fromBinary } from '@bufbuild/protobuf'
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as generated from './index.ts'

interface FieldFact {
  readonly name: string
  readonly number: number
  readonly type: string
  readonly repeated?: boolean
  readonly map?: boolean
  readonly key_type?: string
  readonly oneof?: string
  readonly optional?: boolean
  readonly deprecated?: boolean
  readonly debug_redact?: boolean
}

interface RpcFact {
  readonly name: string
  readonly request: string
  readonly response: string
  readonly client_streaming: boolean
  readonly server_streaming: boolean
}

interface ValueFact {
  readonly name: string
  readonly number: number
}

interface Facts {
  readonly package: string
  readonly syntax: string
  readonly counts: { readonly rpcs: Record<string, number>; readonly [name: string]: unknown }
  readonly services: Record<string, readonly RpcFact[]>
  readonly messages: Record<string, { readonly fields: readonly FieldFact[] }>
  readonly enums: Record<string, { readonly values: readonly ValueFact[] }>
}

const here = import.meta.dirname
const facts: Facts = JSON.parse(readFileSync(`${here}/facts/cri-v1.json`, 'utf8'))
const files = fromBinary(FileDescriptorSetSchema, readFileSync(`${here}/generated/runtime.v1.binpb`)).file

function onlyFile(): FileDescriptorProto {
  const [file] = files
  if (file === undefined || files.length !== 1) throw new Error(`${files.length} files in the descriptor, expected 1`)
  return file
}

/** A type as the facts write it: without the package, a nested one without its message. */
function localName(typeName: string, scope: string): string {
  const name = typeName.replace(`.${facts.package}.`, '')
  return name.startsWith(`${scope}.`) ? name.slice(scope.length + 1) : name
}

function typeOf(field: FieldDescriptorProto, scope: string): string {
  if (field.type === Type.MESSAGE || field.type === Type.ENUM) return localName(field.typeName, scope)
  return (Type[field.type] ?? 'unknown').toLowerCase()
}

function mapEntry(field: FieldDescriptorProto, message: DescriptorProto): DescriptorProto | undefined {
  if (field.type !== Type.MESSAGE) return undefined
  return message.nestedType.find((nested) => nested.options?.mapEntry && field.typeName.endsWith(`.${nested.name}`))
}

/** A field of the descriptor in the shape of the facts table. */
function fieldFact(field: FieldDescriptorProto, message: DescriptorProto): FieldFact {
  const entry = mapEntry(field, message)
  const [key, value] = entry?.field ?? []
  const inOneof = Object.hasOwn(field, 'oneofIndex') && !field.proto3Optional
  return {
    name: field.name,
    number: field.number,
    type: value === undefined ? typeOf(field, message.name) : typeOf(value, message.name),
    ...(key === undefined ? {} : { map: true, key_type: typeOf(key, message.name) }),
    ...(field.label === Label.REPEATED && entry === undefined ? { repeated: true } : {}),
    ...(inOneof ? { oneof: message.oneofDecl[field.oneofIndex]?.name ?? '' } : {}),
    ...(field.proto3Optional ? { optional: true } : {}),
    ...(field.options?.deprecated ? { deprecated: true } : {}),
    ...(field.options?.debugRedact ? { debug_redact: true } : {}),
  }
}

function valuesOf(type: EnumDescriptorProto): ValueFact[] {
  return type.value.map(({ name, number }) => ({ name, number }))
}

const file = onlyFile()

test('the .proto has the package and syntax of the interface', () => {
  assert.is(file.package, facts.package)
  assert.is(file.syntax, facts.syntax)
})

test('every message and field has the name, number, type and flags of the interface, and there is no other', () => {
  const ours = Object.fromEntries(
    file.messageType.map((message) => [
      message.name,
      { fields: message.field.map((field) => fieldFact(field, message)) },
    ]),
  )
  assert.equal(Object.keys(ours).sort(), Object.keys(facts.messages).sort())
  for (const [name, message] of Object.entries(facts.messages)) assert.equal(ours[name], message, name)
})

test('messages nest nothing but map entries and the enums of the interface', () => {
  for (const message of file.messageType) {
    for (const nested of message.nestedType) assert.ok(nested.options?.mapEntry, `${message.name}.${nested.name}`)
    for (const nested of message.enumType) assert.ok(facts.enums[`${message.name}.${nested.name}`], nested.name)
  }
})

test('every enum has the values of the interface, and there is no other', () => {
  const ours: Record<string, { values: ValueFact[] }> = {}
  for (const type of file.enumType) ours[type.name] = { values: valuesOf(type) }
  for (const message of file.messageType) {
    for (const type of message.enumType) ours[`${message.name}.${type.name}`] = { values: valuesOf(type) }
  }
  assert.equal(ours, facts.enums)
})

test('every RPC has the request, response and streaming of the interface, and there is no other', () => {
  const ours = Object.fromEntries(
    file.service.map((service) => [
      service.name,
      service.method.map((method) => ({
        name: method.name,
        request: localName(method.inputType, ''),
        response: localName(method.outputType, ''),
        client_streaming: method.clientStreaming,
        server_streaming: method.serverStreaming,
      })),
    ]),
  )
  assert.equal(ours, facts.services)
})

test('the descriptor has as many of everything as the table counts', () => {
  const enums = [...file.enumType, ...file.messageType.flatMap((message) => message.enumType)]
  const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0)
  assert.equal(
    {
      services: file.service.length,
      rpcs: Object.fromEntries(file.service.map((service) => [service.name, service.method.length])),
      messages: file.messageType.length,
      fields: sum(file.messageType.map((message) => message.field.length)),
      enums: enums.length,
      enum_values: sum(enums.map((type) => type.value.length)),
    },
    facts.counts,
  )
})

test('the committed code serves every RPC of the descriptor under its path', () => {
  const services: Record<string, Record<string, { path: string; responseStream: boolean }>> = {
    RuntimeService: generated.RuntimeServiceService,
    ImageService: generated.ImageServiceService,
  }
  for (const [name, rpcs] of Object.entries(facts.services)) {
    const paths = Object.values(services[name] ?? {}).map((method) => [method.path, method.responseStream])
    assert.equal(
      paths,
      rpcs.map((rpc) => [`/${facts.package}.${name}/${rpc.name}`, rpc.server_streaming]),
    )
  }
})

test('the committed code has a codec for every message of the descriptor', () => {
  const exported: Record<string, unknown> = { ...generated }
  for (const name of Object.keys(facts.messages)) {
    const codec = exported[name]
    assert.ok(typeof codec === 'object' && codec !== null && 'encode' in codec && 'decode' in codec, name)
  }
})

test.run()
