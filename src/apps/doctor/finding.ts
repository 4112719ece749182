import type { NetworkBook } from '../node/network/network-book.ts'
import type { TransportMode } from '../node/network/transport-mode.ts'

export interface Finding {
  readonly check:
    | 'network'
    | 'name'
    | 'tcp'
    | 'tls'
    | 'clock'
    | 'udp'
    | 'nat'
    | 'tracker-udp'
    | 'relays'
    | 'pool'
  /** `warning`: the pool works, but something works less well than it could. */
  readonly result: 'ok' | 'warning' | 'problem'
  readonly found: string
  /** Absent where nothing has to be done. */
  readonly advice?: string
}

export interface Patient {
  readonly tracker: { readonly address: string; readonly peerId: Uint8Array }
  readonly book: NetworkBook
  /** Ways that are looked at: those that commands take here. */
  readonly mode: TransportMode
  /** A seed for this examination alone. */
  readonly seed: Uint8Array
  /** Unix ms. */
  readonly now: () => number
}
