/** The binding of pool and ledger: signed by an admin, proven by the map, pinned. */
import { equalBytes } from '../../../core/open/bytes.ts'
import { DeniedError, NotFoundError, UntrustedError } from '../../../core/open/errors.ts'
import { ENTRY_KIND } from '../../../core/open/log/entry.ts'
import { POLICY, mapMember, mapPolicy } from '../../../core/open/log/map/map-key.ts'
import { certificateCodec, genesisCodec } from '../../../core/open/objects/identity.ts'
import { ledgerBindingCodec } from '../../../core/open/objects/ledger-binding.ts'
import { openSigned, signObject } from '../../../core/open/objects/signed.ts'
import { SUITE } from '../../../core/open/objects/suite.ts'
import { bindLedger as bindLedgerMethod, ledgerStatus } from '../../../core/open/protocol/log-methods.ts'
import type { PinnedChain } from '../../../ports/pin-store.ts'
import type { Client } from '../../client.ts'

type TrackerLedger = NonNullable<ReturnType<(typeof ledgerStatus)['response']['decode']>['ledger']>

export function sameChain(a: PinnedChain, b: PinnedChain): boolean {
  return (
    a.chainId === b.chainId &&
    equalBytes(a.directory, b.directory) &&
    equalBytes(a.codeHash, b.codeHash) &&
    equalBytes(a.anchor, b.anchor)
  )
}

/** The ledger that an admin has bound this pool to, which is pinned from then on; undefined while there is none. Throws UntrustedError. */
export async function boundLedger({ log, identity, primitives }: Client): Promise<PinnedChain | undefined> {
  const pinned = (await log.pins()).chain
  if (pinned !== undefined) return pinned
  const { found } = await log.prove({ points: [mapPolicy(primitives, POLICY.ledger)], prefixes: [] })
  const entry = found[0]?.entry
  if (entry === undefined) return undefined
  if (entry.kind !== ENTRY_KIND.ledgerBinding) throw new UntrustedError('the map names no binding as one')
  const { member, device } = ledgerBindingCodec.decode(entry.body)
  if (!genesisCodec.decode(identity.genesis).admins.some((admin) => equalBytes(admin, member)))
    throw new UntrustedError('the binding of the ledger is not an admin’s', { member })
  const devices = await log.prove({ points: [], prefixes: [mapMember(primitives, member)] })
  const certificate = devices.found
    .filter(({ entry: { kind } }) => kind === ENTRY_KIND.certificate)
    .map(({ entry: { body } }) => certificateCodec.decode(body))
    .find((one) => equalBytes(one.device, device))
  if (certificate === undefined)
    throw new UntrustedError('the binding of the ledger is signed by no device of an admin', { device })
  const { chainId, directory, codeHash, anchor } = openSigned(
    primitives,
    'ledger-binding',
    identity.pool,
    certificate.sign,
    ledgerBindingCodec,
    [entry.body, entry.signatures],
  )
  const chain = { chainId, directory, codeHash, anchor }
  await log.update((pins) => ({ ...pins, chain }))
  return chain
}

/**
 * Binds the pool to the ledger that its tracker anchors in, unless it is bound.
 *
 * @throws NotFoundError where the tracker has no ledger, or not yet; DeniedError for who is no admin.
 */
export async function bindLedger(client: Client): Promise<void> {
  if ((await boundLedger(client)) !== undefined) return
  const { identity, primitives, tracker } = client
  const { member, device, pool } = identity
  if (!genesisCodec.decode(identity.genesis).admins.some((admin) => equalBytes(admin, member)))
    throw new DeniedError('only an admin binds the pool to its ledger')
  const { chainId, directory, codeHash, anchor } = await trackerLedger(client)
  const binding = signObject(primitives, 'ledger-binding', pool, device.signSeed, ledgerBindingCodec, {
    suite: SUITE,
    chainId,
    directory,
    codeHash,
    anchor,
    member,
    device: device.deviceId,
  })
  await tracker.call(bindLedgerMethod, { binding })
}

/**
 * The ledger that the tracker says it anchors in.
 *
 * @throws NotFoundError where it has none, or not yet; UntrustedError for another than the pool is bound to.
 */
export async function trackerLedger(client: Client): Promise<TrackerLedger> {
  const { ledger, problem } = await client.tracker.call(ledgerStatus, {})
  if (ledger === undefined)
    throw new NotFoundError(`the tracker has no ledger${problem === undefined ? '' : `: ${problem}`}`)
  await requireBound(client, ledger)
  return ledger
}

/** Whether an admin has bound the pool to this ledger; throws UntrustedError when it is bound to another. */
export async function requireBound(client: Client, ledger: TrackerLedger): Promise<boolean> {
  const bound = await boundLedger(client)
  if (bound !== undefined && !sameChain(bound, ledger))
    throw await client.log.mistrust(
      'the tracker names another chain, or other contracts, than the pool is bound to',
      {},
      { chainId: ledger.chainId },
    )
  return bound !== undefined
}
