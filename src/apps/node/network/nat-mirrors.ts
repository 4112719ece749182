/**
 * A node learns what NAT it is behind from how three others see it, and without knowing that no hole can be punched: all bytes would go
 * through a relay. A small pool has one reachable node, so that one shows itself under further ports too: a NAT that takes another
 * port for each of them is noticed, and one that does so only for other hosts fails to be punched, which a relay then makes up for.
 */
import { randomBytes } from 'node:crypto'
import type { UdpNode } from '../../../adapters/udp/udp-node.ts'
import { createUdpNode } from '../../../adapters/udp/udp-node.ts'
import { UnreachableError } from '../../../core/open/errors.ts'

/** With the node itself one more than the three that are needed: a datagram may be lost. */
export const MIRRORS = 3

export interface NatMirrors {
  readonly ports: readonly number[]
  close(): Promise<void>
}

/** Opens them on the ports that follow the node's, or on others where those are taken. */
export async function openNatMirrors(
  first: UdpNode,
  host: string,
  admits: ((key: Uint8Array) => boolean) | undefined,
): Promise<NatMirrors> {
  const { port: base, host: bound } = first.bound
  const mirrors: UdpNode[] = []
  const close = async (): Promise<void> => {
    await Promise.all(mirrors.map((mirror) => mirror.close()))
  }
  for (let i = 1; i <= MIRRORS; i++) {
    const open = (port: number): Promise<UdpNode> =>
      createUdpNode({
        seed: randomBytes(32),
        host: bound,
        port,
        bootstrap: [`${host}:${base}`],
        reachable: true,
        ...(admits === undefined ? {} : { admits }),
      })
    try {
      mirrors.push(
        await open(base + i).catch((error: unknown) => {
          if (error instanceof UnreachableError) return open(0)
          throw error
        }),
      )
    } catch (error) {
      await close()
      throw error
    }
  }
  return { ports: mirrors.map((mirror) => mirror.bound.port), close }
}
