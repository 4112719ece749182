/**
 * Who witnesses: every provider whose newest record names a witness key, for the operator of the invite that let it in, where the first
 * admins let that operator witness (core/open/log/heads/witness-rule.ts). Invariants:
 * - providers, invites and votes are proven complete by the map, so nobody is left out to lower the quorum; and the map is one that
 *   the witnesses known so far have signed, so the set changes only with their consent.
 * - an admin's invite or vote counts by his device's signature, checked from the genesis on: neither the tracker nor the
 *   witnesses of the moment can make anybody a witness.
 */
import { equalBytes, toHex } from '../../../core/open/bytes.ts'
import { UntrustedError } from '../../../core/open/errors.ts'
import { peerId } from '../../../core/open/hash.ts'
import type { Witness } from '../../../core/open/log/heads/cosignature.ts'
import { ENTRY_KIND } from '../../../core/open/log/entry.ts'
import { POLICY, mapPolicies, mapPolicy } from '../../../core/open/log/map/map-key.ts'
import type { Vote, WitnessStanding } from '../../../core/open/log/heads/witness-rule.ts'
import { isAdmin, isCounted, witnessStanding } from '../../../core/open/log/heads/witness-rule.ts'
import { providerInviteCodec, providerRecordCodec } from '../../../core/open/objects/provider-record.ts'
import { witnessVoteCodec } from '../../../core/open/objects/witness-vote.ts'
import type { Primitives } from '../../../core/open/primitives.ts'
import { AdminDevices } from './admin-devices.ts'
import type { ProvenEntry } from '../map-query.ts'

/** A provider that names a witness key, and whether that counts. */
export interface StandingWitness extends Witness {
  /** Id and name of the provider. */
  readonly provider: Uint8Array
  readonly name: string
  /** Member id of whoever let it in. */
  readonly inviter: Uint8Array
  readonly standing: WitnessStanding
}

/** An admin's newest vote on one operator. */
export interface ProvenVote extends Vote {
  readonly operator: Uint8Array
  readonly seq: number
}

export interface WitnessSet {
  readonly all: readonly StandingWitness[]
  /** Those of them that count. */
  readonly counted: readonly Witness[]
  readonly votes: readonly ProvenVote[]
}

/** The lists of the map that decide it. */
export function witnessPrefixes(primitives: Primitives, genesis: Uint8Array): Uint8Array[] {
  const policies = [POLICY.provider, POLICY.providerInvite, POLICY.witnessVote]
  return [
    ...policies.map((policy) => mapPolicies(primitives, policy)),
    ...AdminDevices.prefixes(primitives, genesis),
  ]
}

/** The set that these lists make; throws UntrustedError for lists that can't be a map's, or a signature that isn't the admin's. */
export function witnessesOf(
  primitives: Primitives,
  pool: { readonly pool: Uint8Array; readonly genesis: Uint8Array },
  found: readonly ProvenEntry[],
): WitnessSet {
  const devices = new AdminDevices(primitives, pool, found)
  const votes = votesOf(primitives, devices, found)
  const invites = new Map<string, ProvenEntry>()
  for (const one of found)
    if (one.entry.kind === ENTRY_KIND.providerInvite) {
      const { invite } = providerInviteCodec.decode(one.entry.body)
      requireKey(one.key, mapPolicy(primitives, POLICY.providerInvite, invite))
      invites.set(toHex(invite), one)
    }
  const all: StandingWitness[] = []
  for (const { key, entry } of found) {
    if (entry.kind !== ENTRY_KIND.providerRecord) continue
    const record = providerRecordCodec.decode(entry.body)
    const provider = peerId(primitives, record.net)
    requireKey(key, mapPolicy(primitives, POLICY.provider, provider))
    if (record.witness === undefined) continue
    const invited = invites.get(toHex(record.invite))
    if (invited === undefined) throw new UntrustedError('a provider is in the map without its invite')
    const claimed = providerInviteCodec.decode(invited.entry.body)
    const { operator, member: inviter } = isAdmin(devices.admins, claimed.member)
      ? devices.open('provider-invite', providerInviteCodec, invited.entry, claimed)
      : claimed
    const own = votes.filter((vote) => equalBytes(vote.operator, operator))
    const standing = witnessStanding(devices.admins, inviter, own)
    all.push({ operator, key: record.witness, provider, name: record.name, inviter, standing })
  }
  const counted = all
    .filter(({ standing }) => isCounted(standing))
    .map(({ operator, key }) => ({ operator, key }))
  return { all, counted, votes }
}

function votesOf(primitives: Primitives, devices: AdminDevices, found: readonly ProvenEntry[]): ProvenVote[] {
  const votes: ProvenVote[] = []
  for (const { key, entry } of found) {
    if (entry.kind !== ENTRY_KIND.witnessVote) continue
    const claimed = witnessVoteCodec.decode(entry.body)
    const { operator, member, approved, seq } = devices.open('witness-vote', witnessVoteCodec, entry, claimed)
    requireKey(key, mapPolicy(primitives, POLICY.witnessVote, operator, member))
    votes.push({ operator, admin: member, approved, seq })
  }
  return votes
}

function requireKey(key: Uint8Array, wanted: Uint8Array): void {
  if (!equalBytes(key, wanted)) throw new UntrustedError('the map names an entry of something else')
}
