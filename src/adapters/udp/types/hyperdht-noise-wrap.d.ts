/** What we use of hyperdht's own handshake, which its options allow to replace. */
declare module 'hyperdht/lib/noise-wrap.js' {
  import type { HandshakePayload, KeyPair } from 'hyperdht'

  /** One handshake, on either side. */
  export default class NoiseWrap {
    constructor(keyPair: KeyPair, remotePublicKey: Buffer | null)
    readonly remotePublicKey: Buffer | null
    send(payload: HandshakePayload): Buffer
    /** Throws for what isn't of this handshake. */
    recv(noise: Buffer): HandshakePayload
  }
}
