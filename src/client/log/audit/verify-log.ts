import { equalBytes } from '../../../core/open/bytes.ts'
import { UntrustedError, UsageError } from '../../../core/open/errors.ts'
import type { Checkpoint } from '../../../core/open/log/heads/checkpoint.ts'
import { encodeCheckpoint, openCheckpoint } from '../../../core/open/log/heads/checkpoint.ts'
import { forkProofFrom } from '../../../core/open/log/heads/fork-proof.ts'
import { poolIdOf } from '../../../core/open/objects/identity.ts'
import { anchoredHeads } from '../../../core/open/protocol/log-methods.ts'
import type { Primitives } from '../../../core/open/primitives.ts'
import type { Client } from '../../client.ts'
import { judged } from '../accuse.ts'
import type { AnchoredSize, LogVerdict } from './audit-log.ts'
import { LogAudit } from './audit-log.ts'
import type { BundleEntry, BundleHeader, BundleReader, Hasher } from './log-bundle.ts'
import { encodeBundle } from './log-bundle.ts'
import { readEntries } from './read-entries.ts'

/** Heads that the chain itself gave; without a chain, those of which the tracker or the log says so count. */
export type ChainHeads = readonly AnchoredSize[]

/**
 * Replays the whole log of the client's pool up to the newest verified head.
 *
 * @throws UntrustedError naming the first entry that doesn't hold, ForkedError where the chain shows another history.
 */
export async function verifyLog(client: Client, chain?: ChainHeads): Promise<LogVerdict> {
  const { log, primitives } = client
  const view = await log.view()
  const audit = new LogAudit(primitives)
  const { size } = view.checkpoint
  const entries = replayed(client, audit, view.checkpoint)
  while (!(await entries.next()).done) continue
  const anchors = chain ?? (await receipts(client))
  const { tracker } = await log.pins()
  const off = anchors.find(
    (anchor) => anchor.size <= size && !equalBytes(audit.root(anchor.size), anchor.root),
  )
  if (off !== undefined) throw await offAnchor(client, audit, off, chain !== undefined)
  const served = () => ({ served: encodeCheckpoint(primitives, log.identity, view.checkpoint) })
  return judged(log, served, () => audit.verdict(view.checkpoint, tracker, anchors))
}

/** The entries below this head, each replayed before it is given out; the first that doesn't hold is kept as evidence. */
async function* replayed(
  { log, primitives, tracker }: Client,
  audit: LogAudit,
  checkpoint: Checkpoint,
): AsyncGenerator<BundleEntry> {
  let last: Uint8Array | undefined
  const evidence = () => ({
    served: encodeCheckpoint(primitives, log.identity, checkpoint),
    entries: last === undefined ? [] : [last],
  })
  const entries = readEntries(tracker, checkpoint.size)
  for (;;) {
    const next = await judged(log, evidence, () => entries.next())
    if (next.done === true) return
    const { leaf, changes } = next.value
    last = leaf
    await judged(log, evidence, () => audit.add(leaf, changes))
    yield next.value
  }
}

/** A quorum head off the anchor is a fork proof; what only the tracker says of the ledger is no more than a contradiction. */
async function offAnchor(
  { log, primitives }: Client,
  audit: LogAudit,
  anchor: AnchoredSize,
  isFromChain: boolean,
): Promise<Error> {
  const { checkpoint } = (await log.view())!
  const heads = { served: encodeCheckpoint(primitives, log.identity, checkpoint) }
  const reason = `the head of ${anchor.size} entries on the ledger (block ${anchor.block}) is not the log's`
  if (!isFromChain) return log.mistrust(reason, heads)
  const proof = audit.consistency(anchor.size, checkpoint.size)
  const smaller = { ...anchor, blockHash: new Uint8Array(32) }
  return log.freeze(reason, heads, forkProofFrom(primitives, log.identity, smaller, checkpoint, proof))
}

async function receipts(client: Client): Promise<AnchoredSize[]> {
  const all: AnchoredSize[] = []
  for (;;) {
    const { heads } = await client.tracker.call(anchoredHeads, { from: all.length, count: 256 })
    for (const { size, root, block } of heads) all.push({ size, root, block })
    if (heads.length === 0) return all
  }
}

export interface LogExport {
  /** Ends with an error where an entry doesn't hold: what came until then is no bundle. */
  readonly bytes: AsyncIterable<Uint8Array>
  /** What it proves, once all bytes were taken. */
  verdict(): LogVerdict
}

/** A bundle of the log up to the newest verified head, replayed as it is given out; errors are those of `verifyLog`. */
export async function exportLog(client: Client, hasher: Hasher): Promise<LogExport> {
  const { log, primitives } = client
  const { checkpoint } = await log.view()
  const { tracker } = await log.pins()
  const note = encodeCheckpoint(primitives, log.identity, checkpoint)
  const anchors = (await receipts(client)).filter(({ size }) => size <= checkpoint.size)
  const header: BundleHeader = { v: 1, note, tracker, receipts: anchors }
  const audit = new LogAudit(primitives)
  let verdict: LogVerdict | undefined
  const entries = async function* (): AsyncGenerator<BundleEntry> {
    yield* replayed(client, audit, checkpoint)
    const served = () => ({ served: encodeCheckpoint(primitives, log.identity, checkpoint) })
    verdict = await judged(log, served, () => audit.verdict(checkpoint, tracker, anchors))
  }
  return {
    bytes: encodeBundle(primitives, hasher, header, entries()),
    verdict() {
      if (verdict === undefined) throw new UsageError('take all bytes of the bundle first')
      return verdict
    },
  }
}

/**
 * Replays a bundle. `pool` is the pool that it must be of, where the caller knows it; `chain` what the chain itself holds.
 *
 * @throws UntrustedError that names the first bad entry (`index` in its facts).
 */
export async function verifyBundle(
  primitives: Primitives,
  { header, entries }: BundleReader,
  known: { readonly pool?: Uint8Array | undefined; readonly chain?: ChainHeads | undefined } = {},
): Promise<{ readonly verdict: LogVerdict; readonly note: Uint8Array; readonly audit: LogAudit }> {
  const audit = new LogAudit(primitives)
  for await (const { leaf, changes } of entries) audit.add(leaf, changes)
  const { genesis, identity } = audit
  if (genesis === undefined) throw new UntrustedError('entry 0: this bundle has no entries', { index: 0 })
  const pool = poolIdOf(primitives, genesis)
  if (known.pool !== undefined && !equalBytes(known.pool, pool))
    throw new UntrustedError('entry 0: this bundle is of another pool', { index: 0 })
  const checkpoint = openCheckpoint(primitives, identity, header.note)
  const verdict = audit.verdict(checkpoint, header.tracker, known.chain ?? header.receipts)
  return { verdict, note: header.note, audit }
}
