/**
 * What a node or a client remembers of its pool's network, in `network.json`: bootstrap nodes, relays, and how peers were reached. All of
 * it is hints: a wrong one costs time, and keys prove who answers. So a file that is damaged counts as none.
 */
import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { errnoOf } from '../../../adapters/disk/disk-error.ts'
import type { KeptPath, KeptWay } from '../../../adapters/auto/path-memory.ts'
import { fromHex, toHex } from '../../../core/open/bytes.ts'
import { UsageError } from '../../../core/open/errors.ts'
import { hintsOfAddress, parsePeerAddress } from '../../../core/open/peers/peer-address.ts'
import type { NetworkPeer } from '../../../core/open/protocol/network-methods.ts'
import { NAT_OPEN, NODE_PROVIDER, NODE_TRACKER } from '../../../core/open/protocol/network-methods.ts'
import { readIfThere } from '../private-file.ts'

/** Bootstrap nodes: three would do, and as many again may be down. */
const MAX_NODES = 16
const MAX_RELAYS = 16
const MAX_FILE_BYTES = 1024 * 1024

interface Contents {
  readonly nodes: readonly string[]
  readonly relays: readonly Uint8Array[]
  /** Providers of the pool; 0 while that isn't known. */
  readonly providers: number
  /** Unix ms: when the pool was asked for them. */
  readonly asked: number
  readonly paths: readonly KeptPath[]
  /** Unix ms: when the paths were written down. */
  readonly kept: number
  /** Unix ms: until then a relay passes nothing on for this node, as it said; 0 where none does. */
  readonly refusedUntil: number
}

const EMPTY: Contents = { nodes: [], relays: [], providers: 0, asked: 0, paths: [], kept: 0, refusedUntil: 0 }
/** What a relay says is a hint; none keeps anybody waiting for longer, ms. */
const MAX_REFUSED_MS = 48 * 60 * 60_000

/** The answer of the pool to `exchange-network`. */
export interface NetworkNews {
  readonly version: Uint8Array
  readonly peers?: readonly NetworkPeer[] | undefined
  readonly keys?: readonly Uint8Array[] | undefined
}

export class NetworkBook {
  readonly #file: string | undefined
  readonly #now: () => number
  #contents: Contents
  #version: Uint8Array | undefined
  #admitted: ReadonlySet<string> | undefined
  /** Called when somebody announces who isn't known to belong to the pool: that may be out of date. */
  onStranger: (() => void) | undefined

  private constructor(file: string | undefined, now: () => number, contents: Contents) {
    this.#file = file
    this.#now = now
    this.#contents = contents
  }

  /** Reads the book; without a file, one that lives as long as the process. */
  static async open(file: string | undefined, now: () => number = Date.now): Promise<NetworkBook> {
    const text = file === undefined ? undefined : await readIfThere(file)
    const tooLong = text === undefined || text.length > MAX_FILE_BYTES
    return new NetworkBook(file, now, tooLong ? EMPTY : parseContents(text.toString('utf8')))
  }

  /** `host:port` of nodes that others reach over UDP. */
  get nodes(): readonly string[] {
    return this.#contents.nodes
  }

  /** Raw keys of the pool's relays. */
  get relays(): readonly Uint8Array[] {
    return this.#contents.relays
  }

  /** How many providers the pool had when it was asked; 0 while that isn't known. */
  get providers(): number {
    return this.#contents.providers
  }

