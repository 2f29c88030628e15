// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto'
import type { ReleaseContents } from './contents.ts'
import type { LockedPackage } from './packages.ts'

/** What is in a release and is no npm package: linked in, or of its own. */
export interface LinkedPackage {
  readonly name: string
  readonly version: string
  readonly license: string
  /** https://github.com/package-url/purl-spec */
  readonly purl: string
  /** The file of the release that it is linked into; absent where it stands beside the release. */
  readonly within?: string
}

/** What a bill of materials is made from. */
export interface SbomInput {
  readonly contents: ReleaseContents
  readonly linked: readonly LinkedPackage[]
  /** SHA-1 of each file by its path: what SPDX 2.3 (§8.4) asks for beside better ones. */
  readonly sha1: ReadonlyMap<string, string>
  /** Digest of the manifest: two releases that differ have documents of different names. */
  readonly digest: string
  /** Seconds since the epoch. */
  readonly created: number
}

const DOCUMENT = 'SPDXRef-DOCUMENT'
const RELEASE = 'SPDXRef-Package-gantry'
const NOT_LOOKED_AT = { downloadLocation: 'NOASSERTION', copyrightText: 'NOASSERTION', licenseConcluded: 'NOASSERTION' }

/** A bill of materials as SPDX 2.3 JSON: each file with its digest, each package with its origin and license. */
export function makeSbom({ contents, linked, sha1, digest, created }: SbomInput): object {
  const { manifest, packages } = contents
  const name = `gantry-${manifest.version}-linux-${manifest.architecture}`
  const owners = packages.map((locked) => ({ locked, id: packageId(locked.path) }))
  const files = manifest.files.map(({ path, sha256 }) => ({
    path,
    sha256,
    sha1: sha1.get(path) ?? '',
    id: `SPDXRef-File-${spdxName(path)}`,
    owner: ownerOf(path, packages),
  }))
  const analysis = (id: string) => analyzed(files.filter(({ owner }) => owner === id).map((file) => file.sha1))
  const linkedIds = linked.map((one) => ({ one, id: packageId(`linked/${one.name}`) }))
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: DOCUMENT,
    name,
    documentNamespace: `https://spdx.org/spdxdocs/${name}-${digest.replace('sha256:', '').slice(0, 32)}`,
    creationInfo: {
      created: new Date(created * 1000).toISOString().replace('.000Z', 'Z'),
      creators: [`Tool: gantry-release-${manifest.version}`],
    },
    documentDescribes: [RELEASE],
    packages: [
      { ...releasePackage(manifest.version), ...analysis(RELEASE) },
      ...owners.map(({ locked, id }) => ({ ...npmPackage(locked, id), ...analysis(id) })),
      ...linkedIds.map(({ one, id }) => linkedPackage(one, id)),
    ],
    files: files.map((file) => ({
      fileName: `./${file.path}`,
      SPDXID: file.id,
      checksums: [
        { algorithm: 'SHA1', checksumValue: file.sha1 },
        { algorithm: 'SHA256', checksumValue: file.sha256 },
      ],
      licenseConcluded: 'NOASSERTION',
      copyrightText: 'NOASSERTION',
    })),
    relationships: [
      relationship(DOCUMENT, 'DESCRIBES', RELEASE),
      ...owners.map(({ id }) => relationship(RELEASE, 'DEPENDS_ON', id)),
      ...files.map(({ owner, id }) => relationship(owner, 'CONTAINS', id)),
      ...linkedIds.map(({ one, id }) =>
        one.within === undefined
          ? relationship(RELEASE, 'DEPENDS_ON', id)
          : relationship(`SPDXRef-File-${spdxName(one.within)}`, 'STATIC_LINK', id),
      ),
    ],
  }
}

function releasePackage(version: string): object {
  return {
    ...NOT_LOOKED_AT,
    name: 'gantry',
    SPDXID: RELEASE,
    versionInfo: version,
    licenseDeclared: 'Apache-2.0',
    primaryPackagePurpose: 'APPLICATION',
  }
}

/** §7.8 and §7.9: the code is made of the sorted digests of the files that a package contains. */
function analyzed(sha1s: readonly string[]): object {
  if (sha1s.length === 0) return { filesAnalyzed: false }
  const code = createHash('sha1')
    .update([...sha1s].sort().join(''))
    .digest('hex')
  return { filesAnalyzed: true, packageVerificationCode: { packageVerificationCodeValue: code } }
}

function npmPackage({ name, version, license, integrity }: LockedPackage, id: string): object {
  const [, digest = ''] = integrity.split('-', 2)
  return {
    ...NOT_LOOKED_AT,
    name,
    SPDXID: id,
    versionInfo: version,
    licenseDeclared: license,
    checksums: [{ algorithm: 'SHA512', checksumValue: Buffer.from(digest, 'base64').toString('hex') }],
    externalRefs: [purlOf(`pkg:npm/${name.replace('@', '%40')}@${version}`)],
  }
}

function linkedPackage({ name, version, license, purl }: LinkedPackage, id: string): object {
  return {
    ...NOT_LOOKED_AT,
    name,
    SPDXID: id,
    versionInfo: version,
    filesAnalyzed: false,
    licenseDeclared: license,
    externalRefs: [purlOf(purl)],
  }
}

function purlOf(locator: string): object {
  return { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: locator }
}

function relationship(from: string, relationshipType: string, to: string): object {
  return { spdxElementId: from, relationshipType, relatedSpdxElement: to }
}

/** The package that a file came with: the one whose place is the longest beginning of the file's path. */
function ownerOf(path: string, packages: readonly LockedPackage[]): string {
  const owners = packages.filter((locked) => path.startsWith(`${locked.path}/`))
  const nearest = owners.sort((a, b) => b.path.length - a.path.length)[0]
  return nearest === undefined ? RELEASE : packageId(nearest.path)
}

function packageId(path: string): string {
  return `SPDXRef-Package-${spdxName(path)}`
}

// SPDX 2.3, §7.2: letters, digits, dots and hyphens. What is none of them is spelled, so that no two names become one.
function spdxName(text: string): string {
  return text.replace(/[^a-zA-Z0-9-]/g, (character) => `.${character.charCodeAt(0).toString(16)}.`)
}
