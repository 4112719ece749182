import type { PlacementChoice, PlacementRequest } from '../core/open/placement.ts'

/**
 * Chooses the providers of a stripe's shards. Hard promises: never two shards on one provider, never a provider outside the
 * candidates; NotEnoughProvidersError or CapacityError rather than fewer than asked.
 */
export interface Placement {
  choose(request: PlacementRequest): PlacementChoice
}
