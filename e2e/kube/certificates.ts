// SPDX-License-Identifier: Apache-2.0
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../images/command.ts'

/** PEM files of one identity. */
export interface Identity {
  readonly certFile: string
  readonly keyFile: string
}

/** Whom a certificate names. Kubernetes reads the user from the common name and the groups from the organization. */
export interface Subject {
  readonly commonName: string
  readonly organization?: string
  /** `IP:127.0.0.1,DNS:localhost`: with it the certificate serves, too. */
  readonly alternativeNames?: string
}

const DAYS = '2'

/** A certificate authority of one cluster, and what it signed, in one directory. Made by openssl. */
export class Authority {
  readonly certFile: string
  readonly #keyFile: string
  readonly #directory: string

  private constructor(directory: string) {
    this.#directory = directory
    this.certFile = join(directory, 'ca.crt')
    this.#keyFile = join(directory, 'ca.key')
  }

  /** Makes a new authority in a new directory. */
  static async create(directory: string): Promise<Authority> {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const authority = new Authority(directory)
    await newKey(authority.#keyFile)
    const request = ['req', '-x509', '-new', '-days', DAYS, '-subj', '/CN=e2e-kube', '-key', authority.#keyFile]
    await runCommand('openssl', [...request, '-out', authority.certFile])
    return authority
  }

  /** Signs a certificate; it stands in `<name>.crt` beside its key. */
  async issue(name: string, subject: Subject): Promise<Identity> {
    const path = (extension: string): string => join(this.#directory, `${name}.${extension}`)
    const identity = { certFile: path('crt'), keyFile: path('key') }
    await newKey(identity.keyFile)
    await writeFile(path('ext'), extensions(subject))
    const organization = subject.organization === undefined ? '' : `/O=${subject.organization}`
    const named = ['-subj', `${organization}/CN=${subject.commonName}`]
    await runCommand('openssl', ['req', '-new', '-key', identity.keyFile, ...named, '-out', path('csr')])
    const signer = ['-CA', this.certFile, '-CAkey', this.#keyFile, '-CAcreateserial', '-days', DAYS]
    const request = ['x509', '-req', '-in', path('csr'), '-extfile', path('ext')]
    await runCommand('openssl', [...request, ...signer, '-out', identity.certFile])
    return identity
  }

  /** A key pair without a certificate, as service accounts are signed with. */
  async keyPair(name: string): Promise<{ readonly privateFile: string; readonly publicFile: string }> {
    const files = {
      privateFile: join(this.#directory, `${name}.key`),
      publicFile: join(this.#directory, `${name}.pub`),
    }
    await newKey(files.privateFile)
    await runCommand('openssl', ['pkey', '-in', files.privateFile, '-pubout', '-out', files.publicFile])
    return files
  }

  /** Writes a kubeconfig for `identity`; returns its path. */
  async kubeconfig(name: string, identity: Identity, server: string): Promise<string> {
    const base64 = async (file: string): Promise<string> => (await readFile(file)).toString('base64')
    const cluster = { server, 'certificate-authority-data': await base64(this.certFile) }
    const user = {
      'client-certificate-data': await base64(identity.certFile),
      'client-key-data': await base64(identity.keyFile),
    }
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'e2e', cluster }],
      users: [{ name, user }],
      contexts: [{ name: 'e2e', context: { cluster: 'e2e', user: name } }],
      'current-context': 'e2e',
    }
    const path = join(this.#directory, `${name}.kubeconfig`)
    await writeFile(path, JSON.stringify(config), { mode: 0o600 })
    return path
  }
}

/** Elliptic curves: a 2048 bit RSA key costs a tenth of a second and more each. */
async function newKey(path: string): Promise<void> {
  await runCommand('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', path])
}

function extensions({ alternativeNames }: Subject): string {
  const usage = alternativeNames === undefined ? 'clientAuth' : 'serverAuth,clientAuth'
  const lines = [
    'basicConstraints=critical,CA:FALSE',
    'keyUsage=critical,digitalSignature',
    `extendedKeyUsage=${usage}`,
  ]
  if (alternativeNames !== undefined) lines.push(`subjectAltName=${alternativeNames}`)
  return `${lines.join('\n')}\n`
}
