/** What we use of udx-native 1.21. */
declare module 'udx-native' {
  import type { EventEmitter } from 'node:events'

  export interface UdxSocket extends EventEmitter {
    address(): { readonly host: string; readonly family: number; readonly port: number } | null
    trySend(bytes: Uint8Array, port: number, host: string): void
  }

  /** A reliable ordered stream of datagrams; its `data` events carry ciphertext. */
  export interface UdxStream extends EventEmitter {
    readonly id: number
    readonly remoteId: number
    readonly remoteHost: string | null
    readonly remotePort: number
    readonly socket: UdxSocket | null
    /** Smoothed round trip, ms. */
    readonly rtt: number
    /** Bytes of all packets that came in for the stream, headers and repeats included, in whatever order. */
    readonly bytesReceived: number
    readonly packetsReceived: number
    readonly bytesTransmitted: number
    destroy(error?: Error): void
  }
}
