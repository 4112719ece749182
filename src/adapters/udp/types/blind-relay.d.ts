/** What we use of blind-relay 1.6. */
declare module 'blind-relay' {
  import type { EventEmitter } from 'node:events'
  import type NoiseSecretStream from '@hyperswarm/secret-stream'
  import type { UdxStream } from 'udx-native'

  /** Encodes into, and decodes from, `buffer` between `start` and `end`. */
  export interface MuxCodec {
    preencode(state: { end: number }, bytes: Uint8Array): void
    encode(state: { start: number; readonly buffer: Uint8Array }, bytes: Uint8Array): void
    decode(state: { start: number; readonly end: number; readonly buffer: Uint8Array }): Uint8Array
  }

  /** The channels of a stream (protomux 3.12). */
  export interface Mux {
    /** Null where the stream is gone. `onopen` gets what the other end opened it with. */
    createChannel(options: {
      readonly protocol: string
      readonly handshake: MuxCodec
      readonly onopen: (bytes: Uint8Array) => void
      readonly onclose?: () => void
    }): { open(bytes: Uint8Array): void } | null
    /** Calls `notify` when the other end opens a channel of this protocol that isn't open here. */
    pair(what: { readonly protocol: string }, notify: () => void): void
  }

  export interface RelaySession extends EventEmitter {
    readonly mux: Mux
    destroy(error?: Error): void
    on(event: 'error' | 'open', listener: () => void): this
    on(
      event: 'pair',
      listener: (isInitiator: boolean, token: Uint8Array, stream: UdxStream, remoteId: number) => void,
    ): this
  }

  /** Asks a relay; one a stream. */
  export class Client extends EventEmitter {
    static from(stream: NoiseSecretStream, options: { readonly id: Uint8Array }): Client
    readonly mux: Mux
    /** Its `data` is the id under which the relay knows the stream; `error` where there is no pair. */
    pair(isInitiator: boolean, token: Uint8Array, stream: UdxStream): EventEmitter
  }

  /** A fresh one. */
  export function token(): Buffer

  export class Server extends EventEmitter {
    constructor(options: { readonly createStream: (options: object) => UdxStream })
    readonly stats: {
      readonly sessions: { readonly active: number }
      readonly pairings: { readonly pending: number; readonly active: number; readonly matched: number }
    }
    accept(stream: NoiseSecretStream, options: { readonly id: Uint8Array }): RelaySession
    close(): Promise<void>
  }
}
