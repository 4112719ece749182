/** What we use of blind-relay 1.6. */
declare module 'blind-relay' {
  import type { EventEmitter } from 'node:events'
  import type NoiseSecretStream from '@hyperswarm/secret-stream'
  import type { UdxStream } from 'udx-native'

  export interface RelaySession extends EventEmitter {
    destroy(error?: Error): void
  }

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
