/** What we use of multicast-dns 7.2. */
declare module 'multicast-dns' {
  import type { Socket } from 'node:dgram'
  import type { EventEmitter } from 'node:events'

  export interface Question {
    readonly name: string
    readonly type: string
  }

  export interface Resource {
    readonly name: string
    readonly type: string
    readonly ttl?: number
    /** Of a TXT record: its strings. */
    readonly data?: unknown
  }

  export interface Packet {
    readonly questions: readonly Question[]
    readonly answers: readonly Resource[]
  }

  export interface Sender {
    readonly address: string
    readonly port: number
  }

  export interface MulticastDns extends EventEmitter {
    on(event: 'ready', listener: () => void): this
    /** The socket can't be used. */
    on(event: 'error', listener: (error: Error) => void): this
    /** One packet or one attempt to send failed. */
    on(event: 'warning', listener: (error: Error) => void): this
    on(event: 'query' | 'response', listener: (packet: Packet, from: Sender) => void): this
    query(questions: readonly Question[], done: (error?: Error | null) => void): void
    respond(answers: readonly Resource[], done: (error?: Error | null) => void): void
    destroy(done: () => void): void
  }

  export interface MulticastDnsOptions {
    readonly socket: Socket
    readonly port: number
    /** The IPv4 address of the interface that it speaks and listens on. */
    readonly interface: string
    readonly bind: string
  }

  export default function multicastDns(options: MulticastDnsOptions): MulticastDns
}
