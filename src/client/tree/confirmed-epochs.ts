import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { encodeCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import { mapSpace } from '../../core/open/log/map/map-key.ts'
import { FIRST_EPOCH } from '../../core/open/objects/operation.ts'
import type { SpaceView } from '../../core/open/protocol/tracker-methods.ts'
import { MAX_PINNED } from '../../ports/pin-store.ts'
import type { LogReader, Proven } from '../log/log-reader.ts'

/**
 * Holds the served epochs against the list of spaces, whose entries set them: so far only the one that begins a space does. Pins
 * them; throws UntrustedError for another epoch, and for an older one than this home has seen.
 */
export async function confirmEpochs(
  log: LogReader,
  views: readonly SpaceView[],
  { found, proof, view: head }: Proven,
): Promise<void> {
  const { primitives } = log.parts
  const entries = new Map(found.map(({ key, entry }) => [toHex(key), entry]))
  const { spaces } = await log.pins()
  const pinned = new Map(spaces.map(({ space, epoch }) => [toHex(space), epoch]))
  for (const { space, epoch, genesis } of views) {
    const key = mapSpace(primitives, space)
    // What this device has made just now may be in no head yet; then its own genesis says the same.
    const entry = entries.get(toHex(key))
    const isFirst = entry === undefined || equalBytes(entry.body, genesis.signed[0])
    const isOlder = (pinned.get(toHex(space)) ?? 0) > epoch
    if (isFirst && epoch === FIRST_EPOCH && !isOlder) continue
    throw await log.mistrust(
      isOlder
        ? 'the tracker serves an older epoch of a space than this home has seen'
        : 'the tracker gives a space another epoch than the log',
      { served: encodeCheckpoint(primitives, log.identity, head.checkpoint), keys: [key], proof },
      { space, epoch },
    )
  }
  if (views.every(({ space, epoch }) => pinned.get(toHex(space)) === epoch)) return
  const fresh = new Set(views.map(({ space }) => toHex(space)))
  await log.update((pins) => ({
    ...pins,
    spaces: [
      ...pins.spaces.filter(({ space }) => !fresh.has(toHex(space))),
      ...views.map(({ space, epoch }) => ({ space, epoch })),
    ].slice(-MAX_PINNED),
  }))
}
