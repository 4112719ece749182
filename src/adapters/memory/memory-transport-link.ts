import type { ByteLink } from '../wire/link.ts'
import type { Session } from '../wire/session.ts'

/** One end of a byte stream within a process; `stalled` holds back what this end sends, as a stopped process would. */
export class MemoryLink implements ByteLink {
  readonly remoteAddress: string
  #peer: MemoryLink | undefined
  #session: Session | undefined
  #stalled = false
  #ended = false
  #gone = false
  readonly #queue: { readonly bytes: Uint8Array; readonly done: () => void }[] = []
  #running = false

  constructor(remoteAddress: string) {
    this.remoteAddress = remoteAddress
  }

  join(peer: MemoryLink): void {
    this.#peer = peer
  }

  attach(session: Session): void {
    this.#session = session
  }

  get stalled(): boolean {
    return this.#stalled
  }

  set stalled(value: boolean) {
    this.#stalled = value
    this.#schedule()
  }

  write(bytes: Uint8Array, done: () => void): void {
    this.#queue.push({ bytes, done })
    this.#schedule()
  }

  end(): void {
    this.#ended = true
    this.#schedule()
  }

  destroy(): void {
    if (this.#gone) return
    this.#gone = true
    this.#queue.length = 0
    const peer = this.#peer
    setImmediate(() => peer?.lose())
  }

  receive(bytes: Uint8Array): void {
    this.#session?.receive(bytes)
  }

  /** The other end is gone. */
  lose(): void {
    this.#gone = true
    this.#queue.length = 0
    this.#session?.lost()
  }

  #schedule(): void {
    if (this.#running || this.#stalled || this.#gone || (this.#queue.length === 0 && !this.#ended)) return
    this.#running = true
    setImmediate(() => this.#deliver())
  }

  /** One write a turn, as a socket would. */
  #deliver(): void {
    this.#running = false
    if (this.#stalled || this.#gone) return
    const next = this.#queue.shift()
    if (next !== undefined) {
      this.#peer?.receive(next.bytes)
      next.done()
    } else if (this.#ended) this.destroy()
    this.#schedule()
  }
}

/** Two joined ends; each sees the other at the given address. */
export function memoryLinks(near: string, far: string): [MemoryLink, MemoryLink] {
  const a = new MemoryLink(far)
  const b = new MemoryLink(near)
  a.join(b)
  b.join(a)
  return [a, b]
}
