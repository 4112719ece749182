import * as fs from 'node:fs'
import * as path from 'node:path'
import HyperDHT from 'hyperdht'
import { afterEach, describe, expect, it } from 'vitest'
import { UsageError } from '../../core/open/errors.ts'
import { freeUdpPort } from './free-udp-port.ts'
import type { UdpNode, UdpNodeOptions } from './udp-node.ts'
import { createUdpNode } from './udp-node.ts'

const host = '127.0.0.1'
const nodes: UdpNode[] = []
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close()))
})

async function start(options: Omit<UdpNodeOptions, 'seed' | 'host'>): Promise<UdpNode> {
  const node = await createUdpNode({ seed: new Uint8Array(32).fill(nodes.length + 1), host, ...options })
  nodes.push(node)
  return node
}

/** Whom a node begins with, as the library has taken it in. */
const begunWith = ({ dht }: UdpNode): unknown =>
  (dht as unknown as { bootstrapNodes: unknown }).bootstrapNodes

describe('a node of the pool’s DHT', () => {
  it('begins with the nodes that it is given, never with those of the library', async () => {
    // Whoever leaves them out gets public ones: that this is still so makes the rest worth testing.
    const { BOOTSTRAP } = HyperDHT as unknown as { BOOTSTRAP: readonly string[] }
    expect(BOOTSTRAP.length).toBeGreaterThan(0)
    const port = await freeUdpPort()
    const first = await start({ port, bootstrap: [], bootstrapHost: host })
    expect(begunWith(first)).toEqual([])
    const second = await start({ bootstrap: [`${host}:${port}`] })
    expect(begunWith(second)).toEqual([{ host, port }])
    await second.joined()
    expect(second.dht.toArray({ limit: 9 })).toEqual([{ host, port }])
    await expect(start({ bootstrap: [] })).rejects.toThrow(UsageError)
  })

  it('is made in one place', () => {
    const src = path.join(import.meta.dirname, '..', '..')
    const makers = fs
      .readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !/\.(?:test|fixture|d)\.ts$/.test(name))
      .filter((name) =>
        /new (?:Guarded|Hyper)D(?:ht|HT)\(|bootstrapper\(/.test(
          fs.readFileSync(path.join(src, name), 'utf8'),
        ),
      )
    expect(makers).toEqual(['adapters/udp/udp-node.ts'])
  })
})
