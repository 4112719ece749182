import { toHex } from '../../core/open/bytes.ts'
import { encodeCheckpoint } from '../../core/open/log/heads/checkpoint.ts'
import { headCheckpoint } from '../../core/open/log/heads/fork-proof.ts'
import type { Head } from '../../core/open/objects/operation.ts'
import type { LogClient } from './log-client.ts'
import { meetCheckpoint } from './meet-checkpoint.ts'

/** Heads of other devices that are remembered. */
const MAX_MET = 10_000

/** Heads that operations of other devices name, each held against the log once. */
export class MetHeads {
  readonly #log: LogClient
  readonly #met = new Map<string, Promise<unknown>>()

  constructor(log: LogClient) {
    this.#log = log
  }

  /** Errors as of `meetCheckpoint`. */
  meet(head: Head): Promise<unknown> {
    if (head.size === 0) return Promise.resolve()
    const name = `${head.size} ${toHex(head.root)} ${toHex(head.signature)}`
    let met = this.#met.get(name)
    if (met === undefined) {
      if (this.#met.size >= MAX_MET) this.#met.clear()
      const { identity, parts } = this.#log
      const note = encodeCheckpoint(parts.primitives, identity, headCheckpoint(identity, head))
      met = meetCheckpoint(this.#log, note)
      this.#met.set(name, met)
      met.catch(() => this.#met.delete(name))
    }
    return met
  }
}
