import type { Primitives } from '../../core/open/primitives.ts'
import type { Clock } from '../../ports/clock.ts'
import type { TrackerStore } from '../../ports/tracker-store.ts'
import type { TrackerEvents } from '../tracker-events.ts'
import { CapacityDesk } from './capacity-desk.ts'
import { CapacityRelay } from './capacity-relay.ts'
import { DrawSources } from './draw-sources.ts'
import { ProvenShards } from './proven-shards.ts'
import { ReportedWeights } from './reported-weights.ts'

/** What the tracker knows of providers' room, and draws from. */
export interface CapacityState {
  readonly draws: DrawSources
  readonly reported: ReportedWeights
  readonly proven: ProvenShards
  readonly desk: CapacityDesk
  readonly relay: CapacityRelay
}

export function createCapacityState(
  primitives: Pick<Primitives, 'sha256'>,
  parts: { readonly store: TrackerStore; readonly clock: Clock; readonly events: TrackerEvents },
): CapacityState {
  const proven = new ProvenShards(parts.clock)
  const desk = new CapacityDesk()
  const draws = new DrawSources(primitives)
  const relay = new CapacityRelay({ ...parts, desk, draws, proven })
  return { draws, reported: new ReportedWeights(), proven, desk, relay }
}
