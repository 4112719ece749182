import { equalBytes } from '../../../core/open/bytes.ts'
import { NotFoundError } from '../../../core/open/errors.ts'
import { encodeCheckpoint } from '../../../core/open/log/heads/checkpoint.ts'
import { ENTRY_KIND, entryCodec } from '../../../core/open/log/entry.ts'
import { mapName, mapRecord } from '../../../core/open/log/map/map-key.ts'
import type { MemberRecord } from '../../../core/open/objects/identity.ts'
import { checkMemberName } from '../../../core/open/objects/identity.ts'
import { verifyMemberRecord } from '../../../core/open/objects/verify-identity.ts'
import type { Client } from '../../client.ts'
import { rememberContact } from '../../tree/confirmed-member.ts'
import { boundLedger } from './ledger-binding.ts'
import type { Proven } from '../log-reader.ts'
import type { Evidence } from '../log-evidence.ts'
import type { NameOnLedger } from './name-on-ledger.ts'
import { nameOnLedger } from './name-on-ledger.ts'

export interface NamedMember {
  readonly name: string
  /** Member id, 32 bytes. */
  readonly member: Uint8Array
  /** The newest one. */
  readonly record: MemberRecord
  readonly ledger: NameOnLedger
}

/**
 * The member behind a name, as he may be accepted: the map has the name, its holder's newest record says the same, and the ledger
 * doesn't contradict. Nothing of it is the tracker's word.
 *
 * @throws NotFoundError where the log has nobody of this name; UntrustedError, with evidence on disk, where log, map and ledger disagree.
 */
export async function memberNamed(client: Client, name: string): Promise<NamedMember> {
  checkMemberName(name)
  const { log, primitives } = client
  // Who was admitted a moment ago is found too.
  const covers = await log.size()
  const named = await log.prove({ points: [mapName(primitives, name)], prefixes: [], covers })
  const holder = await recordOf(client, named, name)
  if (holder === undefined) throw new NotFoundError(`nobody in this pool is called ${name}`)
  const { memberId: member } = holder
  const known = await log.prove({ points: [mapRecord(primitives, member)], prefixes: [], covers })
  const newest = await recordOf(client, known, name)
  if (newest === undefined || !equalBytes(newest.memberId, member))
    throw await log.mistrust(
      'the map has a name without the record of the member who holds it',
      evidenceOf(client, known),
    )
  await rememberContact(log, member, newest.record.seq)
  const ledger = await ledgerName(client, { name, member, evidence: evidenceOf(client, named) })
  return { name, member, record: newest.record, ledger }
}

/** Whether the ledger of the client's pool agrees; throws as `nameOnLedger` does. */
export async function ledgerName(
  client: Client,
  question: Parameters<typeof nameOnLedger>[2],
): Promise<NameOnLedger> {
  const { withLedger } = client
  // Where nobody can be asked, what the pool is bound to doesn't matter.
  const chain = withLedger === undefined ? undefined : await boundLedger(client)
  const { parts } = client.log
  return nameOnLedger({ parts, withLedger }, chain, question)
}

type Verified = ReturnType<typeof verifyMemberRecord>

/** The record that was proven at the one key that was asked; undefined for none. */
async function recordOf(client: Client, proven: Proven, name: string): Promise<Verified | undefined> {
  const { log, primitives, identity } = client
  const [found] = proven.found
  if (found === undefined) return undefined
  const { kind, body, signatures } = found.entry
  const verified =
    kind === ENTRY_KIND.memberRecord
      ? verifyMemberRecord(primitives, identity.pool, [body, signatures])
      : undefined
  if (verified?.record.name !== name)
    throw await log.mistrust(
      'the map has another entry under a name than its member’s record',
      evidenceOf(client, proven),
    )
  return verified
}

function evidenceOf({ log, primitives }: Client, { view, found, proof }: Proven): Partial<Evidence> {
  return {
    served: encodeCheckpoint(primitives, log.identity, view.checkpoint),
    proof,
    keys: found.map(({ key }) => key),
    entries: found.map(({ entry }) => entryCodec.encode(entry)),
  }
}
