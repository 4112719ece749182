import { toHex } from '../../core/open/bytes.ts'
import type { PinStore, SeenVersion } from '../../ports/pin-store.ts'

/** The newest versions of nodes that this home has verified: nothing older is believed. */
export class SeenVersions {
  readonly #store: PinStore
  #known: Promise<Map<string, SeenVersion>> | undefined
  #news: SeenVersion[] = []

  constructor(store: PinStore) {
    this.#store = store
  }

  /** The newest version that was seen of a node; 0 for one that is new. */
  async of(node: Uint8Array): Promise<number> {
    return (await this.#load()).get(toHex(node))?.version ?? 0
  }

  async see(node: Uint8Array, version: number): Promise<void> {
    const known = await this.#load()
    const name = toHex(node)
    if ((known.get(name)?.version ?? 0) >= version) return
    const seen = { node, version }
    known.set(name, seen)
    this.#news.push(seen)
  }

  /** Puts what is new on disk. */
  async save(): Promise<void> {
    const news = this.#news
    this.#news = []
    if (news.length > 0) await this.#store.see(news)
  }

  #load(): Promise<Map<string, SeenVersion>> {
    this.#known ??= this.#store
      .seen()
      .then((versions) => new Map(versions.map((seen) => [toHex(seen.node), seen])))
    return this.#known
  }
}
