/** What the tests and a peer's process say to each other. */
import type { NatKind } from '../../src/adapters/udp/udp-node.ts'
import type { UdpPath } from '../../src/adapters/udp/udp-transport.ts'

export interface PeerOptions {
  /** All 32 bytes of the seed. */
  readonly seed: number
  readonly bootstrap: readonly string[]
  readonly bootstrapHost?: string
  readonly port?: number
  readonly reachable?: boolean
  /** Keys in hex. */
  readonly relays: readonly string[]
}

export type PeerRequest =
  | { readonly do: 'listen' | 'info' | 'hang-up' }
  /** Relays; for a few bytes a day where that is said. */
  | { readonly do: 'relay'; readonly bytesPerDay?: number }
  | { readonly do: 'dial'; readonly address: string }
  | { readonly do: 'echo'; readonly bytes: number }

export type PeerCommand = PeerRequest & { readonly id: number }

export interface PeerReply {
  readonly id: number
  readonly ms?: number
  readonly key?: string
  readonly address?: string
  readonly nat?: NatKind
  readonly path?: UdpPath
  readonly relayed?: number
  readonly error?: string
}
