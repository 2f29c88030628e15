// SPDX-License-Identifier: Apache-2.0
import { type LinuxContainerSecurityContext, SupplementalGroupsPolicy } from '../../cri-proto/index.ts'
import { invalidField } from './invalid-field.ts'

/** 2³² − 1 stands for "no id" in every system call. */
const MAX_ID = 0xffff_fffe

export interface UserInput {
  readonly runAsUser?: bigint | undefined
  readonly runAsUsername: string
  readonly runAsGroup?: bigint | undefined
  readonly supplementalGroups: readonly bigint[]
  readonly policy: SupplementalGroupsPolicy
  /** `User` of the image: `""`, `user`, `uid`, `user:group`, … */
  readonly imageUser: string
  /** The image's /etc/passwd and /etc/group; absent where the image has none. */
  readonly passwdText?: string | undefined
  readonly groupText?: string | undefined
}

export interface ResolvedUser {
  readonly uid: number
  readonly gid: number
  /** The primary group first, no group twice. */
  readonly additionalGids: readonly number[]
  /** From /etc/passwd; `/` for a user that is not in it. */
  readonly home: string
}

/** The part of {@link UserInput} that the request gives. */
export function requestedUser(context: LinuxContainerSecurityContext | undefined): Omit<UserInput, 'imageUser'> {
  return {
    runAsUser: context?.runAsUser?.value,
    runAsUsername: context?.runAsUsername ?? '',
    runAsGroup: context?.runAsGroup?.value,
    supplementalGroups: context?.supplementalGroups ?? [],
    policy: context?.supplementalGroupsPolicy ?? SupplementalGroupsPolicy.Merge,
  }
}

/**
 * Who the process runs as: the request's user, else the image's, else root (CRI, LinuxContainerSecurityContext).
 * A numeric user without an entry in /etc/passwd has group 0, home `/`.
 *
 * @throws GantryError invalid_argument for a group without a user, a uid beside a user name, an id out of range, a name
 * that is not in the image's files, and for an image `User` that is none.
 */
export function resolveUser(input: UserInput): ResolvedUser {
  const request = userAndGroup(input)
  const passwd = parsePasswd(input.passwdText ?? '')
  const groups = parseGroups(input.groupText ?? '')

  const entry = findUser(request, passwd)
  const uid = entry?.uid ?? request.uid ?? 0
  const gid = request.gid ?? findGroup(request, groups) ?? entry?.gid ?? 0
  const gids = new Set([gid])
  if (input.policy === SupplementalGroupsPolicy.Merge) {
    for (const member of membershipsOf(request.name ?? entry?.name, groups)) gids.add(member)
  } else if (input.policy !== SupplementalGroupsPolicy.Strict) {
    throw invalidField('config.linux.security_context.supplemental_groups_policy', input.policy, 'Merge or Strict')
  }
  for (const group of input.supplementalGroups) {
    gids.add(checkId('config.linux.security_context.supplemental_groups', group))
  }
  return { uid, gid, additionalGids: [...gids], home: entry?.home || '/' }
}

/** What was asked for; of `uid` and `name`, and of `gid` and `group`, at most one is set. */
interface Wanted {
  readonly uid?: number
  readonly name?: string
  readonly gid?: number
  readonly group?: string
  readonly userField: string
  readonly groupField: string
}

function userAndGroup(input: UserInput): Wanted {
  const field = 'config.linux.security_context'
  const { runAsUser, runAsUsername, runAsGroup } = input
  if (runAsUser !== undefined && runAsUsername !== '') {
    throw invalidField(`${field}.run_as_username`, runAsUsername, 'none beside run_as_user')
  }
  if (runAsUser === undefined && runAsUsername === '') {
    if (runAsGroup !== undefined) {
      throw invalidField(`${field}.run_as_group`, runAsGroup, 'none without run_as_user or run_as_username')
    }
    return imageUserAndGroup(input.imageUser)
  }
  return {
    ...(runAsUser !== undefined
      ? { uid: checkId(`${field}.run_as_user`, runAsUser) }
      : nameOrId(runAsUsername, 'uid', 'name', `${field}.run_as_username`)),
    ...(runAsGroup === undefined ? {} : { gid: checkId(`${field}.run_as_group`, runAsGroup) }),
    userField: `${field}.run_as_username`,
    groupField: `${field}.run_as_group`,
  }
}

function imageUserAndGroup(imageUser: string): Wanted {
  const field = 'image.config.User'
  const [user = '', group = '', ...rest] = imageUser.split(':')
  if (rest.length > 0 || (user === '' && group !== '')) {
    throw invalidField(field, imageUser, 'user or user:group, by name or number')
  }
  return {
    ...(user === '' ? {} : nameOrId(user, 'uid', 'name', field)),
    ...(group === '' ? {} : nameOrId(group, 'gid', 'group', field)),
    userField: field,
    groupField: field,
  }
}

/** A text of digits is an id, also where a user of that name exists: as containerd reads it. */
function nameOrId<Id extends string, Name extends string>(text: string, id: Id, name: Name, field: string) {
  const found = /^\d+$/.test(text) ? { [id]: checkId(field, BigInt(text)) } : { [name]: text }
  return found as { readonly [Key in Id]?: number } & { readonly [Key in Name]?: string }
}

function checkId(field: string, value: bigint): number {
  if (value < 0n || value > MAX_ID) throw invalidField(field, value, `an id from 0 to ${MAX_ID}`)
  return Number(value)
}

interface PasswdEntry {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

interface GroupEntry {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}

function findUser({ uid, name, userField }: Wanted, passwd: readonly PasswdEntry[]): PasswdEntry | undefined {
  if (name === undefined) return passwd.find((entry) => entry.uid === (uid ?? 0))
  const entry = passwd.find((candidate) => candidate.name === name)
  if (entry === undefined) throw invalidField(userField, name, "a user of the image's /etc/passwd")
  return entry
}

function findGroup({ group, groupField }: Wanted, groups: readonly GroupEntry[]): number | undefined {
  if (group === undefined) return undefined
  const entry = groups.find((candidate) => candidate.name === group)
  if (entry === undefined) throw invalidField(groupField, group, "a group of the image's /etc/group")
  return entry.gid
}

/** The user's own group is primary, not supplemental: containerd leaves it out of the memberships. */
function membershipsOf(name: string | undefined, groups: readonly GroupEntry[]): number[] {
  if (name === undefined) return []
  return groups.filter((group) => group.name !== name && group.members.includes(name)).map((group) => group.gid)
}

/** passwd(5). The file comes from an image: lines that do not fit are skipped. */
function parsePasswd(text: string): PasswdEntry[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid, gid, , home = ''] = line.split(':')
    const ids = [parseId(uid), parseId(gid)] as const
    return name === '' || ids[0] === undefined || ids[1] === undefined
      ? []
      : [{ name, uid: ids[0], gid: ids[1], home: home.startsWith('/') ? home : '' }]
  })
}

/** group(5). */
function parseGroups(text: string): GroupEntry[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , gid, members = ''] = line.split(':')
    const id = parseId(gid)
    return name === '' || id === undefined ? [] : [{ name, gid: id, members: members.split(',') }]
  })
}

function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined
  const id = Number(text)
  return id <= MAX_ID ? id : undefined
}
