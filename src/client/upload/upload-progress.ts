/** What of the plaintext is where, in bytes; each only rises. `sent` >= `decodable` >= `atTarget` at any time. */
export class UploadProgress {
  sent = 0
  decodable = 0
  atTarget = 0
  /** Shard bytes that were really handed to the network. */
  wire = 0
  /** Those of them that went out before. */
  repeated = 0
  readonly #owed = { sent: 0, decodable: 0, atTarget: 0 }
  readonly #changed: () => void

  constructor(changed: () => void) {
    this.#changed = changed
  }

  /** Bytes that were in the pool already, in healthy stripes. */
  known(bytes: number): void {
    this.sent += bytes
    this.decodable += bytes
    this.atTarget += bytes
    this.#changed()
  }

  add(what: 'sent' | 'decodable' | 'atTarget', bytes: number): void {
    const paid = Math.min(this.#owed[what], bytes)
    this.#owed[what] -= paid
    this[what] += bytes - paid
    this.#changed()
  }

  /** Bytes that were counted and must come again: what is added next makes up for them. */
  owe(what: 'sent' | 'decodable', bytes: number): void {
    this.#owed[what] += bytes
  }
}