  /** How long a relay of the pool passes nothing on for this node, as it said, ms; 0 where none does. */
  get refusedFor(): number {
    return Math.min(Math.max(0, this.#contents.refusedUntil - this.#now()), MAX_REFUSED_MS)
  }

  /** Of the newest answer in this process. */
  get version(): Uint8Array | undefined {
    return this.#version
  }

  /** How long ago the pool was asked, ms. */
  get age(): number {
    return Math.max(0, this.#now() - this.#contents.asked)
  }

  /** How peers were reached, and how long ago that was written, ms. */
  get paths(): { readonly paths: readonly KeptPath[]; readonly ago: number } {
    return { paths: this.#contents.paths, ago: Math.max(0, this.#now() - this.#contents.kept) }
  }

  /** Whether a relay may serve this key. */
  admits(peerKey: Uint8Array): boolean {
    return this.#admitted?.has(toHex(peerKey)) === true
  }

  /** Whether a node stores what this key announces: anybody's, before it knows who belongs to the pool. */
  mayAnnounce(key: Uint8Array): boolean {
    if (this.#admitted === undefined || this.admits(key)) return true
    this.onStranger?.()
    return false
  }

  /** Takes in the pool's answer, and writes it down. */
  async learn({ version, peers, keys }: NetworkNews): Promise<void> {
    this.#version = version
    if (keys !== undefined) this.#admitted = new Set(keys.map((key) => toHex(key)))
    const found =
      peers === undefined
        ? {}
        : {
            nodes: distinct(peers.filter(carriesDht).flatMap(hintsOf)).slice(0, MAX_NODES),
            relays: peers.flatMap(({ relay }) => relay ?? []).slice(0, MAX_RELAYS),
            providers: peers.filter(({ role }) => role === NODE_PROVIDER).length,
          }
    await this.#save({ ...this.#contents, ...found, asked: this.#now() })
  }

  /** Writes down how peers were reached. */
  async keepPaths(paths: readonly KeptPath[]): Promise<void> {
    if (paths.length === 0) return
    await this.#save({ ...this.#contents, paths, kept: this.#now() })
  }

  /** Writes down that a relay passes nothing on for this node, for so long. */
  async noteRefusal(ms: number): Promise<void> {
    if (!(ms > this.refusedFor)) return
    await this.#save({ ...this.#contents, refusedUntil: this.#now() + Math.min(ms, MAX_REFUSED_MS) })
  }

  async #save(contents: Contents): Promise<void> {
    this.#contents = contents
    if (this.#file === undefined) return
    const plain = { ...contents, relays: contents.relays.map((key) => toHex(key)) }
    await replaceHints(this.#file, `${JSON.stringify(plain)}\n`)
  }
}

/** Commands of one home run side by side, so each writes a file of its own before it takes the place. */
async function replaceHints(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}`
  try {
    await fs.writeFile(temporary, text, { mode: 0o600 })
    await fs.rename(temporary, file)
  } catch (error) {
    await fs.rm(temporary, { force: true })
    // A folder that is full or can't be written to keeps no hints, and is no reason to fail.
    if (errnoOf(error) === undefined) throw error
  }
}

/** A tracker that others don't reach by itself names those that know the way to it. */
function carriesDht({ nat, role }: NetworkPeer): boolean {
  return nat === NAT_OPEN || role === NODE_TRACKER
}

function hintsOf({ address }: NetworkPeer): string[] {
  try {
    return hintsOfAddress(parsePeerAddress(address))
  } catch (error) {
    // An address in a form that this version doesn't know is a hint fewer.
    if (error instanceof UsageError) return []
    throw error
  }
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}

function parseContents(text: string): Contents {
  let root: unknown
  try {
    root = JSON.parse(text)
  } catch {
    return EMPTY
  }
  if (typeof root !== 'object' || root === null) return EMPTY
  const field = (name: string): unknown => (root as Record<string, unknown>)[name]
  const list = (name: string): unknown[] => {
    const value = field(name)
    return Array.isArray(value) ? value : []
  }
  const time = (name: string): number => finite(field(name)) ?? 0
  return {
    nodes: list('nodes').filter(isHostPort).slice(0, MAX_NODES),
    relays: list('relays')
      .map((key) => (typeof key === 'string' ? fromHex(key) : undefined))
      .filter((key) => key?.length === 32)
      .slice(0, MAX_RELAYS) as Uint8Array[],
    providers: Math.floor(time('providers')),
    asked: time('asked'),
    paths: list('paths').flatMap(keptPath),
    kept: time('kept'),
    refusedUntil: time('refusedUntil'),
  }
}

function isHostPort(value: unknown): value is string {
  return typeof value === 'string' && /^[^\s:[\]/#+@,]{1,253}:[0-9]{1,5}$/.test(value)
}

function finite(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}

function keptPath(value: unknown): KeptPath[] {
  if (typeof value !== 'object' || value === null) return []
  const { peer, used, relayed, tls, udp } = value as Record<string, unknown>
  if (typeof peer !== 'string' || !/^[0-9a-f]{64}$/.test(peer)) return []
  return [
    {
      peer,
      ...(used === 'tls' || used === 'udp' ? { used } : {}),
      ...(typeof relayed === 'boolean' ? { relayed } : {}),
      tls: keptWay(tls),
      udp: keptWay(udp),
    },
  ]
}

function keptWay(value: unknown): KeptWay {
  if (typeof value !== 'object' || value === null) return {}
  const found = value as Record<string, unknown>
  const names = ['failedAgo', 'measuredAgo', 'goodput', 'roundTripMs'] as const
  const known = names.flatMap((name) => {
    const number = finite(found[name])
    return number === undefined ? [] : [[name, number] as const]
  })
  return Object.fromEntries(known)
}
