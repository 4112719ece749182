/** Who witnesses, who waits for the admins' word, and the vote by which an admin gives it. */
import { equalBytes, fromHex, toHex } from '../../../core/open/bytes.ts'
import {
  ConflictError,
  DeniedError,
  NotFoundError,
  UntrustedError,
  UsageError,
} from '../../../core/open/errors.ts'
import { ENTRY_KIND } from '../../../core/open/log/entry.ts'
import { mapName, mapRecord } from '../../../core/open/log/map/map-key.ts'
import { quorumOf } from '../../../core/open/log/heads/quorum.ts'
import type { WitnessStanding } from '../../../core/open/log/heads/witness-rule.ts'
import { isAdmin } from '../../../core/open/log/heads/witness-rule.ts'
import { genesisCodec, memberIdOf, memberRecordCodec } from '../../../core/open/objects/identity.ts'
import { signObject } from '../../../core/open/objects/signed.ts'
import { ID_BYTES, SUITE } from '../../../core/open/objects/suite.ts'
import { witnessVoteCodec } from '../../../core/open/objects/witness-vote.ts'
import { voteOnWitness } from '../../../core/open/protocol/log-methods.ts'
import type { Client } from '../../client.ts'
import type { WitnessSet } from './witness-set.ts'
import { witnessPrefixes, witnessesOf } from './witness-set.ts'

export interface WitnessReport {
  /** Each provider that names a cosigning key. */
  readonly witnesses: readonly {
    readonly operator: Uint8Array
    /** The operator's name, where it is a member. */
    readonly member?: string
    readonly provider: Uint8Array
    readonly name: string
    readonly standing: WitnessStanding
    /** It belongs to who runs the log, and never counts. */
    readonly runsLog: boolean
    /** Admins who have voted for and against the operator. */
    readonly votes: { readonly approved: number; readonly withdrawn: number }
  }[]
  readonly admins: number
  /** Operators that count, and how many of them make a quorum; 0: fewer than three, the pool is unwitnessed. */
  readonly operators: number
  readonly quorum: number
}

/** The witnesses as the map proves them. */
export async function witnessReport(client: Client): Promise<WitnessReport> {
  const { admins } = genesisCodec.decode(client.identity.genesis)
  const set = await provenSet(client)
  const names = await memberNames(
    client,
    set.all.map(({ operator }) => operator),
  )
  const { tracker } = await client.log.pins()
  const { operators, needed } = quorumOf(set.counted, tracker)
  return {
    witnesses: set.all.map(({ operator, provider, name, standing }) => {
      const member = names.get(toHex(operator))
      const votes = set.votes.filter((vote) => equalBytes(vote.operator, operator))
      const approved = votes.filter((vote) => vote.approved).length
      return {
        operator,
        ...(member === undefined ? {} : { member }),
        provider,
        name,
        standing,
        runsLog: equalBytes(operator, tracker),
        votes: { approved, withdrawn: votes.length - approved },
      }
    }),
    admins: admins.length,
    operators,
    quorum: needed,
  }
}

/** Operators that wait for the admins: members' names, or ids in hexadecimal. */
export async function waitingOperators(client: Client): Promise<string[]> {
  const { witnesses } = await witnessReport(client)
  const waiting = witnesses.filter(({ standing, runsLog }) => standing === 'waiting' && !runsLog)
  return [...new Set(waiting.map(({ member, operator }) => member ?? toHex(operator)))]
}

export interface VoteResult {
  readonly operator: Uint8Array
  readonly approved: boolean
  /** False where this admin had said the same before. */
  readonly isNew: boolean
  /** Of so many first admins, so many say the same now; more than half decide. Absent where that can't be proven now. */
  readonly admins: number
  readonly agreeing?: number
}

/**
 * Votes, as a first admin, that an operator's witnesses shall count, or no longer. `who` is an operator's id, a member's name, or a
 * provider's id or name; an id alone does while no quorum confirms the log: that is when dead witnesses are withdrawn.
 *
 * @throws DeniedError for who is no first admin; NotFoundError; UsageError for a name that two operators answer to.
 */
