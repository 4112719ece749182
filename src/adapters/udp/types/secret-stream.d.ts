/** What we use of @hyperswarm/secret-stream 6.9. */
declare module '@hyperswarm/secret-stream' {
  import type { EventEmitter } from 'node:events'
  import type { UdxStream } from 'udx-native'

  export interface SecretStreamOptions {
    readonly autoStart?: boolean
    readonly keepAlive?: number
    readonly publicKey?: Uint8Array
    readonly remotePublicKey?: Uint8Array
    readonly handshake?: object
    /** Unordered messages outside of the stream; default true. */
    readonly enableSend?: boolean
  }

  /** An ordered stream of encrypted records; `data` events carry one record's plaintext each. Based on streamx, not on node:stream. */
  export default class NoiseSecretStream extends EventEmitter {
    constructor(isInitiator: boolean, rawStream: UdxStream | null, options?: SecretStreamOptions)
    readonly publicKey: Uint8Array
    readonly remotePublicKey: Uint8Array
    readonly rawStream: UdxStream | null
    readonly destroyed: boolean
    readonly destroying: boolean
    /** Ciphertext bytes of whole records so far. */
    readonly rawBytesRead: number
    /** Resolves to true once records can be exchanged, to false when the stream ended before that. */
    readonly opened: Promise<boolean>
    start(rawStream: UdxStream | null, options?: SecretStreamOptions): void
    /** Destroys the stream after this many ms without a byte. */
    setTimeout(ms: number): void
    /** False when the caller should wait for `drain`. The bytes must stay untouched until then. */
    write(bytes: Uint8Array): boolean
    end(): void
    destroy(error?: Error): void
    resume(): this
  }
}
