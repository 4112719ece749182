import type { UdpTransport } from '../udp/udp-transport.ts'

/** The UDP side with the node beneath it, which belongs to this transport. */
export interface UdpWay {
  readonly transport: Pick<UdpTransport, 'listen' | 'dial' | 'path' | 'refusalSince' | 'close'>
  /** What is bound, over IPv4. */
  readonly at: { readonly host: string; readonly port: number }
  /** Others reach that port without this node's help, as far as it knows. */
  readonly isReachable: () => boolean
  readonly onNetworkChange: (run: () => void) => () => void
  readonly close: () => Promise<void>
}