export async function voteFor(client: Client, who: string, approved: boolean): Promise<VoteResult> {
  const { member, genesis } = client.identity
  const { admins } = genesisCodec.decode(genesis)
  if (!isAdmin(admins, member)) throw new DeniedError('only a first admin of the pool says who may witness')
  let set: WitnessSet
  try {
    set = await provenSet(client)
  } catch (error) {
    const operator = fromHex(who)
    const isQuorum = error instanceof UntrustedError && error.facts['needed'] !== undefined
    if (!isQuorum || operator?.length !== ID_BYTES) throw error
    await castUnproven(client, operator, approved)
    return { operator, approved, isNew: true, admins: admins.length }
  }
  const operator = await operatorOf(client, set, who)
  const votes = set.votes.filter((vote) => equalBytes(vote.operator, operator))
  const own = votes.find(({ admin }) => equalBytes(admin, member))
  const isNew = own?.approved !== approved
  if (isNew) await cast(client, operator, approved, (own?.seq ?? 0) + 1)
  const others = votes.filter((vote) => vote !== own && vote.approved === approved)
  return { operator, approved, isNew, admins: admins.length, agreeing: others.length + 1 }
}

async function cast(
  { identity, primitives, tracker }: Client,
  operator: Uint8Array,
  approved: boolean,
  seq: number,
): Promise<void> {
  const { member, device, pool } = identity
  const vote = signObject(primitives, 'witness-vote', pool, device.signSeed, witnessVoteCodec, {
    suite: SUITE,
    operator,
    approved,
    seq,
    member,
    device: device.deviceId,
  })
  await tracker.call(voteOnWitness, { vote })
}

/** The tracker says which vote was the last: a wrong number makes this one void, no more. */
async function castUnproven(client: Client, operator: Uint8Array, approved: boolean): Promise<void> {
  try {
    await cast(client, operator, approved, 1)
  } catch (error) {
    const last = error instanceof ConflictError ? error.facts['seq'] : undefined
    if (typeof last !== 'number') throw error
    await cast(client, operator, approved, last + 1)
  }
}

async function provenSet({ log, primitives, identity }: Client): Promise<WitnessSet> {
  const prefixes = witnessPrefixes(primitives, identity.genesis)
  // A vote that was just cast is shown too.
  const { found } = await log.prove({ points: [], prefixes, covers: await log.size() })
  return witnessesOf(primitives, identity, found)
}

/** A provider may bear any name, another operator's too: what isn't one operator alone is refused. */
async function operatorOf(client: Client, set: WitnessSet, who: string): Promise<Uint8Array> {
  const found = new Map<string, Uint8Array>()
  for (const { operator, provider, name } of set.all)
    if (name === who || [toHex(operator), toHex(provider)].includes(who.toLowerCase()))
      found.set(toHex(operator), operator)
  const member = await memberNamed(client, who)
  if (member !== undefined) found.set(toHex(member), member)
  const bytes = fromHex(who)
  if (found.size === 0 && bytes?.length === ID_BYTES) found.set(who, bytes)
  const [operator, ...others] = found.values()
  if (operator === undefined)
    throw new NotFoundError(`${who} is no operator, member or provider that witnesses`, { who })
  if (others.length > 0)
    throw new UsageError(`${who} names several operators: say which by its id`, { operators: found.size })
  return operator
}

async function memberNamed({ log, primitives }: Client, name: string): Promise<Uint8Array | undefined> {
  const { found } = await log.prove({ points: [mapName(primitives, name)], prefixes: [] })
  const entry = found[0]?.entry
  if (entry?.kind !== ENTRY_KIND.memberRecord) return undefined
  const record = memberRecordCodec.decode(entry.body)
  return record.name === name ? memberIdOf(primitives, record.sign) : undefined
}

/** Names of those ids that are members'. */
async function memberNames(
  { log, primitives }: Client,
  ids: readonly Uint8Array[],
): Promise<Map<string, string>> {
  const points = ids.map((id) => mapRecord(primitives, id))
  const names = new Map<string, string>()
  if (points.length === 0) return names
  const { found } = await log.prove({ points, prefixes: [] })
  for (const { entry } of found) {
    if (entry.kind !== ENTRY_KIND.memberRecord) continue
    const { name, sign } = memberRecordCodec.decode(entry.body)
    names.set(toHex(memberIdOf(primitives, sign)), name)
  }
  return names
}
