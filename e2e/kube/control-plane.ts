// SPDX-License-Identifier: Apache-2.0
import { mkdir, readFile } from 'node:fs/promises'
import { get } from 'node:https'
import { join } from 'node:path'
import { KubeApi } from './api.ts'
import { Authority, type Identity } from './certificates.ts'
import { Component, freePort } from './component.ts'

/** Where everything of a control plane is; all of it listens on loopback alone. */
export interface ControlPlaneFiles {
  readonly directory: string
  readonly authority: Authority
  /** For kubectl, as an administrator. */
  readonly adminKubeconfig: string
  readonly server: string
  readonly admin: Identity
}

const SERVICE_RANGE = '10.96.0.0/16'

/** etcd, API server, controllers and scheduler of one cluster, in one private directory. */
export class ControlPlane {
  readonly files: ControlPlaneFiles
  readonly api: KubeApi
  /** In the order in which they are started. */
  readonly #components: readonly Component[]

  private constructor(files: ControlPlaneFiles, api: KubeApi, components: readonly Component[]) {
    this.files = files
    this.api = api
    this.#components = components
  }

  /** Starts all of it; ready when the API server is and the controllers have made the first service account. */
  static async start(directory: string): Promise<ControlPlane> {
    await mkdir(directory, { recursive: true })
    const authority = await Authority.create(join(directory, 'pki'))
    const server = `https://127.0.0.1:${await freePort()}`
    const admin = await authority.issue('admin', { commonName: 'admin', organization: 'system:masters' })
    const adminKubeconfig = await authority.kubeconfig('admin', admin, server)
    const files = { directory, authority, adminKubeconfig, server, admin }
    const api = await KubeApi.create(server, admin, authority.certFile)
    const etcdUrl = `http://127.0.0.1:${await freePort()}`
    const components = [await etcd(files, etcdUrl), await apiServer(files, etcdUrl, api), ...(await controllers(files))]
    const plane = new ControlPlane(files, api, components)
    try {
      for (const component of components) await component.start()
    } catch (error) {
      await plane.stop()
      throw error
    }
    return plane
  }

  /** Ends all of it, the last started first. */
  async stop(): Promise<void> {
    this.api.close()
    for (const component of this.#components.toReversed()) await component.stop()
  }
}

async function etcd({ directory }: ControlPlaneFiles, url: string): Promise<Component> {
  const peers = `http://127.0.0.1:${await freePort()}`
  return new Component({
    program: 'etcd',
    directory,
    args: [
      `--data-dir=${join(directory, 'etcd')}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peers}`,
      `--initial-advertise-peer-urls=${peers}`,
      `--initial-cluster=default=${peers}`,
      // A cluster that lives for minutes need not survive a power cut.
      '--unsafe-no-fsync',
      '--log-level=warn',
    ],
    isReady: async () => (await fetch(`${url}/health`)).ok,
  })
}

async function apiServer(files: ControlPlaneFiles, etcdUrl: string, api: KubeApi): Promise<Component> {
  const { authority, directory } = files
  const serving = await authority.issue('apiserver', {
    commonName: 'kube-apiserver',
    alternativeNames: 'IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc',
  })
  const toKubelet = await authority.issue('apiserver-kubelet', {
    commonName: 'kube-apiserver-kubelet-client',
    organization: 'system:masters',
  })
  const accounts = await authority.keyPair('service-accounts')
  return new Component({
    program: 'kube-apiserver',
    directory,
    args: [
      `--etcd-servers=${etcdUrl}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${new URL(files.server).port}`,
      '--advertise-address=127.0.0.1',
      // An endpoint may not be a loopback address, and no pod of ours looks for the API server.
      '--endpoint-reconciler-type=none',
      ...served(serving),
      `--client-ca-file=${authority.certFile}`,
      `--kubelet-client-certificate=${toKubelet.certFile}`,
      `--kubelet-client-key=${toKubelet.keyFile}`,
      `--kubelet-certificate-authority=${authority.certFile}`,
      '--kubelet-preferred-address-types=InternalIP',
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-signing-key-file=${accounts.privateFile}`,
      `--service-account-key-file=${accounts.publicFile}`,
      `--service-cluster-ip-range=${SERVICE_RANGE}`,
      '--allow-privileged=true',
      '--profiling=false',
      `--cert-dir=${join(directory, 'apiserver')}`,
    ],
    isReady: async () => (await api.text('/readyz')) === 'ok',
  })
}

async function controllers(files: ControlPlaneFiles): Promise<Component[]> {
  const { authority, directory, server } = files
  const managerIdentity = await authority.issue('controllers', { commonName: 'system:kube-controller-manager' })
  const schedulerIdentity = await authority.issue('scheduler', { commonName: 'system:kube-scheduler' })
  const ca = await readFile(authority.certFile)
  const ports = [await freePort(), await freePort()] as const
  const serving = await authority.issue('controllers-serving', {
    commonName: 'controllers',
    alternativeNames: 'IP:127.0.0.1',
  })
  const common = (port: number): string[] => [
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    ...served(serving),
    '--leader-elect=false',
  ]
  const manager = new Component({
    program: 'kube-controller-manager',
    directory,
    args: [
      `--kubeconfig=${await authority.kubeconfig('controllers', managerIdentity, server)}`,
      ...common(ports[0]),
      `--service-account-private-key-file=${join(directory, 'pki/service-accounts.key')}`,
      `--root-ca-file=${authority.certFile}`,
      '--use-service-account-credentials=true',
      '--profiling=false',
    ],
    isReady: () => answers(ports[0], ca),
  })
  const scheduler = new Component({
    program: 'kube-scheduler',
    directory,
    args: [`--kubeconfig=${await authority.kubeconfig('scheduler', schedulerIdentity, server)}`, ...common(ports[1])],
    isReady: () => answers(ports[1], ca),
  })
  return [manager, scheduler]
}

function served({ certFile, keyFile }: Identity): string[] {
  return [`--tls-cert-file=${certFile}`, `--tls-private-key-file=${keyFile}`]
}

/** Health checks of the controllers are open to everyone. */
function answers(port: number, ca: Buffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/healthz', ca }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    }).on('error', reject)
  })
}
