/** What we use of hyperdht 6.34 and of dht-rpc beneath it. */
declare module 'hyperdht' {
  import type { EventEmitter } from 'node:events'
  import type NoiseSecretStream from '@hyperswarm/secret-stream'
  import type NoiseWrap from 'hyperdht/lib/noise-wrap.js'
  import type { SecretStreamOptions } from '@hyperswarm/secret-stream'
  import type { UdxStream } from 'udx-native'

  export interface KeyPair {
    readonly publicKey: Buffer
    readonly secretKey: Buffer
  }

  export interface HostPort {
    readonly host: string
    readonly port: number
  }

  export type MakeSecretStream = (
    isInitiator: boolean,
    rawStream: UdxStream | null,
    options: SecretStreamOptions,
  ) => NoiseSecretStream

  export type MakeHandshake = (keyPair: KeyPair, remotePublicKey: Buffer | null) => NoiseWrap

  export interface DhtOptions {
    readonly keyPair?: KeyPair
    readonly host?: string
    /** One port (and, with `anyPort`, the four above it), or a range [first, end). */
    readonly port?: number | readonly [number, number]
    readonly anyPort?: boolean
    readonly bootstrap?: readonly (string | HostPort)[]
    readonly firewalled?: boolean
    readonly ephemeral?: boolean
    /** Entries of each table that others can fill. */
    readonly maxSize?: number
    /** How long they are kept, ms, give or take a third; default 20 minutes. */
    readonly maxAge?: number
    /** What delay of an answer others may ask for, ms; default 10,000. */
    readonly maxPingDelay?: number
  }

  export interface ConnectOptions {
    readonly keyPair?: KeyPair
    readonly relayAddresses?: readonly HostPort[]
    /** The relay's key. */
    readonly relayThrough?: Buffer
    /** False gives up punching; a relay may still be found. */
    readonly holepunch?: () => boolean
    readonly createSecretStream?: MakeSecretStream
    readonly createHandshake?: MakeHandshake
  }

  /** What one side of a handshake says of itself: of a dialler the key is proven, that it is fresh is not. */
  export interface HandshakePayload {
    relayThrough: { readonly publicKey: Buffer; readonly token: Buffer } | null
  }

  export interface ServerOptions {
    /** True drops the dialler without an answer. */
    readonly firewall?: (
      remoteKey: Buffer,
      payload: HandshakePayload,
      from: HostPort,
    ) => boolean | Promise<boolean>
    readonly createSecretStream?: MakeSecretStream
    readonly createHandshake?: MakeHandshake
    /** How long a finished handshake's state is kept, ms. */
    readonly handshakeClearWait?: number
  }

  export interface DhtSocket {
    address(): HostPort
    /** Sends a packet, or loses it. */
    trySend(packet: Buffer, port: number, host: string, ttl: number): void
  }

  /** What another node asks of this one. */
  export interface DhtRequest {
    readonly command: number
    readonly from: HostPort
    readonly target: Buffer | null
    readonly value: Buffer | null
    /** Handed out by this node a moment ago, for the asker's address. */
    readonly token: Buffer | null
    reply(value: Buffer | null, options?: { readonly token?: boolean; readonly closerNodes?: boolean }): void
  }

  /** What a node that was asked says; unproven. */
  export interface LookupReply {
    readonly from: HostPort
    readonly peers: readonly { readonly publicKey: Buffer }[]
  }

  /** Ends with `close`; with an `error` before it where nobody could take an announcement. */
  export interface DhtQuery extends EventEmitter {
    on(event: 'data', listener: (reply: LookupReply) => void): this
    on(event: 'error', listener: (error: Error) => void): this
    on(event: 'close', listener: () => void): this
    destroy(): void
  }

  export interface DhtServer extends EventEmitter {
    listen(keyPair?: KeyPair): Promise<this>
    /** Announces itself anew soon. */
    refresh(): void
    close(): Promise<void>
    on(event: 'connection', listener: (stream: NoiseSecretStream) => void): this
  }

  export default class HyperDHT extends EventEmitter {
    constructor(options: DhtOptions)
    static hash(bytes: Uint8Array): Buffer
    static keyPair(seed: Uint8Array): KeyPair
    static bootstrapper(port: number, host: string, options?: DhtOptions): HyperDHT
    /** Behind a NAT as far as the node knows. */
    readonly firewalled: boolean
    readonly ephemeral: boolean
    /** Our address as others see it; null while it is unknown or not the same for all. */
    readonly host: string | null
    /** 0 where a NAT changes it by peer. */
    readonly port: number
    /** A NAT gives each peer another port of ours. */
    readonly randomized: boolean
    readonly online: boolean
    readonly listening: ReadonlySet<DhtServer>
    /** Nodes that are known, those heard of last first. */
    toArray(options: { readonly limit: number }): HostPort[]
    /** `to` is our address as the other node sees it. */
    ping(node: HostPort): Promise<{ readonly to: HostPort }>
    readonly rawStreams: { readonly size: number }
    readonly io: { readonly serverSocket: DhtSocket; readonly clientSocket: DhtSocket }
    /** Datagrams that asked, repeats apart. */
    readonly stats: { readonly requests: { readonly total: number } }
    readonly destroyed: boolean
    bind(): Promise<void>
    fullyBootstrapped(): Promise<void>
    /** Our reachable address; null while there is none. */
    remoteAddress(): HostPort | null
    /** Every request that came, before anything is done; the library's own, in dht-rpc 6. */
    _onrequest(request: DhtRequest, external: boolean): void
    /** False for what isn't done here. */
    onrequest(request: DhtRequest): boolean
    request(
      question: Pick<DhtRequest, 'command' | 'target' | 'value' | 'token'>,
      to: HostPort,
    ): Promise<{ readonly token: Buffer | null; readonly error: number }>
    readonly defaultKeyPair: KeyPair
    lookup(topic: Buffer, options?: { readonly concurrency?: number }): DhtQuery
    announce(topic: Buffer, keyPair: KeyPair, relayAddresses?: readonly HostPort[]): DhtQuery
    lookupAndUnannounce(topic: Buffer, keyPair: KeyPair): DhtQuery
    connect(key: Uint8Array, options?: ConnectOptions): NoiseSecretStream
    createServer(options?: ServerOptions): DhtServer
    createRawStream(options?: object): UdxStream
    destroy(options?: { readonly force?: boolean }): Promise<void>
  }
}
