/**
 * Who witnesses: every provider whose newest record names a witness key, for the operator of the invite that let it in. Both lists
 * are proven complete by the map, so nobody is left out to lower the quorum; and the map is one that the witnesses known so far
 * have signed, so the set changes only with their consent.
 */
import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import { peerId } from '../../core/open/hash.ts'
import type { Witness } from '../../core/open/log/cosignature.ts'
import { ENTRY_KIND } from '../../core/open/log/entry.ts'
import { POLICY, mapPolicies, mapPolicy } from '../../core/open/log/map-key.ts'
import { providerInviteCodec, providerRecordCodec } from '../../core/open/objects/provider-record.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { ProvenEntry } from './map-query.ts'

/** The lists of the map that decide it. */
export function witnessPrefixes(primitives: Primitives): Uint8Array[] {
  return [mapPolicies(primitives, POLICY.provider), mapPolicies(primitives, POLICY.providerInvite)]
}

export function witnessesOf(primitives: Primitives, found: readonly ProvenEntry[]): Witness[] {
  const operators = new Map<string, Uint8Array>()
  for (const { key, entry } of found) {
    if (entry.kind !== ENTRY_KIND.providerInvite) continue
    const { invite, operator } = providerInviteCodec.decode(entry.body)
    requireKey(key, mapPolicy(primitives, POLICY.providerInvite, invite))
    operators.set(toHex(invite), operator)
  }
  const witnesses: Witness[] = []
  for (const { key, entry } of found) {
    if (entry.kind !== ENTRY_KIND.providerRecord) continue
    const record = providerRecordCodec.decode(entry.body)
    requireKey(key, mapPolicy(primitives, POLICY.provider, peerId(primitives, record.net)))
    if (record.witness === undefined) continue
    const operator = operators.get(toHex(record.invite))
    if (operator === undefined) throw new UntrustedError('a provider is in the map without its invite')
    witnesses.push({ operator, key: record.witness })
  }
  return witnesses
}

function requireKey(key: Uint8Array, wanted: Uint8Array): void {
  if (!equalBytes(key, wanted)) throw new UntrustedError('the map names an entry of something else')
}
