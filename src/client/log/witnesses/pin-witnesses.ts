import { equalBytes } from '../../../core/open/bytes.ts'
import { genesisCodec } from '../../../core/open/objects/identity.ts'
import { ZERO_ID } from '../../../core/open/objects/suite.ts'
import type { LogClient } from '../log-client.ts'
import type { ProvenEntry } from '../map-query.ts'
import { witnessesOf } from './witness-set.ts'

/** Pins who witnesses, by what the map has proven of it. */
export async function pinWitnesses(log: LogClient, found: readonly ProvenEntry[]): Promise<void> {
  const { primitives, identity } = log.parts
  const { counted: witnesses } = witnessesOf(primitives, identity, found)
  const pins = await log.pins()
  // The founder runs the log.
  const tracker = genesisCodec.decode(identity.genesis).admins[0] ?? ZERO_ID
  const isSame =
    equalBytes(tracker, pins.tracker) &&
    witnesses.length === pins.witnesses.length &&
    witnesses.every(({ operator, key }, i) => {
      const known = pins.witnesses[i]!
      return equalBytes(operator, known.operator) && equalBytes(key, known.key)
    })
  // A quorum has come as far as what was to be accepted without one.
  const isOver = pins.notice !== undefined && (pins.head?.size ?? 0) >= pins.notice.size
  if (isSame && !isOver) return
  await log.update((stored) => ({
    ...stored,
    witnesses,
    tracker,
    notice: isOver ? undefined : stored.notice,
  }))
}
